using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Limits of a session with everything below it; <see cref="Window.Unlimited"/> where there is none.
/// </summary>
internal readonly record struct RunLimits(long CostNanos, long Subagents, long ConcurrentSubagents, long Depth)
{
    /// <summary>
    /// Sessions that may be open at once below one, whatever its catalog says: one end takes them all along.
    /// </summary>
    internal const long ConcurrentSubagentsMax = 10_000;

    /// <summary>
    /// Levels below a session, whatever its catalog says: a spend is charged on every one of them.
    /// </summary>
    internal const long DepthMax = 100;

    /// <summary>Limits nothing.</summary>
    public static readonly RunLimits None =
        new(Window.Unlimited, Window.Unlimited, Window.Unlimited, Window.Unlimited);

    /// <summary>What a message says; absent fields limit nothing.</summary>
    public static RunLimits From(RunCeilings? ceilings) => ceilings is null
        ? None
        : new RunLimits(
            ceilings.Cost is null ? Window.Unlimited : MoneyMath.ToNanos(ceilings.Cost),
            ceilings.HasSubagents ? ceilings.Subagents : Window.Unlimited,
            ceilings.HasConcurrentSubagents ? ceilings.ConcurrentSubagents : Window.Unlimited,
            ceilings.HasDepth ? ceilings.Depth : Window.Unlimited);

    /// <summary>The lower of each.</summary>
    public RunLimits NarrowedTo(in RunLimits other) => new(
        Math.Min(CostNanos, other.CostNanos),
        Math.Min(Subagents, other.Subagents),
        Math.Min(ConcurrentSubagents, other.ConcurrentSubagents),
        Math.Min(Depth, other.Depth));

    public RunCeilings ToMessage(string currency)
    {
        var message = new RunCeilings();
        if (CostNanos != Window.Unlimited) message.Cost = MoneyMath.ToMoney(CostNanos, currency);
        if (Subagents != Window.Unlimited) message.Subagents = Subagents;
        if (ConcurrentSubagents != Window.Unlimited) message.ConcurrentSubagents = ConcurrentSubagents;
        if (Depth != Window.Unlimited) message.Depth = Depth;
        return message;
    }
}
