using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Kind = AgentBudget.Protocol.V1.CatalogChange.Types.Kind;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// What differs between two catalogs, item by item: added and changed in the new one's order, then removed.
/// </summary>
internal static class CatalogDiff
{
    public static List<CatalogChange> Between(Catalog before, Catalog after)
    {
        List<(string Item, IMessage Value)> was = Items(before);
        List<(string Item, IMessage Value)> becomes = Items(after);
        Dictionary<string, IMessage> old =
            was.ToDictionary(item => item.Item, item => item.Value, StringComparer.Ordinal);
        var changes = new List<CatalogChange>();
        foreach ((string item, IMessage value) in becomes)
        {
            if (!old.Remove(item, out IMessage? previous)) changes.Add(Change(Kind.Added, item));
            else if (!SameMessage.Are(previous, value)) changes.Add(Change(Kind.Changed, item));
        }

        changes.AddRange(was.Where(item => old.ContainsKey(item.Item)).Select(item => Change(Kind.Removed, item.Item)));
        return changes;
    }

    private static CatalogChange Change(Kind kind, string item) => new() { Kind = kind, Item = item };

    private static List<(string Item, IMessage Value)> Items(Catalog catalog)
    {
        var items = new List<(string, IMessage)>();
        if (catalog.Tenant.Length == 0) return items;
        items.Add((Names.TenantPrefix + catalog.Tenant, TenantOf(catalog)));
        items.AddRange(catalog.Tags.Select(tag => ($"tags/{tag.Key}", (IMessage)tag.Value)));
        items.AddRange(catalog.BusinessUnits.Select(unit => (Names.BusinessUnitPrefix + unit.Id, (IMessage)unit)));
        items.AddRange(catalog.UseCases.Select(useCase => (Names.UseCasePrefix + useCase.Id, (IMessage)useCase)));
        items.AddRange(catalog.Agents.Select(agent => (Names.AgentPrefix + agent.Id, (IMessage)agent)));
        items.AddRange(catalog.Tools.Select(tool => ($"tools/{tool.Id}", (IMessage)tool)));
        items.AddRange(catalog.Prices.Select(price => (PriceItem(price), (IMessage)price)));
        items.AddRange(catalog.RegionalMultipliers.Select(
            rule => ($"regionalMultipliers/{rule.Region}/{rule.Models}/{rule.Provider}", (IMessage)rule)));
        items.AddRange(catalog.Skus.Select(sku => ($"skus/{sku.Id}", (IMessage)sku)));
        return items;
    }

    // Prices of one model differ by region, by service tier, and by the time from which they are in force.
    private static string PriceItem(Price price)
    {
        string region = price.Region.Length > 0 ? $"/{price.Region}" : "";
        string tier = price.ServiceTier is ServiceTier.Unspecified or ServiceTier.Standard
            ? ""
            : $"/{price.ServiceTier}";
        return $"prices/{price.Model}{region}{tier}@{price.EffectiveFrom.ToString().Trim('"')}";
    }

    private static Catalog TenantOf(Catalog catalog) => new()
    {
        Tenant = catalog.Tenant,
        Currency = catalog.Currency,
        TimeZone = catalog.TimeZone,
        Budget = catalog.Budget,
        FurtherBudgets = { catalog.FurtherBudgets },
        RefuseUnpricedItems = catalog.RefuseUnpricedItems,
        RequireProvenUsers = catalog.RequireProvenUsers,
        ModelBudgets = { catalog.ModelBudgets },
        UserBudgets = catalog.UserBudgets,
    };
}
