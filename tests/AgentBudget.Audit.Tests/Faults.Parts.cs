using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Budgets on models and of users.
internal static partial class Faults
{
    private const string Family = Promo + "/models/hai*";
    private const string Kim = Promo + "/users/user:kim@acme.test";

    private static Dictionary<string, Fault> OfParts() => new()
    {
        ["a hold above a family's cap"] = new(
            AuditRule.GrantCap,
            ledger => ledger.Hold(ledger.Open()),
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].ModelBudgets[0].Budget.Limit = Dollars(0.001m),
            LimitsFamily),
        ["a hold above a user's cap"] = new(
            AuditRule.GrantCap,
            ledger => ledger.Hold(ledger.Open()),
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].UserBudgets.Budget.Limit = Dollars(0.001m),
            LimitsUsers),
        ["a refusal by a family that is not on its path"] = new(
            AuditRule.Refusal,
            ledger => ledger.Reserve(ledger.Open(), request => request.Estimate = Input(900_000)),
            Last(e => e.ReservationRefused.Grain = Promo + "/models/other"),
            LimitsFamily),
        ["a refusal by another user"] = new(
            AuditRule.Refusal,
            ledger => ledger.Reserve(ledger.Open(), request => request.Estimate = Input(900_000)),
            Last(e => e.ReservationRefused.Grain = Promo + "/users/somebody"),
            LimitsUsers),
        ["a family's tier that is not told"] = new(
            AuditRule.Tiers,
            OneCharge,
            Last(e => e.ReservationSettled.TiersCrossed.Clear()),
            catalog => LimitsFamily(catalog, 0.0065m)),
        ["less left on a family"] = new(
            AuditRule.Left,
            ledger => ledger.Hold(ledger.Open()),
            Last(e => e.ReservationHeld.Left.Grain = Promo),
            LimitsFamily),
        ["a user's window that begins untold"] = new(
            AuditRule.PeriodEnd,
            ledger => ledger.Open(),
            Last(e => e.SessionOpened.UserWindows.Clear()),
            LimitsUsers),
        ["a user's window that begins twice"] = new(
            AuditRule.PeriodEnd,
            ledger =>
            {
                ledger.Open();
                ledger.Open();
            },
            journal => journal[^1].SessionOpened.UserWindows.Add(journal[^2].SessionOpened.UserWindows),
            LimitsUsers),
        ["a user's day that is a year long"] = new(
            AuditRule.PeriodEnd,
            ledger => ledger.Open(),
            Last(e => e.SessionOpened.UserWindows[0].EndTime.Seconds += 365 * 86_400),
            LimitsUsers),
        ["a family's day that is as long as a month"] = new(
            AuditRule.PeriodEnd,
            ledger =>
            {
                OneCharge(ledger);
                ledger.Advance(TimeSpan.FromHours(14));
            },
            journal =>
            {
                PeriodEnded ended = journal.Find(e => e.PeriodEnded?.Grain == Family)!.PeriodEnded;
                ended.NextEndTime.Seconds += 30 * 86_400;
            },
            LimitsFamily),
        ["a credit on a family alone"] = new(
            AuditRule.Adjustment,
            ledger =>
            {
                OneCharge(ledger);
                ledger.Adjust(Family, 0.001m);
            },
            Last(e => e.SpendAdjusted.Lines[0].Grains.RemoveAt(1)),
            LimitsFamily),
        ["a family that its part of a correction skips"] = new(
            AuditRule.Adjustment,
            CreditedReservationOfFamily,
            Last(e => e.SpendAdjusted.Lines[0].Grains.Remove(Family)),
            LimitsFamily),
        ["what a reset of a user leaves"] = new(
            AuditRule.Extension,
            ledger =>
            {
                OneCharge(ledger);
                ledger.Reset(Kim);
            },
            Last(e => e.BudgetReset.After.Settled.Nanos = 1),
            LimitsUsers),
    };

    private static void CreditedReservationOfFamily(AuditedLedger ledger)
    {
        long session = ledger.Open();
        long number = ledger.Hold(session);
        ledger.Commit(session, number);
        ReservationSettled settled = ledger.Last.ReservationSettled;
        var reservation = new AdjustedReservation(
            number, ledger.Last.Spender, settled.CostNanos, settled.Tokens, settled.Model);
        ledger.Adjust("", 1, reservation);
    }

    private static void LimitsFamily(Catalog catalog) => LimitsFamily(catalog, 0.5m);

    private static void LimitsFamily(Catalog catalog, decimal limit) =>
        catalog.UseCases[0].ModelBudgets.Add(new ModelBudget
        {
            Models = "hai*",
            Budget = new Budget { Limit = Dollars(limit), Period = Period.Day },
        });

    private static void LimitsUsers(Catalog catalog) => catalog.UseCases[0].UserBudgets = new UserBudgets
    {
        Budget = new Budget { Limit = Dollars(0.5m), Period = Period.Day },
    };
}
