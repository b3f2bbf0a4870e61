using AgentBudget.Grains.Prices;
using AgentBudget.Protocol.V1;
using Budget = AgentBudget.Grains.Budgets.Budget;

namespace AgentBudget.Grains.Sessions;

/// <summary>Limits of one session; <see cref="Budget.Unlimited"/> where there is none.</summary>
internal readonly record struct SessionCeilings(
    long TokensPerRequest, long CostNanos, long Tokens, long Steps, long ToolCalls, long OpenHolds)
{
    /// <summary>
    /// Holds that one session may have open at once where its agent's catalog entry is silent: enough for any fan-out,
    /// too few to starve a budget by holding without committing.
    /// </summary>
    internal const long OpenHoldsDefault = 1000;

    /// <summary>Limits nothing.</summary>
    public static readonly SessionCeilings None = new(
        Budget.Unlimited, Budget.Unlimited, Budget.Unlimited, Budget.Unlimited, Budget.Unlimited, Budget.Unlimited);

    /// <summary>What a message says; absent fields limit nothing.</summary>
    public static SessionCeilings From(Ceilings? ceilings)
    {
        if (ceilings is null) return None;
        return new SessionCeilings(
            ceilings.HasTokensPerRequest ? ceilings.TokensPerRequest : Budget.Unlimited,
            ceilings.CostPerSession is null ? Budget.Unlimited : MoneyMath.ToNanos(ceilings.CostPerSession),
            ceilings.HasTokensPerSession ? ceilings.TokensPerSession : Budget.Unlimited,
            ceilings.HasStepsPerSession ? ceilings.StepsPerSession : Budget.Unlimited,
            ceilings.HasToolCallsPerSession ? ceilings.ToolCallsPerSession : Budget.Unlimited,
            ceilings.HasOpenHolds ? ceilings.OpenHolds : Budget.Unlimited);
    }

    /// <summary>The lower of each.</summary>
    public SessionCeilings NarrowedTo(in SessionCeilings other) => new(
        Math.Min(TokensPerRequest, other.TokensPerRequest),
        Math.Min(CostNanos, other.CostNanos),
        Math.Min(Tokens, other.Tokens),
        Math.Min(Steps, other.Steps),
        Math.Min(ToolCalls, other.ToolCalls),
        Math.Min(OpenHolds, other.OpenHolds));

    public Ceilings ToMessage(string currency)
    {
        var message = new Ceilings();
        if (TokensPerRequest != Budget.Unlimited) message.TokensPerRequest = TokensPerRequest;
        if (CostNanos != Budget.Unlimited) message.CostPerSession = MoneyMath.ToMoney(CostNanos, currency);
        if (Tokens != Budget.Unlimited) message.TokensPerSession = Tokens;
        if (Steps != Budget.Unlimited) message.StepsPerSession = Steps;
        if (ToolCalls != Budget.Unlimited) message.ToolCallsPerSession = ToolCalls;
        if (OpenHolds != Budget.Unlimited) message.OpenHolds = OpenHolds;
        return message;
    }
}
