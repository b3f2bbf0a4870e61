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
        if (recorded.PeriodEnded is { CarriedNanos: < 0 } ended) ended.CarriedNanos *= 2;
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
