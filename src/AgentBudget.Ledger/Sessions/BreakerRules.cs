using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>One breaker as the catalog says it; the default is none.</summary>
internal readonly record struct BreakerRule(long Limit, bool Enforces, bool SuspendsRun)
{
    /// <summary>Trips never.</summary>
    public static readonly BreakerRule None = new(long.MaxValue, Enforces: false, SuspendsRun: false);

    public BreakerMode Mode => Enforces ? BreakerMode.Enforce : BreakerMode.Observe;

    public static BreakerRule From(CountBreaker? breaker) =>
        breaker is null ? None : Of(breaker.Times, breaker.Mode, breaker.Suspends);

    public static BreakerRule From(BurnBreaker? breaker) =>
        breaker is null ? None : Of(MoneyMath.ToNanos(breaker.CostPerMinute), breaker.Mode, breaker.Suspends);

    private static BreakerRule Of(long limit, BreakerMode mode, BreakerReach reach) =>
        new(limit, Enforces: mode != BreakerMode.Observe, SuspendsRun: reach == BreakerReach.Run);
}

/// <summary>What watches every session of an agent. Immutable.</summary>
internal sealed record BreakerRules(
    BreakerRule SameToolCall, BreakerRule BurnRate, BreakerRule StepsWithoutOutcome, BreakerRule Refusals)
{
    /// <summary>So many of an agent's sessions may be suspended in an hour where the catalog is silent.</summary>
    internal const long SuspendedSessionsDefault = 3;

    /// <summary>What a message says; null where it says nothing, so that nothing is counted for it.</summary>
    public static BreakerRules? From(Breakers? breakers)
    {
        if (breakers is null) return null;
        var rules = new BreakerRules(
            BreakerRule.From(breakers.SameToolCall),
            BreakerRule.From(breakers.BurnRate),
            BreakerRule.From(breakers.StepsWithoutOutcome),
            BreakerRule.From(breakers.Refusals));
        return rules == new BreakerRules(BreakerRule.None, BreakerRule.None, BreakerRule.None, BreakerRule.None)
            ? null
            : rules;
    }

    public BreakerRule Of(Breaker breaker) => breaker switch
    {
        Breaker.Unspecified => BreakerRule.None,
        Breaker.SameToolCall => SameToolCall,
        Breaker.BurnRate => BurnRate,
        Breaker.StepsWithoutOutcome => StepsWithoutOutcome,
        Breaker.Refusals => Refusals,
        // Not of a session: AgentAccount.Breakers.
        Breaker.SuspendedSessions or Breaker.RefusalsOfAgent or Breaker.BurnRateOfAgent => BreakerRule.None,
    };

    /// <summary>What watches the agent itself; by default where something watches its sessions.</summary>
    public static BreakerRule OfAgent(Breakers? breakers)
    {
        if (breakers?.SuspendedSessions is { } given) return BreakerRule.From(given);
        if (From(breakers) is not { } rules) return BreakerRule.None;
        bool enforces = rules.SameToolCall.Enforces || rules.BurnRate.Enforces || rules.StepsWithoutOutcome.Enforces
            || rules.Refusals.Enforces;
        return new BreakerRule(SuspendedSessionsDefault, enforces, SuspendsRun: false);
    }
}
