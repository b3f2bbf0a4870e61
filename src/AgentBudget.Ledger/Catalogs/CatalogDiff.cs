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

    /// <summary>
    /// What putting entries and removing items changes: added and changed in the order of a document, then removed.
    /// </summary>
    public static List<CatalogChange> Of(CatalogModel before, Catalog put, IEnumerable<string> removed)
    {
        var changes = new List<CatalogChange>();
        foreach ((string item, IMessage value) in Entries(put))
        {
            IMessage? previous = before.Find(item);
            if (previous is null) changes.Add(Change(Kind.Added, item));
            else if (!SameMessage.Are(previous, value)) changes.Add(Change(Kind.Changed, item));
        }

        changes.AddRange(removed.Select(item => Change(Kind.Removed, item)));
        return changes;
    }

    /// <summary>What the tenant itself has, and the tags: a catalog without its lists.</summary>
    public static Catalog HeadOf(Catalog catalog)
    {
        Catalog head = TenantOf(catalog);
        head.Tags.Add(catalog.Tags);
        return head;
    }

    private static CatalogChange Change(Kind kind, string item) => new() { Kind = kind, Item = item };

    private static List<(string Item, IMessage Value)> Items(Catalog catalog)
    {
        if (catalog.Tenant.Length == 0) return [];
        return [(Names.TenantPrefix + catalog.Tenant, TenantOf(catalog)), .. Entries(catalog)];
    }

    private static IEnumerable<(string Item, IMessage Value)> Entries(Catalog catalog)
    {
        foreach ((string tag, TagRule rule) in catalog.Tags) yield return (CatalogList.TagPrefix + tag, rule);
        foreach (CatalogList list in CatalogList.All)
        {
            foreach (IMessage entry in list.EntriesOf(catalog)) yield return (list.ItemOf(entry), entry);
        }
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
