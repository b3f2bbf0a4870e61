namespace AgentBudget.Ledger.Budgets;

// What is in dispute stands beside what is settled and held, and may be taken back.
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
    /// settled spend is below again are notified again.
    /// </summary>
    public void Credit(in Spend charge, long chargedNanos)
    {
        LifetimeNanos -= charge.CostNanos;
        LifetimeTokens -= charge.Tokens;
        if (_rolling is not null)
        {
            if (!_rolling.TryTake(chargedNanos, charge)) return;
            PeriodEndNanos = _rolling.NextLeaveNanos;
        }
        else if (chargedNanos < StartNanos) return;

        SettledNanos -= charge.CostNanos;
        SettledTokens -= charge.Tokens;
        OverrunNanos -= charge.CostNanos;
        OverrunTokens -= charge.Tokens;
        Invariant.Holds(SettledNanos >= 0 && OverrunNanos >= 0);
        Invariant.Holds(SettledTokens >= 0 && OverrunTokens >= 0);
        MoveLimits();
    }
}
