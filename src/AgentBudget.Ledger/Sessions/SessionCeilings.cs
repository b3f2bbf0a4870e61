using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>Limits of one session; <see cref="Window.Unlimited"/> where there is none.</summary>
internal readonly record struct SessionCeilings(
    long TokensPerRequest, long CostNanos, long Tokens, long Steps, long ToolCalls, long OpenHolds, RunLimits Run)
{
    /// <summary>
    /// Holds that one session may have open at once where its agent's catalog entry is silent: enough for any fan-out,
    /// too few to starve a budget by holding without committing.
    /// </summary>
    internal const long OpenHoldsDefault = 1000;

    /// <summary>Limits nothing.</summary>
    public static readonly SessionCeilings None = new(
        Window.Unlimited, Window.Unlimited, Window.Unlimited, Window.Unlimited, Window.Unlimited, Window.Unlimited,
        RunLimits.None);

    /// <summary>What the session's budget is limited to: it counts everything below the session too.</summary>
    public long BudgetNanos => Math.Min(CostNanos, Run.CostNanos);

    /// <summary>What a message says; absent fields limit nothing.</summary>
    public static SessionCeilings From(Ceilings? ceilings)
    {
        if (ceilings is null) return None;
        return new SessionCeilings(
            ceilings.HasTokensPerRequest ? ceilings.TokensPerRequest : Window.Unlimited,
            ceilings.CostPerSession is null ? Window.Unlimited : MoneyMath.ToNanos(ceilings.CostPerSession),
            ceilings.HasTokensPerSession ? ceilings.TokensPerSession : Window.Unlimited,
            ceilings.HasStepsPerSession ? ceilings.StepsPerSession : Window.Unlimited,
            ceilings.HasToolCallsPerSession ? ceilings.ToolCallsPerSession : Window.Unlimited,
            ceilings.HasOpenHolds ? ceilings.OpenHolds : Window.Unlimited,
            RunLimits.From(ceilings.Run));
    }

    /// <summary>The lower of each.</summary>
    public SessionCeilings NarrowedTo(in SessionCeilings other) =>
        NarrowedToParent(other) with { Run = Run.NarrowedTo(other.Run) };

    /// <summary>
    /// The lower of each but the run's: what limits the tree below a parent is asked of the parent itself, so that the
    /// session that set a limit is the one that refuses.
    /// </summary>
    public SessionCeilings NarrowedToParent(in SessionCeilings parent) => new(
        Math.Min(TokensPerRequest, parent.TokensPerRequest),
        Math.Min(CostNanos, parent.CostNanos),
        Math.Min(Tokens, parent.Tokens),
        Math.Min(Steps, parent.Steps),
        Math.Min(ToolCalls, parent.ToolCalls),
        Math.Min(OpenHolds, parent.OpenHolds),
        Run);

    public Ceilings ToMessage(string currency)
    {
        var message = new Ceilings();
        if (TokensPerRequest != Window.Unlimited) message.TokensPerRequest = TokensPerRequest;
        if (CostNanos != Window.Unlimited) message.CostPerSession = MoneyMath.ToMoney(CostNanos, currency);
        if (Tokens != Window.Unlimited) message.TokensPerSession = Tokens;
        if (Steps != Window.Unlimited) message.StepsPerSession = Steps;
        if (ToolCalls != Window.Unlimited) message.ToolCallsPerSession = ToolCalls;
        if (OpenHolds != Window.Unlimited) message.OpenHolds = OpenHolds;
        if (Run != RunLimits.None) message.Run = Run.ToMessage(currency);
        return message;
    }
}
