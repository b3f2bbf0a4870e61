using AgentBudget.Protocol.V1;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Order of events, catalogs, budgets.
internal static partial class Faults
{
    private static Dictionary<string, Fault> OfOrder() => new()
    {
        ["an event that states nothing"] = new(AuditRule.Format, OneCharge, Last(e => e.ClearFact())),
        ["a number that is left out"] = new(AuditRule.Sequence, OneCharge, Last(e => e.Sequence++)),
        ["a number that is there twice"] = new(AuditRule.Sequence, OneCharge, Last(e => e.Sequence--)),
        ["a time before the last"] = new(AuditRule.Time, OneCharge, Last(e => e.Time.Seconds--)),
        ["no time"] = new(AuditRule.Time, OneCharge, Last(e => e.Time = null)),
        ["a commit's request id twice"] = new(
            AuditRule.RequestOnce,
            TwoCharges,
            Last((journal, e) => e.RequestId = journal.First(Is.Settled).RequestId)),
        ["an open's request id twice"] = new(
            AuditRule.RequestOnce,
            ledger => Twice(() => ledger.Open()),
            Last((journal, e) => e.RequestId = journal.First(Is.Opened).RequestId)),
        ["a hold that nobody asked for"] = new(AuditRule.RequestAsked, OneHold, Last(e => e.RequestId = "")),
        ["a catalog that nobody asked for"] = new(AuditRule.RequestAsked, _ => { }, Last(e => e.RequestId = "")),
        ["an expiry that somebody asked for"] = new(AuditRule.RequestAsked, OneExpiry, Last(e => e.RequestId = "x")),
    };

    private static Dictionary<string, Fault> OfCatalogs() => new()
    {
        ["another currency"] = new(
            AuditRule.CatalogIdentity, SecondCatalog, Last(e => e.CatalogApplied.Catalog.Currency = "EUR")),
        ["another tenant's catalog"] = new(
            AuditRule.CatalogIdentity, SecondCatalog, Last(e => e.CatalogApplied.Catalog.Tenant = "umbrella")),
        ["a price version without new prices"] = new(
            AuditRule.CatalogPrices, SecondCatalog, Last(e => e.CatalogApplied.PriceVersion++)),
        ["new prices without a price version"] = new(
            AuditRule.CatalogPrices, SecondCatalog, Last(e => e.CatalogApplied.Catalog.Prices[0].Rates.Input++)),
        ["a patch of another version"] = new(
            AuditRule.CatalogPatch, OnePatch, Last(e => e.CatalogPatched.BaseVersion++)),
        ["a patch that removes what is not there"] = new(
            AuditRule.CatalogPatch, OnePatch, Last(e => e.CatalogPatched.Removed[0] = "skus/other")),
        ["a patch that forgets what it removes"] = new(
            AuditRule.CatalogPatch, OnePatch, Last(e => e.CatalogPatched.Removed.Clear())),
        ["a patch that does not tell what it puts"] = new(
            AuditRule.CatalogPatch, OnePatch, Last(e => e.CatalogPatched.Changes.RemoveAt(0))),
        ["new prices of a patch without a price version"] = new(
            AuditRule.CatalogPrices, OnePatch, Last(e => e.CatalogPatched.PriceVersion--)),
        ["an agent removed by a patch under its session"] = new(
            AuditRule.CatalogInUse,
            ledger =>
            {
                ledger.Open();
                OnePatch(ledger);
            },
            Last(e =>
            {
                e.CatalogPatched.Removed.Add(Writer);
                e.CatalogPatched.Changes.Add(
                    new CatalogChange { Kind = CatalogChange.Types.Kind.Removed, Item = Writer });
            })),
        ["an agent removed under its session"] = new(
            AuditRule.CatalogInUse,
            ledger =>
            {
                ledger.Open();
                SecondCatalog(ledger);
            },
            Last(e => e.CatalogApplied.Catalog.Agents.Clear())),
    };

    private static Dictionary<string, Fault> OfBudgets() => new()
    {
        ["an extension's other limit after"] = new(
            AuditRule.Extension, OneExtension, Last(e => e.BudgetExtended.After.Limit.Units++)),
        ["an extension's other held sum before"] = new(
            AuditRule.Extension, OneExtension, Last(e => e.BudgetExtended.Before.Held.Nanos++)),
        ["an extension of more than it says"] = new(
            AuditRule.Extension, OneExtension, Last(e => e.BudgetExtended.ExtensionNanos++)),
        ["an extension of what has no budget"] = new(
            AuditRule.Extension,
            OneExtension,
            Last(e => (e.BudgetExtended.Grain, e.BudgetExtended.Window) = ("agents/writer", ""))),
        ["an extension that ends early"] = new(
            AuditRule.Extension,
            ledger =>
            {
                ledger.Extend(Promo, 1, TimeSpan.FromHours(1));
                ledger.Advance(TimeSpan.FromHours(1));
            },
            Last(e => e.Time.Seconds--)),
        ["a catalog's period that is too long"] = new(
            AuditRule.PeriodEnd, _ => { }, Last(e => e.CatalogApplied.PeriodEnds[0].EndTime.Seconds += 40 * 86_400)),
        ["a catalog's period without an end"] = new(
            AuditRule.PeriodEnd, _ => { }, Last(e => e.CatalogApplied.PeriodEnds.Clear())),
        ["a period moved by a catalog"] = new(
            AuditRule.PeriodEnd, SecondCatalog, Last(e => e.CatalogApplied.PeriodEnds[0].EndTime.Seconds--)),
        ["a period that ends early"] = new(AuditRule.PeriodEnd, NextMonth, Last(e => e.Time.Seconds--)),
        ["a next period that is too long"] = new(
            AuditRule.PeriodEnd, NextMonth, Last(e => e.PeriodEnded.NextEndTime.Seconds += 40 * 86_400)),
        ["a next period that is too short"] = new(
            AuditRule.PeriodEnd, NextMonth, Last(e => e.PeriodEnded.NextEndTime.Seconds -= 10 * 86_400)),
        ["a period that does not end"] = new(
            AuditRule.PeriodEnd,
            ledger =>
            {
                NextMonth(ledger);
                SecondCatalog(ledger);
            },
            journal => Drop(journal, Is.PeriodEnded)),
        ["spend after a period that does not end"] = new(
            AuditRule.PeriodEnd,
            ledger =>
            {
                long session = ledger.Open();
                ledger.Advance(TimeSpan.FromDays(13.5));
                ledger.Hold(session);
            },
            journal =>
            {
                Drop(journal, Is.PeriodEnded);
                // The end's finding would be the same fault seen again: the next catalog is not there to say so.
                journal[0].CatalogApplied.PeriodEnds[0].EndTime = journal[^1].Time;
            },
            catalog => LongSessions(catalog)),
        ["a period's other sum"] = new(AuditRule.PeriodSettled, NextMonth, Last(e => e.PeriodEnded.SettledNanos++)),
        ["a period's other sum of tokens"] = new(
            AuditRule.PeriodSettled, NextMonth, Last(e => e.PeriodEnded.SettledTokens--)),
    };
}
