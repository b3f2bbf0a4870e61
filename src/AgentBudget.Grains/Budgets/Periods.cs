using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Budgets;

/// <summary>
/// A window's time passes as an event: a calendar period ends and spend starts again at zero, or the oldest step of a
/// rolling window leaves it. Holds stay.
/// </summary>
internal static class Periods
{
    public static void End(TenantLedger ledger, Budget budget)
    {
        LedgerEvent passed = budget.IsRolling
            ? new LedgerEvent { WindowMoved = Moved(budget) }
            : new LedgerEvent { PeriodEnded = Ended(ledger, budget) };
        ledger.Emit(passed);
    }

    public static void Apply(TenantLedger ledger, PeriodEnded ended)
    {
        Budget budget = ledger.WindowOf(ended.Grain, ended.Window);
        budget.EndPeriod(
            LogTime.FromTimestamp(ended.NextEndTime), new Spend(ended.CarriedNanos, ended.CarriedTokens));
        Invariant.Holds(budget.PeriodEndNanos > ledger.LogTimeNanos);
        ledger.SetBudgetDeadlines(budget);
    }

    public static void Apply(TenantLedger ledger, WindowMoved moved)
    {
        Budget budget = ledger.WindowOf(moved.Grain, moved.Window);
        budget.MoveWindow();
        ledger.SetBudgetDeadlines(budget);
    }

    private static PeriodEnded Ended(TenantLedger ledger, Budget budget)
    {
        Spend carried = budget.Carry();
        return new PeriodEnded
        {
            Grain = budget.Grain,
            Window = budget.Window,
            EndTime = LogTime.ToTimestamp(budget.PeriodEndNanos),
            NextEndTime = LogTime.ToTimestamp(PeriodCalendar.EndAfter(budget.Period, ledger.Catalog.Zone, ledger.Now)),
            SettledNanos = budget.SettledNanos,
            SettledTokens = budget.SettledTokens,
            CarriedNanos = carried.CostNanos,
            CarriedTokens = carried.Tokens,
        };
    }

    private static WindowMoved Moved(Budget budget)
    {
        RollingStep step = budget.OldestStep;
        return new WindowMoved
        {
            Grain = budget.Grain,
            Window = budget.Window,
            SettledNanos = step.Settled.CostNanos,
            SettledTokens = step.Settled.Tokens,
            OverrunNanos = step.Overrun.CostNanos,
            OverrunTokens = step.Overrun.Tokens,
        };
    }
}
