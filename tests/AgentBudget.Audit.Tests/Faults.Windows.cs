using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Several windows, rolling ones, and rollover.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfWindows() => new()
    {
        ["a hold above the second window"] = new(
            AuditRule.GrantCap,
            ledger => ledger.Record(ledger.Open(), Minute, 25),
            Last(e =>
            {
                e.CostRecorded.QuantityMillionths += 1_000_000;
                e.CostRecorded.CostNanos += 4_000_000;
            }),
            DayToo),
        ["a refusal by a window that is none"] = new(
            AuditRule.Refusal,
            ledger => ledger.Record(ledger.Open(), Minute, 26),
            Last(e => e.ReservationRefused.Window = "year"),
            DayToo),
        ["a refusal by another window"] = new(
            AuditRule.Refusal,
            ledger => ledger.Record(ledger.Open(), Minute, 26),
            Last(e => e.ReservationRefused.Window = "month"),
            DayToo),
        ["a tier of another window"] = new(
            AuditRule.Tiers,
            ledger => ledger.Record(ledger.Open(), Minute, 13),
            Last(e => e.CostRecorded.TiersCrossed.Add(
                new TierCrossing { Grain = Promo, Window = "year", AtPercent = 50 })),
            DayToo),
        ["less left on the second window"] = new(
            AuditRule.Left,
            ledger => ledger.Record(ledger.Open(), Minute, 1),
            Last(e => e.CostRecorded.Left.Nanos--),
            DayToo),
        ["a rolling window that moves early"] = new(
            AuditRule.PeriodEnd, MovedWindow, Last(e => e.Time.Seconds--), RollsOnly),
        ["a rolling window that leaves more behind"] = new(
            AuditRule.PeriodSettled, MovedWindow, Last(e => e.WindowMoved.SettledNanos++), RollsOnly),
        ["a rolling window that does not move"] = new(
            AuditRule.PeriodEnd,
            ledger =>
            {
                MovedWindow(ledger);
                ledger.Advance(TimeSpan.FromMinutes(1));
                ledger.Apply(catalog =>
                {
                    RollsOnly(catalog);
                    catalog.UseCases[0].Class = "other";
                });
            },
            journal => Drop(journal, e => e.WindowMoved is not null),
            RollsOnly),
        ["more carried over than is unused"] = new(
            AuditRule.Rollover, NextMonth, Last(e => e.PeriodEnded.CarriedNanos++), Rollovers),
        ["nothing carried over of what is unused"] = new(
            AuditRule.Rollover, NextMonth, Last(e => e.PeriodEnded.CarriedNanos = 0), Rollovers),
        ["something carried over without a rollover"] = new(
            AuditRule.Rollover, NextMonth, Last(e => e.PeriodEnded.CarriedNanos = 1)),
        ["an overspend that is carried twice"] = new(
            AuditRule.Rollover, OverspentDay, Last(e => e.PeriodEnded.CarriedNanos *= 2), CarriesOverspend),
        ["an overspend that is forgiven"] = new(
            AuditRule.Rollover, OverspentDay, Last(e => e.PeriodEnded.CarriedNanos = 0), CarriesOverspend),
        ["a new window that counts from another time on"] = new(
            AuditRule.PeriodStart,
            NewWindow,
            Last(e => e.CatalogApplied.PeriodEnds[^1].StartTime.Seconds -= 86_400 * 60)),
        ["a window that stays and counts anew"] = new(
            AuditRule.PeriodStart,
            NewWindow,
            Last(e => e.CatalogApplied.PeriodEnds[0].StartTime = e.CatalogApplied.PeriodEnds[^1].StartTime)),
        ["an extension of a window that is none"] = new(
            AuditRule.PeriodEnd, OneExtension, Last(e => e.BudgetExtended.Window = "year")),
    };

    private static void DayToo(Catalog catalog)
    {
        catalog.UseCases[0].AllowWithoutCheaperModel = true;
        catalog.UseCases[0].FurtherBudgets.Add(new Budget
        {
            Limit = Dollars(0.1m),
            Period = Period.Day,
            Tiers =
            {
                new Tier { AtPercent = 50, Notify = { "owner" } },
                new Tier { AtPercent = 100, Action = TierAction.Refuse },
            },
        });
    }

    private static void CarriesOverspend(Catalog catalog) => catalog.UseCases[0].Budget = new Budget
    {
        Limit = Dollars(0.01m),
        Period = Period.Day,
        CarryOverspend = true,
    };

    private static void OverspentDay(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), input: 50_000, output: 0);
        ledger.End(session);
        ledger.Now = new DateTime(2026, 11, 18, 23, 0, 0, DateTimeKind.Utc).ToTimestamp().Seconds * 1_000_000_000;
        ledger.Advance(TimeSpan.Zero);
    }

    private static void NewWindow(AuditedLedger ledger)
    {
        OneCharge(ledger);
        ledger.Apply(catalog => catalog.UseCases[0].FurtherBudgets.Add(
            new Budget { Limit = Dollars(1), Period = Period.Day }));
    }

    private static void RollsOnly(Catalog catalog) => catalog.UseCases[0].Budget = new Budget
    {
        Limit = Dollars(1),
        Period = Period.Rolling,
        Rolling = new Duration { Seconds = 86_400 },
    };

    private static void Rollovers(Catalog catalog) =>
        catalog.UseCases[0].Budget.Rollover = new Rollover { Cap = Dollars(5) };

    private static void MovedWindow(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Record(session, Minute, 1);
        ledger.End(session);
        ledger.Advance(TimeSpan.FromHours(25));
    }
}
