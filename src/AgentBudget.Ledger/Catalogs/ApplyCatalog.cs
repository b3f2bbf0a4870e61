using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Makes the tenant as a catalog says. Whole or not at all: one fault refuses it. Usage survives every change; what
/// open sessions or holds refer to cannot be removed.
/// </summary>
internal static class ApplyCatalog
{
    public static Answer Handle(TenantLedger ledger, ApplyCatalogCommand command)
    {
        ApplyCatalogRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.ApplyCatalog)
            .Add(request.Document)
            .Add((long)request.Format)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (!request.DryRun && ledger.TryAnswer(asked, out Answer again)) return again;

        List<Fault> faults = CatalogRules.Check(command.Catalog);
        CheckIdentity(ledger, command.Catalog, faults);
        if (faults.Count > 0) return new Answer(Outcome.CatalogInvalid, Faults: faults);
        List<Fault> inUse = CatalogUses.Of(ledger, KeptBy(ledger, command.Catalog));
        if (inUse.Count > 0) return new Answer(Outcome.CatalogInUse, Faults: inUse);

        var applied = new CatalogApplied
        {
            Catalog = command.Catalog,
            Document = request.Document,
            Format = request.Format == CatalogFormat.Unspecified ? CatalogFormat.Yaml : request.Format,
            PriceVersion = ledger.Catalog.Book.Version,
        };
        applied.Changes.Add(CatalogDiff.Between(ledger.Catalog.Applied.Catalog, command.Catalog));
        applied.Notices.Add(command.Notices);
        if (!HasSamePrices(command.Catalog, ledger.Catalog.Book)) applied.PriceVersion++;
        IEnumerable<CatalogAccount> accounts = CatalogAccount.Of(command.Catalog)
            .Prepend(CatalogAccount.OfTenant(ledger.Tenant.Name, command.Catalog));
        applied.PeriodEnds.Add(PeriodEnds.Of(ledger, accounts, command.Catalog.TimeZone));
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.CatalogApplied = applied;
        if (!request.DryRun && applied.Changes.Count > 0) ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CatalogApplied applied, long version)
    {
        PriceBook book = applied.PriceVersion == ledger.Catalog.Book.Version
            ? ledger.Catalog.Book
            : new PriceBook(applied.PriceVersion, applied.Catalog);
        ledger.SetCatalog(new CatalogModel(applied, version, book));
        AccountConfiguration.OfAll(ledger, applied.Catalog, applied.PeriodEnds);
    }

    private static bool HasSamePrices(Catalog next, PriceBook present) =>
        SameMessage.Are(next.Prices, present.Prices) && SameMessage.Are(next.Skus, present.Skus)
        && SameMessage.Are(next.Tools, present.Tools)
        && SameMessage.Are(next.RegionalMultipliers, present.Regions);

    private static void CheckIdentity(TenantLedger ledger, Catalog catalog, List<Fault> faults)
    {
        if (catalog.Tenant.Length > 0 && catalog.Tenant != ledger.TenantId)
            faults.Add(new Fault("tenant", $"must be {ledger.TenantId}, the tenant that it is applied to"));
        if (ledger.Catalog.IsApplied && catalog.Currency != ledger.Catalog.Currency)
            faults.Add(
                new Fault("currency", $"must stay {ledger.Catalog.Currency}: a tenant has one currency for ever"));
    }

    private static Func<string, bool> KeptBy(TenantLedger ledger, Catalog next)
    {
        HashSet<string> kept = new(StringComparer.Ordinal) { ledger.Tenant.Name };
        foreach (CatalogAccount account in CatalogAccount.Of(next)) kept.Add(account.Name);
        return kept.Contains;
    }
}
