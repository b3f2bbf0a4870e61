using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Catalogs;

// Patches: the same rules, for what is put and for what names what is removed.
public sealed partial class CatalogRules
{
    // Whose reference to something removed is looked at; null while a document's own entries are.
    private string? _staying;

    /// <summary>
    /// The faults of a patch, at most 100: of its entries with the catalog in force, and of entries that stay and name
    /// what it removes.
    /// </summary>
    internal static List<Fault> Check(CatalogPatch patch)
    {
        var rules = new CatalogRules(patch.Currency, patch.Has, patch.Models);
        rules.CheckEntries(patch.Put, patch.CountAfter, patch.Tags);
        if (patch.Touches(CatalogList.Prices))
            rules.CheckPrices([.. Staying<Price>(CatalogList.Prices), .. At("prices", patch.Put.Prices)]);
        if (patch.Touches(CatalogList.Regions))
        {
            rules.CheckRegions(
            [
                .. Staying<RegionalMultiplier>(CatalogList.Regions),
                .. At("regionalMultipliers", patch.Put.RegionalMultipliers),
            ]);
        }

        if (patch.Touches(CatalogList.Tools) || patch.Touches(CatalogList.Skus))
        {
            rules.CheckToolsAndSkus(
                [.. Staying<Tool>(CatalogList.Tools), .. At("tools", patch.Put.Tools)],
                [.. Staying<Sku>(CatalogList.Skus), .. At("skus", patch.Put.Skus)]);
        }

        rules.CheckStaying(patch);
        return rules._faults;

        IEnumerable<(string Path, T Entry)> Staying<T>(CatalogList list) =>
            patch.Staying(list).Select(entry => (list.ItemOf(entry), (T)entry));
    }

    // What an entry that stays named is gone.
    private void CheckStaying(CatalogPatch patch)
    {
        foreach (UseCase useCase in patch.UseCasesThatNameRemoved())
        {
            _staying = Names.UseCasePrefix + useCase.Id;
            CheckReferences("", useCase);
        }

        foreach (Agent agent in patch.AgentsThatNameRemoved())
        {
            _staying = Names.AgentPrefix + agent.Id;
            CheckReferences("", agent);
        }

        _staying = null;
    }
}
