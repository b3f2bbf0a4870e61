using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// The ends of reservations.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfSettlements() => new()
    {
        ["the reservation of another session"] = new(
            AuditRule.ReservationKnown,
            ledger =>
            {
                ledger.Hold(ledger.Open());
                OneCharge(ledger);
            },
            Last((journal, e) => e.ReservationSettled.Reservation = journal.First(Is.Held).Sequence)),
        ["a reservation that never was"] = new(
            AuditRule.ReservationKnown, OneRelease, Last(e => e.ReservationReleased.Reservation = 999)),
        ["a gateway's hold that an agent settles"] = new(
            AuditRule.ReservationHolder, OneCharge, journal => Give(journal, "gateways/edge", "agents/writer")),
        ["an agent's hold that a gateway releases"] = new(
            AuditRule.ReservationHolder, OneRelease, journal => Give(journal, "agents/writer", "gateways/edge")),
        ["a hold that an orchestrator settles for another"] = new(
            AuditRule.ReservationHolder, OneCharge, journal => Give(journal, "orchestrators/a", "orchestrators/b")),
        ["an honest charge that is in dispute"] = new(
            AuditRule.Dispute,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Commit(session, ledger.Hold(session), input: 5000);
            },
            Last(e =>
            {
                e.ReservationSettled.Disputed = true;
                e.ReservationSettled.Suspended = e.Spender.Session;
            })),
        ["what no call can use and is believed"] = new(
            AuditRule.Dispute,
            OneLie,
            Last(e =>
            {
                e.ReservationSettled.Disputed = false;
                e.ReservationSettled.Suspended = "";
            })),
        ["a lie that leaves its session spending"] = new(
            AuditRule.Dispute, OneLie, Last(e => e.ReservationSettled.Suspended = "")),
        ["a dismissal of twice what is in dispute"] = new(
            AuditRule.Dispute, OneDismissal, Last(e => e.DisputeDecided.CostNanos *= 2)),
        ["a second dismissal"] = new(
            AuditRule.Dispute, OneDismissal, Again(e => e.DisputeDecided is not null)),
        ["a decision about what is in no dispute"] = new(
            AuditRule.Dispute, OneDismissal, Last(e => e.DisputeDecided.Dispute--)),
        ["a second settlement"] = new(AuditRule.ReservationTerminal, OneCharge, Again(Is.Settled)),
        ["a release after the settlement"] = new(
            AuditRule.ReservationTerminal,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Commit(session, ledger.Hold(session));
                ledger.Release(session, ledger.Hold(session));
            },
            Last((journal, e) => e.ReservationReleased.Reservation = journal.First(Is.Held).Sequence)),
        ["a second release"] = new(AuditRule.ReservationTerminal, OneRelease, Again(Is.Released)),
        ["an expiry after the expiry"] = new(AuditRule.ReservationTerminal, OneExpiry, Again(Is.Expired)),
        ["a settlement that keeps a nano held"] = new(
            AuditRule.ReservationSum, OneCharge, Last(e => e.ReservationSettled.UnheldNanos--)),
        ["a settlement that returns a token too many"] = new(
            AuditRule.ReservationSum, OneCharge, Last(e => e.ReservationSettled.UnheldTokens++)),
        ["a part that returns the whole hold"] = new(
            AuditRule.ReservationSum,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Commit(session, ledger.Hold(session), input: 10, output: 10, request => request.Final = false);
            },
            Last(e => e.ReservationSettled.UnheldNanos = 6_000_000)),
        ["a release of less than is held"] = new(
            AuditRule.ReservationSum, OneRelease, Last(e => e.ReservationReleased.ReleasedNanos--)),
        ["an expiry of more than is held"] = new(
            AuditRule.ReservationSum, OneExpiry, Last(e => e.ReservationExpired.ReleasedTokens++)),
        ["an expiry before the hold's time"] = new(AuditRule.Expiry, OneExpiry, Last(e => e.Time.Seconds--)),
        ["an expiry that gives back what was to be charged"] = new(
            AuditRule.Expiry,
            OneExpiry,
            journal => journal.First(Is.Held).ReservationHeld.OnExpiry = OnExpiry.Charge),
        ["a charge at expiry of less than is held"] = new(
            AuditRule.Expiry, ChargedExpiry, Last(e => e.ReservationSettled.CostNanos--)),
        ["a commit that keeps a charged estimate too"] = new(
            AuditRule.SettleExpiryCharge,
            CommittedAfterCharge,
            Last(e => e.ReservationSettled.ExpiryCharge = null)),
        ["a commit that takes back more than was charged"] = new(
            AuditRule.SettleExpiryCharge,
            CommittedAfterCharge,
            Last(e => e.ReservationSettled.ExpiryCharge.CostNanos++)),
        ["a commit that takes back what was never charged"] = new(
            AuditRule.SettleExpiryCharge,
            OneLateCharge,
            Last(e => e.ReservationSettled.ExpiryCharge = new ReservationSettled { CostNanos = 1 })),
        ["a second commit after a charged expiry"] = new(
            AuditRule.ReservationTerminal, CommittedAfterCharge, Again(Is.Committed)),
        ["a commit of a hold that should have expired"] = new(
            AuditRule.Expiry,
            ledger =>
            {
                long session = ledger.Open();
                long reservation = ledger.Hold(session);
                ledger.Advance(TimeSpan.FromMinutes(11));
                ledger.Commit(session, reservation);
            },
            journal => Drop(journal, Is.Expired)),
        ["a hold that does not expire"] = new(
            AuditRule.Expiry,
            ledger =>
            {
                OneHold(ledger);
                ledger.Advance(TimeSpan.FromMinutes(11));
                SecondCatalog(ledger);
            },
            journal => Drop(journal, Is.Expired)),
        ["a charge of a nano more"] = new(AuditRule.SettleCost, OneCharge, Last(e => e.ReservationSettled.CostNanos++)),
        ["a charge of a nano less"] = new(AuditRule.SettleCost, OneCharge, Last(e => e.ReservationSettled.CostNanos--)),
        ["a charge of a token less"] = new(AuditRule.SettleCost, OneCharge, Last(e => e.ReservationSettled.Tokens--)),
        ["a charge of other usage"] = new(
            AuditRule.SettleCost, OneCharge, Last(e => e.ReservationSettled.Usage.OutputTokens++)),
        ["a charge that rounds a half up"] = new(
            AuditRule.SettleCost,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Commit(session, ledger.Hold(session), input: 1, output: 0);
            },
            Last(e => e.ReservationSettled.CostNanos++),
            catalog => catalog.Prices[1].Rates.Input = 500_000),
        ["a charge by another price version"] = new(
            AuditRule.SettlePrice, OneCharge, Last(e => e.ReservationSettled.PriceVersion++)),
        ["a charge of an unknown model that does not say how"] = new(
            AuditRule.SettlePrice,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Commit(session, ledger.Hold(session), change: request => request.Model = "opus");
            },
            Last(e => e.ReservationSettled.PricedAs = "")),
        ["a charge of a known model by another's price"] = new(
            AuditRule.SettlePrice, OneCharge, Last(e => e.ReservationSettled.PricedAs = Sonnet)),
        ["a sampling that costs a nano less"] = new(
            AuditRule.SettleCost, TwoSamplings, Last(e => e.ReservationSettled.Parts[1].CostNanos--)),
        ["a line that costs a nano more"] = new(
            AuditRule.SettleLines, OneCharge, Last(e => e.ReservationSettled.Lines[0].CostNanos++)),
        ["a line of another rate"] = new(
            AuditRule.SettleLines, OneCharge, Last(e => e.ReservationSettled.Lines[1].Rate++)),
        ["a bucket without its line"] = new(
            AuditRule.SettleLines, OneCharge, Last(e => e.ReservationSettled.Lines.RemoveAt(1))),
        ["lines of a price list that did not serve"] = new(
            AuditRule.SettleLines, OneCharge, Last(e => e.ReservationSettled.PricedTier = ServiceTier.Batch)),
        ["lines of another region"] = new(
            AuditRule.SettleLines, OneCharge, Last(e => e.ReservationSettled.PricedRegion = "mars")),
        ["a sampling's line of another bucket"] = new(
            AuditRule.SettleLines,
            TwoSamplings,
            Last(e => e.ReservationSettled.Parts[0].Lines[0].Bucket = TokenBucket.Reasoning)),
        ["lines of an estimate that are more than was held"] = new(
            AuditRule.SettleLines, ChargedExpiry, Last(e => e.ReservationSettled.Lines[0].CostNanos *= 2)),
        ["samplings that are not the usage"] = new(
            AuditRule.SettleCost, TwoSamplings, Last(e => e.ReservationSettled.Usage.InputTokens++)),
        ["a sampling of an unknown model that does not say how"] = new(
            AuditRule.SettlePrice, TwoSamplings, Last(e => e.ReservationSettled.Parts[1].Model = "opus")),
        ["a charge by the list that did not serve"] = new(
            AuditRule.SettleCost,
            ledger => ChargeOf(ledger, request => request.ServiceTier = ServiceTier.Batch),
            Last(e => e.ReservationSettled.ServiceTier = ServiceTier.Unspecified),
            catalog => catalog.Prices[1].BatchMultiplierPpm = 500_000),
        ["a billed charge that does not tell its own price"] = new(
            AuditRule.SettleBilled, Billed, Last(e => e.ReservationSettled.ClearOwnCostNanos())),
        ["a billed charge with another price of its own"] = new(
            AuditRule.SettleBilled, Billed, Last(e => e.ReservationSettled.OwnCostNanos++)),
        ["a billed charge that says a provider counted it"] = new(
            AuditRule.SettleBilled, Billed, Last(e => e.ReservationSettled.UsageSource = UsageSource.Provider)),
        ["an item without a price that is not named"] = new(
            AuditRule.SettleUnpriced, Unpriced, Last(e => e.ReservationSettled.UnpricedItems.Clear())),
        ["an item without a price that is charged as another"] = new(
            AuditRule.SettleCost, Unpriced, Last(e => e.ReservationSettled.CostNanos += 10_000_000)),
        ["more tokens in a total alone than are charged"] = new(
            AuditRule.SettleCost, OneCharge, Last(e => e.ReservationSettled.UnaccountedTokens = 1_000_000)),
        ["an overrun that is not told"] = new(
            AuditRule.SettleOverrun, OneOverrun, Last(e => e.ReservationSettled.OverrunNanos = 0)),
        ["an overrun that is none"] = new(
            AuditRule.SettleOverrun, OneCharge, Last(e => e.ReservationSettled.OverrunTokens = 1)),
        ["late that is not told"] = new(
            AuditRule.SettleLate, OneLateCharge, Last(e => e.ReservationSettled.Late = false)),
        ["late that is none"] = new(AuditRule.SettleLate, OneCharge, Last(e => e.ReservationSettled.Late = true)),
        ["a tier that is reached and not told"] = new(
            AuditRule.Tiers, Half, Last(e => e.ReservationSettled.TiersCrossed.Clear())),
        ["a tier that is told and not reached"] = new(
            AuditRule.Tiers,
            Half,
            Last(e => e.ReservationSettled.TiersCrossed.Add(new TierCrossing { Grain = Promo, AtPercent = 80 }))),
        ["a tier that is not there"] = new(
            AuditRule.Tiers,
            Half,
            Last(e => e.ReservationSettled.TiersCrossed[0].AtPercent = 51)),
        ["a tier that is told twice"] = new(
            AuditRule.Tiers,
            ledger =>
            {
                Half(ledger);
                OneCharge(ledger);
            },
            Last((journal, e) => e.ReservationSettled.TiersCrossed.Add(
                journal.First(Is.Settled).ReservationSettled.TiersCrossed))),
        ["a tier of an account elsewhere"] = new(
            AuditRule.Tiers,
            OneCharge,
            Last(e => e.ReservationSettled.TiersCrossed.Add(
                new TierCrossing { Grain = "useCases/none", AtPercent = 50 }))),
    };

    private static void TwoSamplings(AuditedLedger ledger) => ChargeOf(ledger, request => request.Parts.Add(
        new UsagePart { Model = Sonnet, Usage = new TokenUsage { InputTokens = 10, OutputTokens = 20 } }));

    private static void Billed(AuditedLedger ledger) =>
        ChargeOf(ledger, request => request.BilledCost = AuditedLedger.Dollars(0.001m));

    private static void Unpriced(AuditedLedger ledger) => ChargeOf(
        ledger, request => request.Usage.Items.Add(new CountedItem { Sku = "gpu.hour", Count = 1 }));

    private static void ChargeOf(AuditedLedger ledger, Action<CommitTokensRequest> change)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), change: change);
    }

    private static void OneLie(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(session, ledger.Hold(session), input: 1_000_000);
    }

    private static void OneDismissal(AuditedLedger ledger)
    {
        OneLie(ledger);
        ledger.Dismiss(ledger.Journal[^1].Sequence);
    }

    // Who holds, and who ends what is held.
    private static void Give(List<LedgerEvent> journal, string holder, string other)
    {
        journal.First(Is.Held).Principal = holder;
        journal[^1].Principal = other;
    }
}
