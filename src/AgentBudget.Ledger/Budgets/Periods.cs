using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// A window's time passes as an event: a calendar period ends and spend starts again at zero, or the oldest step of a
/// rolling window leaves it. Holds stay.
/// </summary>
internal static class Periods
{
    public static void End(TenantLedger ledger, Window window)
    {
        LedgerEvent passed = window.IsRolling
            ? new LedgerEvent { WindowMoved = Moved(window) }
            : new LedgerEvent { PeriodEnded = Ended(ledger, window) };
        ledger.Emit(passed);
    }

    public static void Apply(TenantLedger ledger, PeriodEnded ended)
    {
        Window window = ledger.WindowOf(ended.Grain, ended.Window);
        window.EndPeriod(
            LogTime.FromTimestamp(ended.NextEndTime),
            new Spend(ended.CarriedNanos, ended.CarriedTokens),
            ledger.LogTimeNanos);
        Invariant.Holds(window.PeriodEndNanos > ledger.LogTimeNanos);
        ledger.SetBudgetDeadlines(window);
    }

    public static void Apply(TenantLedger ledger, WindowMoved moved)
    {
        Window window = ledger.WindowOf(moved.Grain, moved.Window);
        window.MoveWindow();
        ledger.SetBudgetDeadlines(window);
    }

    private static PeriodEnded Ended(TenantLedger ledger, Window window)
    {
        Spend carried = window.Carry();
        return new PeriodEnded
        {
            Grain = window.Account,
            Window = window.Name,
            EndTime = LogTime.ToTimestamp(window.PeriodEndNanos),
            NextEndTime = LogTime.ToTimestamp(PeriodCalendar.EndAfter(window.Rule, ledger.Catalog.Zone, ledger.Now)),
            SettledNanos = WideSum.Low(window.SettledNanos),
            SettledNanosHigh = WideSum.High(window.SettledNanos),
            SettledTokens = WideSum.Low(window.SettledTokens),
            SettledTokensHigh = WideSum.High(window.SettledTokens),
            CarriedNanos = carried.CostNanos,
            CarriedTokens = carried.Tokens,
        };
    }

    private static WindowMoved Moved(Window window)
    {
        RollingStep step = window.OldestStep;
        return new WindowMoved
        {
            Grain = window.Account,
            Window = window.Name,
            SettledNanos = WideSum.Low(step.Settled.Nanos),
            SettledNanosHigh = WideSum.High(step.Settled.Nanos),
            SettledTokens = WideSum.Low(step.Settled.Tokens),
            SettledTokensHigh = WideSum.High(step.Settled.Tokens),
            OverrunNanos = WideSum.Low(step.Overrun.Nanos),
            OverrunNanosHigh = WideSum.High(step.Overrun.Nanos),
            OverrunTokens = WideSum.Low(step.Overrun.Tokens),
            OverrunTokensHigh = WideSum.High(step.Overrun.Tokens),
        };
    }
}
