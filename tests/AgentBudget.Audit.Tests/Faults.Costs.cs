using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Costs that are not tokens, and counted items.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfCosts() => new()
    {
        ["a cost of a nano more"] = new(AuditRule.RecordedCost, OneCost, Last(e => e.CostRecorded.CostNanos++)),
        ["a cost of another quantity"] = new(
            AuditRule.RecordedCost, OneCost, Last(e => e.CostRecorded.QuantityMillionths += 1000)),
        ["a cost of nothing known"] = new(AuditRule.RecordedCost, OneCost, Last(e => e.CostRecorded.Sku = "nothing")),
        ["a cost at another price version"] = new(
            AuditRule.RecordedCost, OneCost, Last(e => e.CostRecorded.PriceVersion++)),
        ["a cost with an undeclared tag"] = new(
            AuditRule.Tags, OneCost, Last(e => e.CostRecorded.Tags = new Tags { Values = { ["colour"] = "red" } })),
        ["a cost that nobody asked for"] = new(AuditRule.RequestAsked, OneCost, Last(e => e.RequestId = "")),
        ["a cost above the hard cap"] = new(
            AuditRule.GrantCap,
            ledger => ledger.Record(ledger.Open(), Minute, 275),
            Last(e =>
            {
                e.CostRecorded.QuantityMillionths += 1_000_000;
                e.CostRecorded.CostNanos += 4_000_000;
            }),
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a cost above the soft cap of a use case that refuses there"] = new(
            AuditRule.Downgrade,
            ledger => ledger.Record(ledger.Open(), Minute, 251),
            journal => journal[0].CatalogApplied.Catalog.UseCases[0].AllowWithoutCheaperModel = false,
            catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true),
        ["a cost of what is no tool with arguments"] = new(
            AuditRule.RecordedCost, OneCost, Last(e => e.CostRecorded.ToolArgumentsDigest = "a")),
        ["a tool's cost that counts no call"] = new(
            AuditRule.GrantCeiling, OneSearch, Last(e => e.CostRecorded.ToolCalls = 0)),
        ["a tool's cost above the tool calls"] = new(
            AuditRule.GrantCeiling, OneSearch, Ceiling(c => c.ToolCallsPerSession = 1)),
        ["a tool's cost out of scope"] = new(
            AuditRule.HoldScope,
            OneSearch,
            journal => journal.First(Is.Opened).SessionOpened.Tools.Remove("search.*")),
        ["a cost's tier that is not told"] = new(
            AuditRule.Tiers,
            ledger => ledger.Record(ledger.Open(), Minute, 130),
            Last(e => e.CostRecorded.TiersCrossed.Clear())),
        ["less left after a cost"] = new(AuditRule.Left, OneCost, Last(e => e.CostRecorded.Left.Nanos--)),
        ["a hold of items for a nano less"] = new(
            AuditRule.HoldCost, ItemsHeld, Last(e => e.ReservationHeld.CostNanos--)),
        ["a hold of items that counts no tool call"] = new(
            AuditRule.GrantCeiling, ItemsHeld, Last(e => e.ReservationHeld.ToolCalls--)),
        ["items charged for a nano more"] = new(
            AuditRule.SettleCost, ItemsCharged, Last(e => e.ReservationSettled.CostNanos++)),
        ["items that do not cost what the charge says"] = new(
            AuditRule.SettleCost, ItemsCharged, Last(e => e.ReservationSettled.ItemCosts.Items[0].CostNanos++)),
        ["a charge for another tool"] = new(
            AuditRule.SettlePrice, OneCharge, Last(e => e.ReservationSettled.Tool = "crm.read")),
        ["a hold at the standard price in a region that has its own"] = new(
            AuditRule.HoldCost,
            OneHold,
            Last(e => e.ReservationHeld.Region = "eu"),
            catalog =>
            {
                Price european = Price(Haiku, input: 2, output: 10);
                european.Region = "eu";
                catalog.Prices.Add(european);
            }),
        ["a hold at the standard price for a tier that is dearer"] = new(
            AuditRule.HoldCost,
            OneHold,
            Last(e => e.ReservationHeld.ServiceTier = ServiceTier.Priority),
            catalog => catalog.Prices[1].PriorityMultiplierPpm = 2_000_000),
    };

    private static void OneCost(AuditedLedger ledger) => ledger.Record(ledger.Open(), Minute, 2.5);

    private static void OneSearch(AuditedLedger ledger) => ledger.Record(ledger.Open(), Search, 2);

    private static void ItemsHeld(AuditedLedger ledger) => HoldItems(ledger, ledger.Open());

    private static void ItemsCharged(AuditedLedger ledger)
    {
        long session = ledger.Open();
        ledger.Commit(
            session,
            HoldItems(ledger, session),
            change: request => request.Usage.Items.Add(new CountedItem { Sku = Search, Count = 1 }));
    }

    private static long HoldItems(AuditedLedger ledger, long session) => ledger.Hold(
        session, request => request.Estimate.Items.Add(new CountedItem { Sku = Search, Count = 2 }));
}
