namespace AgentBudget.Ledger.Budgets;

// What is in dispute stands beside what is settled and held; and what was settled may be taken back.
internal sealed partial class Window
{
    /// <summary>An amount is in dispute.</summary>
    public void StartDispute(in Spend disputed)
    {
        DisputedNanos += disputed.CostNanos;
        DisputedTokens += disputed.Tokens;
    }

    /// <summary>It was decided about.</summary>
    public void EndDispute(in Spend disputed)
    {
        DisputedNanos -= disputed.CostNanos;
        DisputedTokens -= disputed.Tokens;
        Invariant.Holds(DisputedNanos >= 0);
        Invariant.Holds(DisputedTokens >= 0);
    }

    /// <summary>
    /// Takes back a charge of a time, all of which was overrun, if the present period still counts it. Tiers that
    /// settled spend is below again are notified again. What was credited by hand meanwhile is not taken twice.
    /// </summary>
    public void Credit(in Spend charge, long chargedNanos)
    {
        Spend taken = UpTo(charge, LifetimeNanos, LifetimeTokens);
        bool isCounted = _rolling?.TryTake(chargedNanos, taken) ?? chargedNanos >= StartNanos;
        if (_rolling is not null) PeriodEndNanos = _rolling.NextLeaveNanos;
        if (isCounted)
        {
            Take(taken);
            return;
        }

        taken = UpTo(taken, LifetimeNanos - SettledNanos, LifetimeTokens - SettledTokens);
        LifetimeNanos -= taken.CostNanos;
        LifetimeTokens -= taken.Tokens;
    }

    /// <summary>
    /// Takes back what was charged before: up to what is settled in this period, and of the lifetime up to all that
    /// ever was. Recorded overrun goes first. Tiers that settled spend is below again are notified again.
    /// </summary>
    public void Lower(in Spend amount)
    {
        Spend lowered = UpTo(amount, LifetimeNanos, LifetimeTokens);
        _rolling?.Lower(lowered);
        Take(lowered);
    }

    private static Spend UpTo(in Spend amount, Int128 nanosMax, Int128 tokensMax) => new(
        (long)Int128.Min(amount.CostNanos, nanosMax), (long)Int128.Min(amount.Tokens, tokensMax));

    private void Take(in Spend amount)
    {
        LifetimeNanos -= amount.CostNanos;
        LifetimeTokens -= amount.Tokens;
        SettledNanos -= Int128.Min(SettledNanos, amount.CostNanos);
        SettledTokens -= Int128.Min(SettledTokens, amount.Tokens);
        OverrunNanos -= Int128.Min(OverrunNanos, amount.CostNanos);
        OverrunTokens -= Int128.Min(OverrunTokens, amount.Tokens);
        MoveLimits();
    }
}
