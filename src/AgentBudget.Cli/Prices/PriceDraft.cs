namespace AgentBudget.Cli.Prices;

/// <summary>
/// A price that was read from another price map, as a catalog says it. Rates are nanos per million tokens, by the
/// catalog's names of buckets, and nanos per million of a unit, by the unit's name.
/// </summary>
internal sealed record PriceDraft(string Model, string Provider)
{
    /// <summary>"priority", "flex" or "batch"; empty for the standard list.</summary>
    public string ServiceTier { get; init; } = "";

    public SortedDictionary<string, long> Rates { get; init; } = new(BucketOrder.Instance);

    /// <summary>Rates of requests above a number of tokens.</summary>
    public SortedDictionary<long, SortedDictionary<string, long>> LongContexts { get; init; } = [];

    /// <summary>The rate of a bucket above so many tokens: that of the highest threshold that has it.</summary>
    public long? RateAbove(long tokens, string bucket)
    {
        foreach ((long above, SortedDictionary<string, long> rates) in LongContexts.Reverse())
        {
            if (above <= tokens && rates.TryGetValue(bucket, out long rate)) return rate;
        }

        return null;
    }

    /// <summary>
    /// Each threshold has the rates of those below it: in a catalog the highest stands alone, in maps each rate has
    /// thresholds of its own.
    /// </summary>
    public void CarryUp()
    {
        foreach ((long above, SortedDictionary<string, long> rates) in LongContexts)
        {
            foreach (string bucket in LongContexts.Values.SelectMany(lower => lower.Keys).Distinct().ToArray())
            {
                if (RateAbove(above, bucket) is { } rate) rates[bucket] = rate;
            }
        }
    }

    public long? MaxOutputTokens { get; set; }

    public long? ContextTokens { get; set; }
}

/// <summary>What a region pays of a model's price, in millionths.</summary>
internal sealed record RegionDraft(string Region, string Models, long Ppm);

/// <summary>What of a map a catalog does not say.</summary>
/// <param name="Entry">The model.</param>
/// <param name="Field">The map's field.</param>
/// <param name="Value">What stands there.</param>
/// <param name="Why">Why it is not said.</param>
internal sealed record Unsaid(string Entry, string Field, string Value, string Why);

/// <summary>What a price map comes to.</summary>
internal sealed class PriceImport
{
    public List<PriceDraft> Prices { get; } = [];

    public List<RegionDraft> Regions { get; } = [];

    public List<Unsaid> Unsaid { get; } = [];

    /// <summary>Entries of the map, those without a price among them.</summary>
    public int Entries { get; set; }

    /// <summary>Numbers that are finer than a rate can be, and were rounded to it.</summary>
    public int Rounded { get; set; }

    public int Models => Prices.Select(price => price.Model).Distinct(StringComparer.Ordinal).Count();
}

/// <summary>Buckets in the order in which documents have them, then units by name.</summary>
internal sealed class BucketOrder : IComparer<string>
{
    public static readonly BucketOrder Instance = new();

    private static readonly string[] Buckets =
    [
        "input", "output", "cacheRead", "cacheWrite5m", "cacheWrite1h", "reasoning", "inputAudio", "outputAudio",
        "inputImage", "outputImage", "cacheReadAudio", "cacheWriteAudio",
    ];

    public static bool IsUnit(string name) => !Buckets.Contains(name, StringComparer.Ordinal);

    public int Compare(string? x, string? y)
    {
        int order = PlaceOf(x).CompareTo(PlaceOf(y));
        return order != 0 ? order : string.CompareOrdinal(x, y);
    }

    private static int PlaceOf(string? name)
    {
        int place = Array.IndexOf(Buckets, name);
        return place < 0 ? Buckets.Length : place;
    }
}
