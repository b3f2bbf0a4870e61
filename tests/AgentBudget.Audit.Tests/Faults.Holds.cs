using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Grants and refusals.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfHolds() => new()
    {
        ["a budget that is held and not told"] = new(
            AuditRule.Tiers,
            ledger => ledger.Hold(
                ledger.Open(),
                request => request.Estimate = new TokenEstimate { InputTokens = 600_000, MaxOutputTokens = 0 }),
            Last(e => e.ReservationHeld.TiersHeld.Clear())),
        ["an undeclared tag of a call"] = new(
            AuditRule.Tags, OneHold, Last(e => e.ReservationHeld.Tags = new Tags { Values = { ["colour"] = "red" } })),
        ["a missing required tag"] = new(
            AuditRule.Tags,
            ledger => ledger.Hold(ledger.Open(), request => request.Tags.Add("customer", "k1")),
            Last(e => e.ReservationHeld.Tags = null),
            catalog => catalog.Tags["customer"].Required = true),
        ["a value that the tag does not allow"] = new(
            AuditRule.Tags,
            ledger => ledger.Hold(ledger.Open(), request => request.Tags.Add("customer", "k1")),
            Last(e => e.ReservationHeld.Tags.Values["customer"] = "k2"),
            catalog => catalog.Tags["customer"].Values.Add("k1")),
        ["a call's tool out of scope"] = new(
            AuditRule.HoldScope,
            OneHold,
            Last(e =>
            {
                e.ReservationHeld.Tool = "billing.pay";
                e.ReservationHeld.ToolCalls = 1;
            })),
        ["a model out of the session's scope"] = new(
            AuditRule.HoldScope, OneHold, journal => journal.First(Is.Opened).SessionOpened.Models.Remove(Haiku)),
        ["a hold without the model's greatest output"] = new(
            AuditRule.HoldCost,
            ledger => ledger.Hold(ledger.Open(), request => request.Estimate.ClearMaxOutputTokens()),
            Last(e =>
            {
                e.ReservationHeld.Estimate.ClearMaxOutputTokens();
                e.ReservationHeld.CostNanos = 1_000_000;
                e.ReservationHeld.Tokens = 1000;
            }),
            catalog => catalog.Prices[1].MaxOutputTokens = 200),
        ["a hold of a nano more"] = new(AuditRule.HoldCost, OneHold, Last(e => e.ReservationHeld.CostNanos++)),
        ["a hold of a nano less"] = new(AuditRule.HoldCost, OneHold, Last(e => e.ReservationHeld.CostNanos--)),
        ["a hold of a token less"] = new(AuditRule.HoldCost, OneHold, Last(e => e.ReservationHeld.Tokens--)),
        ["a hold at the batch's price that is none"] = new(
            AuditRule.HoldCost,
            OneHold,
            Last(e => e.ReservationHeld.ServiceTier = ServiceTier.Batch),
            catalog => catalog.Prices[1].BatchMultiplierPpm = 500_000),
        ["a long context at the ordinary price"] = new(
            AuditRule.HoldCost,
            OneHold,
            journal =>
            {
                foreach (LedgerEvent applied in journal.Where(Is.Catalog))
                {
                    applied.CatalogApplied.Catalog.Prices[1].LongContext =
                        new LongContext { AboveTokens = 999, Rates = new Rates { Input = 2_000_000_000 } };
                }
            }),
        ["a hold at another price version"] = new(
            AuditRule.HoldCost, OneHold, Last(e => e.ReservationHeld.PriceVersion++)),
        ["a hold without a price"] = new(
            AuditRule.HoldCost, OneHold, Last(e => e.ReservationHeld.Estimate.ReasoningTokens++)),
        ["a hold for two days"] = new(
            AuditRule.HoldTime, OneHold, Last(e => e.ReservationHeld.ExpireTime.Seconds += 2 * 86_400)),
        ["a hold for no time"] = new(
            AuditRule.HoldTime, OneHold, Last(e => e.ReservationHeld.ExpireTime = e.Time)),
        ["a downgrade below the soft cap"] = new(
            AuditRule.Downgrade, OneHold, Last(e => e.ReservationHeld.RequestedModel = Sonnet)),
        ["no downgrade above the soft cap"] = new(
            AuditRule.Downgrade,
            AboveSoftCap,
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].Downgrade.Add(Haiku, Sonnet),
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a grant above the soft cap of a use case that refuses there"] = new(
            AuditRule.Downgrade,
            AboveSoftCap,
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].AllowWithoutCheaperModel = false,
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a downgrade to another model than the cheaper one"] = new(
            AuditRule.Downgrade,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Hold(session, request => request.Estimate = AuditedLedger.Input(990_000));
                ledger.Hold(session, request => request.Model = Sonnet);
            },
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].Downgrade.Clear()),
        ["tokens above the request's ceiling"] = new(
            AuditRule.GrantCeiling, OneHold, Ceiling(c => c.TokensPerRequest = 1999)),
        ["a step above the ceiling"] = new(AuditRule.GrantCeiling, TwoHolds, Ceiling(c => c.StepsPerSession = 1)),
        ["an open hold above the ceiling"] = new(AuditRule.GrantCeiling, TwoHolds, Ceiling(c => c.OpenHolds = 1)),
        ["a tool call above the ceiling"] = new(
            AuditRule.GrantCeiling,
            ledger =>
            {
                long session = ledger.Open();
                Twice(() => ledger.Hold(session, request => request.Tool = "crm.read"));
            },
            Ceiling(c => c.ToolCallsPerSession = 1)),
        ["a hold a nano above the session's ceiling"] = new(
            AuditRule.GrantCap, OneHold, Ceiling(c => c.CostPerSession = new Money { Nanos = 5_999_999 })),
        ["a hold a token above the session's ceiling"] = new(
            AuditRule.GrantCap, OneHold, Ceiling(c => c.TokensPerSession = 1999)),
        ["a hold above the agent's budget"] = new(
            AuditRule.GrantCap,
            OneHold,
            journal => journal[0].CatalogApplied.Catalog.Agents[0].Budget = new Budget { Limit = Dollars(0.005m) }),
        ["a hold above the hard cap of 110 percent"] = new(
            AuditRule.GrantCap,
            ledger => ledger.Hold(
                ledger.Open(), request => request.Estimate = AuditedLedger.Input(1_100_000)),
            Last(e =>
            {
                e.ReservationHeld.Estimate.InputTokens++;
                e.ReservationHeld.Tokens++;
                e.ReservationHeld.CostNanos += 1000;
            }),
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a hold above an extension that is over"] = new(
            AuditRule.GrantCap,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Extend(Promo, 1);
                ledger.Hold(session, request => request.Estimate = AuditedLedger.Input(1_500_000));
            },
            journal => Drop(journal, Is.Extended),
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["more left than there is"] = new(AuditRule.Left, OneHold, Last(e => e.ReservationHeld.Left.Nanos++)),
        ["something left on another grain"] = new(
            AuditRule.Left, OneHold, Last(e => e.ReservationHeld.Left.Grain = "tenants/acme")),
        ["less left after a charge"] = new(AuditRule.Left, OneCharge, Last(e => e.ReservationSettled.Left = null)),
    };

    private static Dictionary<string, Fault> OfRefusals() => new()
    {
        ["no reason"] = new(AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Reason = Reason.Unspecified)),
        ["the refusal of an open session"] = new(
            AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Reason = Reason.SessionClosed)),
        ["the refusal of what would fit"] = new(
            AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Requested = 1)),
        ["another limit in a refusal"] = new(AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Limit++)),
        ["another settled sum in a refusal"] = new(
            AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Settled++)),
        ["another held sum in a refusal"] = new(AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Held++)),
        ["another account in a refusal"] = new(
            AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.Grain = "tenants/acme")),
        ["another reset time in a refusal"] = new(
            AuditRule.Refusal, OneRefusal, Last(e => e.ReservationRefused.ResetTime.Seconds++)),
        ["a tool refused that is in scope"] = new(
            AuditRule.Refusal,
            ledger => ledger.Reserve(ledger.Open(), request => request.Tool = "billing.pay"),
            Last(e => e.ReservationRefused.Subject = "search.web")),
        ["a model refused that has a price"] = new(
            AuditRule.Refusal,
            ledger => ledger.Reserve(ledger.Open(), request => request.Estimate.InputImageTokens = 1),
            Last(e => e.ReservationRefused.Subject = Haiku)),
        ["steps refused that are left"] = new(
            AuditRule.Refusal,
            ledger =>
            {
                long session = ledger.Open(request => request.Ceilings = new Ceilings { StepsPerSession = 1 });
                ledger.Hold(session);
                ledger.Reserve(session);
            },
            Ceiling(c => c.StepsPerSession = 2)),
    };
}
