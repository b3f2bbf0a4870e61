using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A commit after a charged expiry does not take the charge back.</summary>
internal sealed class EstimateKept : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is { ExpiryCharge: not null } settled) settled.ExpiryCharge = null;
    }
}

/// <summary>What was spent above a limit is taken from the next one twice.</summary>
internal sealed class OverspendTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.PeriodEnded is not { } ended) return;
        if (ended.CarriedNanos < 0) ended.CarriedNanos *= 2;
        if (ended.CarriedTokens < 0) ended.CarriedTokens *= 2;
    }
}

/// <summary>A window whose period is new counts from now on.</summary>
internal sealed class ForgetfulPeriod : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        foreach (PeriodEnd end in recorded.CatalogApplied?.PeriodEnds ?? [])
        {
            if (end.StartTime is not null) end.StartTime = recorded.Time.Clone();
        }
    }
}

/// <summary>What is credited of recorded overrun makes room, and makes it again as the overrun goes.</summary>
internal sealed class OverrunCreditedTwice : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.SpendAdjusted is not { Before.Overrun: { } overrun, After: not null } adjusted) return;
        bool isCredit = adjusted.Lines[0].Nanos < 0 && (overrun.Units > 0 || overrun.Nanos > 0);
        if (isCredit) adjusted.Lines[0].Nanos *= 2;
    }
}

/// <summary>A re-rating does not say at which prices.</summary>
internal sealed class VersionlessRerating : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.SpendAdjusted?.Rerating is { } rerating) rerating.PriceVersion = 0;
    }
}
