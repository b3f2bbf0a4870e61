using System.Collections.Frozen;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Prices;

/// <summary>
/// All prices of one version. Immutable: a hold keeps the book that it was priced with, and is settled with it.
/// </summary>
internal sealed class PriceBook
{
    private readonly Dictionary<string, PriceEntry[]> _entriesByName;

    // By the price itself: the book after a patch has most of them again.
    private readonly Dictionary<Price, PriceEntry> _entries;
    private readonly FrozenDictionary<string, SkuPrice> _skus;
    private ModelNames? _models;

    /// <summary>The book of a catalog.</summary>
    public PriceBook(long version, Catalog catalog)
        : this(version, catalog.Prices, catalog.Skus, catalog.Tools, catalog.RegionalMultipliers)
    {
    }

    /// <param name="version">The version.</param>
    /// <param name="prices">The prices, which nobody changes from now on.</param>
    /// <param name="skus">SKUs.</param>
    /// <param name="tools">Tools.</param>
    /// <param name="regions">Regional multipliers.</param>
    /// <param name="before">A former book, whose work on the same prices is not done again.</param>
    public PriceBook(
        long version,
        IReadOnlyList<Price> prices,
        IReadOnlyList<Sku> skus,
        IReadOnlyList<Tool> tools,
        IReadOnlyList<RegionalMultiplier> regions,
        PriceBook? before = null)
    {
        Version = version;
        Prices = prices;
        Skus = skus;
        Tools = tools;
        Regions = regions;
        _entries = new Dictionary<Price, PriceEntry>(prices.Count, ReferenceEqualityComparer.Instance);
        var byName = new Dictionary<string, List<PriceEntry>>(prices.Count, StringComparer.Ordinal);
        foreach (Price price in prices)
        {
            if (before is null || !before._entries.TryGetValue(price, out PriceEntry? entry))
                entry = new PriceEntry(price);
            _entries[price] = entry;
            if (byName.TryGetValue(price.Model, out List<PriceEntry>? entries)) entries.Add(entry);
            else byName.Add(price.Model, [entry]);
        }

        if (regions.Count > 0)
        {
            var rules = new RegionRules(regions);
            foreach (List<PriceEntry> entries in byName.Values) AddRegions(entries, rules);
        }

        _entriesByName = new Dictionary<string, PriceEntry[]>(byName.Count, StringComparer.Ordinal);
        foreach ((string model, List<PriceEntry> entries) in byName)
            _entriesByName.Add(model, [.. entries.OrderByDescending(entry => entry.EffectiveFromNanos)]);

        // An alias names the model, whichever of its prices declares it.
        foreach (Price price in prices)
        {
            foreach (string alias in price.Aliases) _entriesByName[alias] = _entriesByName[price.Model];
        }

        SkuPrice[] all =
        [
            .. skus.Select(sku => new SkuPrice(sku.Id, MoneyMath.ToNanos(sku.Cost), IsTool: false)),
            .. tools.Where(tool => tool.CostPerCall is not null)
                .Select(tool => new SkuPrice(tool.Id, MoneyMath.ToNanos(tool.CostPerCall), IsTool: true)),
        ];
        _skus = all.ToFrozenDictionary(sku => sku.Id, StringComparer.Ordinal);
    }

    public long Version { get; }

    public IReadOnlyList<Price> Prices { get; }

    public IReadOnlyList<Sku> Skus { get; }

    public IReadOnlyList<Tool> Tools { get; }

    public IReadOnlyList<RegionalMultiplier> Regions { get; }

    /// <summary>The models that it prices, without aliases.</summary>
    public ModelNames Models => _models ??= new ModelNames(Prices.Select(price => price.Model));

    /// <summary>
    /// The price in force for a model or alias at a time; null if it is unknown then. The call's region wins over every
    /// region, then its service tier over the ordinary list, then the later price.
    /// </summary>
    public PriceEntry? Find(string nameOrAlias, string region, ServiceTier tier, long atNanos)
    {
        if (!_entriesByName.TryGetValue(nameOrAlias, out PriceEntry[]? entries)) return null;
        PriceEntry? best = null;
        int bestRank = -1;
        foreach (PriceEntry entry in entries)
        {
            if (entry.EffectiveFromNanos > atNanos) continue;
            bool isOfRegion = entry.Region.Length > 0;
            bool isOfTier = entry.Tier != ServiceTier.Standard;
            if ((isOfRegion && entry.Region != region) || (isOfTier && entry.Tier != tier)) continue;
            int rank = (isOfRegion ? 2 : 0) + (isOfTier ? 1 : 0);
            if (rank > bestRank) (best, bestRank) = (entry, rank);
        }

        return best;
    }

    /// <summary>Calls of tools among counted items.</summary>
    public long ToolCallsOf(RepeatedField<CountedItem> items)
    {
        long calls = 0;
        for (int index = 0; index < items.Count; index++)
        {
            if (FindSku(items[index].Sku) is { IsTool: true }) calls += items[index].Count;
        }

        return calls;
    }

    /// <summary>The price of a SKU, or of a tool's call; null if the book has none.</summary>
    public SkuPrice? FindSku(string id) => _skus.GetValueOrDefault(id);

    // Prices of no region, as a region pays them that has none of its own for the model.
    private static void AddRegions(List<PriceEntry> entries, RegionRules rules)
    {
        HashSet<string>? own = null;
        foreach (PriceEntry entry in entries.ToArray())
        {
            if (entry.Region.Length > 0 || rules.Of(entry) is not { Count: > 0 } ofEntry) continue;
            own ??= [.. entries.Select(other => other.Region)];
            HashSet<string> found = [.. own];
            entries.AddRange(ofEntry.Where(rule => found.Add(rule.Region)).Select(entry.In));
        }
    }
}
