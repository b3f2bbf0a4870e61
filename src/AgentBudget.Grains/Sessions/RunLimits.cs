using AgentBudget.Grains.Prices;
using AgentBudget.Protocol.V1;
using Budget = AgentBudget.Grains.Budgets.Budget;

namespace AgentBudget.Grains.Sessions;

/// <summary>
/// Limits of a session with everything below it; <see cref="Budget.Unlimited"/> where there is none.
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
        new(Budget.Unlimited, Budget.Unlimited, Budget.Unlimited, Budget.Unlimited);

    /// <summary>What a message says; absent fields limit nothing.</summary>
    public static RunLimits From(RunCeilings? ceilings) => ceilings is null
        ? None
        : new RunLimits(
            ceilings.Cost is null ? Budget.Unlimited : MoneyMath.ToNanos(ceilings.Cost),
            ceilings.HasSubagents ? ceilings.Subagents : Budget.Unlimited,
            ceilings.HasConcurrentSubagents ? ceilings.ConcurrentSubagents : Budget.Unlimited,
            ceilings.HasDepth ? ceilings.Depth : Budget.Unlimited);

    /// <summary>The lower of each.</summary>
    public RunLimits NarrowedTo(in RunLimits other) => new(
        Math.Min(CostNanos, other.CostNanos),
        Math.Min(Subagents, other.Subagents),
        Math.Min(ConcurrentSubagents, other.ConcurrentSubagents),
        Math.Min(Depth, other.Depth));

    public RunCeilings ToMessage(string currency)
    {
        var message = new RunCeilings();
        if (CostNanos != Budget.Unlimited) message.Cost = MoneyMath.ToMoney(CostNanos, currency);
        if (Subagents != Budget.Unlimited) message.Subagents = Subagents;
        if (ConcurrentSubagents != Budget.Unlimited) message.ConcurrentSubagents = ConcurrentSubagents;
        if (Depth != Budget.Unlimited) message.Depth = Depth;
        return message;
    }
}
