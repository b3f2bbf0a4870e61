using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// Puts and removes entries of the catalog in force. Whole or not at all, and held to the rules of a whole catalog.
/// Takes time with the patch, and with the catalog only where the patch removes what other entries may name.
/// </summary>
internal static class PatchCatalog
{
    public static Answer Handle(TenantLedger ledger, PatchCatalogCommand command)
    {
        PatchCatalogRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.PatchCatalog)
            .Add(request.Document)
            .Add((long)request.Format)
            .Add(request.HasBaseVersion)
            .Add(request.BaseVersion)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (!request.DryRun && ledger.TryAnswer(asked, out Answer again)) return again;

        CatalogModel before = ledger.Catalog;
        if (request.HasBaseVersion && request.BaseVersion != before.Version)
            return new Answer(Outcome.CatalogOutdated, Faults: [Outdated(request.BaseVersion, before.Version)]);
        var faults = new List<Fault>();
        var patch = new CatalogPatch(before, command.Put, command.Remove, faults);
        faults.AddRange(CatalogRules.Check(patch));
        if (faults.Count > 0) return new Answer(Outcome.CatalogInvalid, Faults: faults);
        List<Fault> inUse = FindInUse(ledger, patch.Removed);
        if (inUse.Count > 0) return new Answer(Outcome.CatalogInUse, Faults: inUse);

        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        CatalogPatched patched = ledgerEvent.CatalogPatched = EventOf(ledger, patch, request);
        patched.Notices.Add(command.Notices);
        if (FamiliesOfNothing(patch) is { Length: > 0 } families)
        {
            patched.Notices.Add(
                $"no model with a price is of {families}: its budget counts nothing until there is one.");
        }

        if (!request.DryRun && patched.Changes.Count > 0) ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CatalogPatched patched, long version)
    {
        Invariant.Holds(ledger.Catalog.IsApplied);
        // 0 is of a state of a former release, which does not say.
        bool follows = patched.BaseVersion == ledger.Catalog.Version
            || patched.BaseVersion == 0 || ledger.Catalog.Version == 0;
        Invariant.Holds(follows);
        ledger.SetCatalog(ledger.Catalog.Patched(patched, version));
        AccountConfiguration.OfSome(ledger, patched.Put, patched.Removed, patched.PeriodEnds);
    }

    private static CatalogPatched EventOf(TenantLedger ledger, CatalogPatch patch, PatchCatalogRequest request)
    {
        CatalogModel before = ledger.Catalog;
        Catalog put = patch.Changed();
        var patched = new CatalogPatched
        {
            BaseVersion = before.Version,
            Put = put,
            Document = request.Document,
            Format = request.Format == CatalogFormat.Unspecified ? CatalogFormat.Yaml : request.Format,
            PriceVersion = before.Book.Version,
        };
        patched.Removed.Add(patch.Removed);
        patched.Changes.Add(CatalogDiff.Of(before, put, patch.Removed));
        if (CatalogList.OfPriceBook.Any(list => list.EntriesOf(put).Count > 0 || patch.Removes(list)))
            patched.PriceVersion++;
        patched.PeriodEnds.Add(PeriodEnds.Of(ledger, CatalogAccount.Of(put), before.Head.TimeZone));
        return patched;
    }

    private static List<Fault> FindInUse(TenantLedger ledger, IReadOnlySet<string> removed) =>
        removed.Any(ledger.Accounts.ContainsKey)
            ? CatalogUses.Of(ledger, account => !removed.Contains(account))
            : [];

    private static string FamiliesOfNothing(CatalogPatch patch) => string.Join(
        ", ",
        CatalogAccount.Of(patch.Put)
            .SelectMany(account => account.Models.Select(family => (account.Name, family.Models)))
            .Where(family => !patch.Models.HasAnyOf(family.Models))
            .Select(family => Names.Models(family.Name, family.Models)));

    private static Fault Outdated(long basedOn, long version) => new(
        "base_version",
        $"is {basedOn}, and version {version} of the catalog is in force: read it again, and patch that");
}
