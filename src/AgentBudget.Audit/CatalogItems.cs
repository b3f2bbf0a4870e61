using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Items of a catalog's lists and tags, as changes name them.</summary>
internal static class CatalogItems
{
    public static IEnumerable<string> Of(Catalog catalog) =>
    [
        .. catalog.Tags.Keys.Select(tag => "tags/" + tag),
        .. catalog.BusinessUnits.Select(unit => "businessUnits/" + unit.Id),
        .. catalog.UseCases.Select(useCase => "useCases/" + useCase.Id),
        .. catalog.Agents.Select(agent => "agents/" + agent.Id),
        .. catalog.Tools.Select(NameOf),
        .. catalog.Prices.Select(NameOf),
        .. catalog.RegionalMultipliers.Select(NameOf),
        .. catalog.Skus.Select(NameOf),
    ];

    public static string NameOf(Tool tool) => "tools/" + tool.Id;

    public static string NameOf(Sku sku) => "skus/" + sku.Id;

    public static string NameOf(RegionalMultiplier rule) =>
        $"regionalMultipliers/{rule.Region}/{rule.Models}/{rule.Provider}";

    public static string NameOf(Price price)
    {
        string of = price.Region.Length > 0 ? $"{price.Model}/{price.Region}" : price.Model;
        if (price.ServiceTier is not (ServiceTier.Unspecified or ServiceTier.Standard)) of += $"/{price.ServiceTier}";
        return $"prices/{of}@{price.EffectiveFrom?.ToString().Trim('"')}";
    }

    /// <summary>A list after a patch: what is put takes its item's place, or comes last.</summary>
    public static List<T> After<T>(
        IEnumerable<T> before, IEnumerable<T> put, IReadOnlySet<string> removed, Func<T, string> nameOf)
    {
        List<T> after = [.. before.Where(entry => !removed.Contains(nameOf(entry)))];
        foreach (T entry in put)
        {
            int place = after.FindIndex(own => nameOf(own) == nameOf(entry));
            if (place < 0) after.Add(entry);
            else after[place] = entry;
        }

        return after;
    }
}
