using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Credits, debits, resets, and spend that is rated again.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfAdjustments() => new()
    {
        ["a credit of more than was settled"] = new(
            AuditRule.Adjustment,
            OneDebit,
            Last(e => e.SpendAdjusted.Lines[0].Nanos = -5_000_000_000_000)),
        ["a credit on a use case alone"] = new(
            AuditRule.Adjustment, OneDebit, Last(e => e.SpendAdjusted.Lines[0].Grains.RemoveAt(1))),
        ["a credit that the tenant does not see"] = new(
            AuditRule.Adjustment, OneDebit, Last(e => e.SpendAdjusted.Lines[0].Grains.RemoveAt(2))),
        ["a credit of a grain that is none"] = new(
            AuditRule.Adjustment, OneDebit, Last(e => e.SpendAdjusted.Lines[0].Grains.Insert(0, "agents/none"))),
        ["a debit of another amount than it shows"] = new(
            AuditRule.Extension, OneDebit, Last(e => e.SpendAdjusted.Lines[0].Nanos++)),
        ["a reservation credited beyond what it settled"] = new(
            AuditRule.Adjustment,
            CreditedReservation,
            Last(e => e.SpendAdjusted.SettledNanos = -2_000_000_000)),
        ["a debit whose tier is not told"] = new(
            AuditRule.Tiers, OneDebit, Last(e => e.SpendAdjusted.TiersCrossed.Clear())),
        ["a re-rating at a version that never was"] = new(
            AuditRule.Adjustment, Rerated, Last(e => e.SpendAdjusted.Rerating.PriceVersion = 2)),
        ["a re-rating of a time to come"] = new(
            AuditRule.Adjustment, Rerated, Last(e => e.SpendAdjusted.Rerating.EndTime.Seconds += 60)),
        ["a reset that leaves something settled"] = new(
            AuditRule.Extension,
            ledger =>
            {
                OneCharge(ledger);
                ledger.Reset(Promo);
            },
            Last(e => e.BudgetReset.After.Settled.Nanos = 1)),
    };

    private static void OneDebit(AuditedLedger ledger)
    {
        OneCharge(ledger);
        ledger.Adjust(Promo, 0.6m);
    }

    private static void CreditedReservation(AuditedLedger ledger)
    {
        long session = ledger.Open();
        long number = ledger.Hold(session);
        ledger.Commit(session, number);
        ReservationSettled settled = ledger.Last.ReservationSettled;
        Spender spender = ledger.Last.Spender;
        ledger.Adjust("", 1, new AdjustedReservation(number, spender, settled.CostNanos, settled.Tokens));
    }

    private static void Rerated(AuditedLedger ledger)
    {
        OneCharge(ledger);
        ledger.Rerate(ledger.Last.Spender, 1000);
    }
}
