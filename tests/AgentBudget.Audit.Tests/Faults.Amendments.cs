using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Changes of holds.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfAmendments() => new()
    {
        ["a changed hold of a nano less"] = new(
            AuditRule.HoldCost, Amended(Larger), Last(e => e.ReservationAmended.CostNanos--)),
        ["a changed hold of a token more"] = new(
            AuditRule.HoldCost, Amended(Larger), Last(e => e.ReservationAmended.Tokens++)),
        ["a changed hold at another price version"] = new(
            AuditRule.HoldCost, Amended(Larger), Last(e => e.ReservationAmended.PriceVersion++)),
        ["a hold that is only prolonged and costs less"] = new(
            AuditRule.HoldCost, Amended(Longer), Last(e => e.ReservationAmended.CostNanos--)),
        ["a hold that is only prolonged and changes its model"] = new(
            AuditRule.HoldCost, Amended(Longer), Last(e => e.ReservationAmended.Model = Sonnet)),
        ["a hold that is prolonged for two days"] = new(
            AuditRule.HoldTime, Amended(Longer), Last(e => e.ReservationAmended.ExpireTime.Seconds += 2 * 86_400)),
        ["a changed hold above the hard cap"] = new(
            AuditRule.GrantCap,
            Amended(request => request.Estimate = new TokenEstimate { InputTokens = 1_100_000, MaxOutputTokens = 0 }),
            Last(e =>
            {
                e.ReservationAmended.Estimate.InputTokens++;
                e.ReservationAmended.Tokens++;
                e.ReservationAmended.CostNanos += 1000;
            }),
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a changed hold above the tokens of a request"] = new(
            AuditRule.GrantCeiling, Amended(Larger), Ceiling(c => c.TokensPerRequest = 2999)),
        ["a changed hold that is downgraded below the soft cap"] = new(
            AuditRule.Downgrade, Amended(Larger), Last(e => e.ReservationAmended.RequestedModel = Sonnet)),
        ["a change of a hold that was given back"] = new(
            AuditRule.ReservationTerminal,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Release(session, ledger.Hold(session));
                ledger.Amend(session, ledger.Hold(session), Larger);
            },
            Last((journal, e) => e.ReservationAmended.Reservation = journal.First(Is.Held).Sequence)),
        ["a change of a hold of nobody"] = new(
            AuditRule.ReservationKnown, Amended(Larger), Last(e => e.ReservationAmended.Reservation = 999)),
        ["a change that nobody asked for"] = new(
            AuditRule.RequestAsked, Amended(Larger), Last(e => e.RequestId = "")),
        ["more left after a change than there is"] = new(
            AuditRule.Left, Amended(Larger), Last(e => e.ReservationAmended.Left.Nanos++)),
        ["a refused change that would fit"] = new(
            AuditRule.Refusal,
            Amended(request => request.Estimate = new TokenEstimate { InputTokens = 2_000_000, MaxOutputTokens = 0 }),
            Last(e => e.ReservationRefused.Requested = 1)),
    };

    // 1,000 in and 2,000 out: 11,000,000 nanos with Haiku.
    private static void Larger(AmendReservationRequest request) =>
        request.Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 2000 };

    private static void Longer(AmendReservationRequest request) => request.Ttl = new Duration { Seconds = 900 };

    private static Action<AuditedLedger> Amended(Action<AmendReservationRequest> change) => ledger =>
    {
        long session = ledger.Open();
        ledger.Amend(session, ledger.Hold(session), change);
    };
}
