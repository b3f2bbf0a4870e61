using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Budgets;

/// <summary>A grain's period ends as an event; spend starts again at zero, holds stay.</summary>
internal static class Periods
{
    public static void End(TenantLedger ledger, Budget budget) => ledger.Emit(new LedgerEvent
    {
        PeriodEnded = new PeriodEnded
        {
            Grain = budget.Grain,
            EndTime = LogTime.ToTimestamp(budget.PeriodEndNanos),
            NextEndTime = LogTime.ToTimestamp(PeriodCalendar.EndAfter(budget.Period, ledger.Catalog.Zone, ledger.Now)),
            SettledNanos = budget.SettledNanos,
            SettledTokens = budget.SettledTokens,
        },
    });

    public static void Apply(TenantLedger ledger, PeriodEnded ended)
    {
        Budget budget = ledger.GrainOf(ended.Grain).Budget;
        budget.EndPeriod(LogTime.FromTimestamp(ended.NextEndTime));
        Invariant.Holds(budget.PeriodEndNanos > ledger.LogTimeNanos);
        ledger.SetBudgetDeadlines(budget);
    }
}
