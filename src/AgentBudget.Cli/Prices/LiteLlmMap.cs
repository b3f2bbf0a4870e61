using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace AgentBudget.Cli.Prices;

/// <summary>
/// Reads LiteLLM's model_prices_and_context_window.json: money per token, fields by model. A field's name
/// says its bucket, then a threshold (<c>_above_128k_tokens</c>), then a service tier (<c>_priority</c>).
/// </summary>
internal static partial class LiteLlmMap
{
    private const int RatePlaces = 15; // From money per token to nanos per million.
    private const string UpliftPrefix = "regional_processing_uplift_multiplier_";

    // What stands in the map beside models.
    private static readonly string[] NoModels = ["sample_spec", "fallback_generalizations"];

    private static readonly Dictionary<string, string> Buckets = new(StringComparer.Ordinal)
    {
        ["input_cost_per_token"] = "input",
        ["output_cost_per_token"] = "output",
        ["cache_read_input_token_cost"] = "cacheRead",
        ["input_cost_per_token_cache_hit"] = "cacheRead",
        ["cache_creation_input_token_cost"] = "cacheWrite5m",
        ["cache_creation_input_token_cost_above_1hr"] = "cacheWrite1h",
        ["output_cost_per_reasoning_token"] = "reasoning",
        ["input_cost_per_audio_token"] = "inputAudio",
        ["output_cost_per_audio_token"] = "outputAudio",
        ["input_cost_per_image_token"] = "inputImage",
        ["output_cost_per_image_token"] = "outputImage",
        ["cache_read_input_audio_token_cost"] = "cacheReadAudio",
        ["cache_creation_input_audio_token_cost"] = "cacheWriteAudio",
    };

    private static readonly Dictionary<string, string> Tiers = new(StringComparer.Ordinal)
    {
        ["_priority"] = "priority",
        ["_flex"] = "flex",
        ["_batches"] = "batch",
    };

    public static PriceImport Read(JsonElement map, string? provider)
    {
        var import = new PriceImport();
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            if (NoModels.Contains(entry.Name) || entry.Value.ValueKind != JsonValueKind.Object) continue;
            string of = entry.Value.TryGetProperty("litellm_provider", out JsonElement named) ? $"{named}" : "";
            if (provider is not null && of != provider) continue;
            import.Entries++;
            Read(import, entry, of);
        }

        return import;
    }

    private static void Read(PriceImport import, JsonProperty entry, string provider)
    {
        var reading = new PriceReading(import, entry.Name);
        if (!reading.IsModel(entry.Name)) return;
        var lists = new Dictionary<string, PriceDraft>(StringComparer.Ordinal)
        {
            [""] = new PriceDraft(entry.Name, IsWord(provider) ? provider : ""),
        };
        var regions = new List<RegionDraft>();
        foreach (JsonProperty field in entry.Value.EnumerateObject()) Read(reading, field, lists, regions);
        PriceDraft standard = lists[""];
        if (reading.IsFaulty) return;
        if (standard.Rates.Count == 0)
        {
            reading.CannotSay("", default, "has no price");
            return;
        }

        standard.CarryUp();
        import.Prices.Add(standard);
        foreach (PriceDraft tier in lists.Values.Where(list => list.ServiceTier.Length > 0)
            .OrderBy(list => list.ServiceTier, StringComparer.Ordinal))
        {
            import.Prices.Add(Over(standard, tier));
        }

        import.Regions.AddRange(regions);
    }

    private static void Read(
        PriceReading reading, JsonProperty field, Dictionary<string, PriceDraft> lists, List<RegionDraft> regions)
    {
        (string name, long above, string tier) = PartsOf(field.Name);
        if (Buckets.TryGetValue(name, out string? bucket))
        {
            if (reading.Rate(field.Name, field.Value, RatePlaces) is not { } rate) return;
            SortedDictionary<string, long> rates = RatesOf(ListOf(lists, tier), above);
            // A name of its own wins over the former name of the same.
            if (name != "input_cost_per_token_cache_hit" || !rates.ContainsKey(bucket)) rates[bucket] = rate;
        }
        else if (UnitFields.TryFind(name, out string unit, out int places))
        {
            if (ReadUnit(reading, field, places) is { } rate)
                Raise(RatesOf(ListOf(lists, tier), above), unit, rate);
        }
        else if (field.Name == "max_output_tokens")
            lists[""].MaxOutputTokens = reading.Tokens(field.Name, field.Value);
        else if (field.Name == "max_input_tokens")
            lists[""].ContextTokens = reading.Tokens(field.Name, field.Value);
        else if (field.Name == "tiered_pricing")
            ReadTiers(reading, field, lists[""]);
        else if (field.Name.StartsWith(UpliftPrefix, StringComparison.Ordinal))
            AddRegion(reading, field.Name, field.Value, field.Name[UpliftPrefix.Length..], regions);
        else if (field.Name == "provider_specific_entry")
            ReadProviders(reading, field, regions);
        else
            TellUnsaid(reading, field);
    }

    // Some units have a price by a size of which no call is told: the dearest is never too little.
    private static long? ReadUnit(PriceReading reading, JsonProperty field, int places)
    {
        if (field.Value.ValueKind != JsonValueKind.Object)
            return reading.UnitRate(field.Name, field.Value, places);
        long?[] rates =
        [
            .. field.Value.EnumerateObject()
                .Select(size => reading.UnitRate($"{field.Name}.{size.Name}", size.Value, places))
                .Where(rate => rate is not null),
        ];
        if (rates.Distinct().Count() > 1)
            reading.CannotSay(field.Name, field.Value, "no call says its size: the dearest is taken");
        return rates.Max();
    }

    private static void Raise(SortedDictionary<string, long> rates, string unit, long rate) =>
        rates[unit] = Math.Max(rates.GetValueOrDefault(unit), rate);

    // "input_cost_per_token", 200,000 and "priority" of "input_cost_per_token_above_200k_tokens_priority".
    private static (string Name, long Above, string Tier) PartsOf(string field)
    {
        string tier = Tiers.Keys.FirstOrDefault(suffix => field.EndsWith(suffix, StringComparison.Ordinal)) ?? "";
        string name = field[..^tier.Length];
        Match threshold = Threshold().Match(name);
        long above = threshold.Success
            ? long.Parse(threshold.Groups[1].ValueSpan, CultureInfo.InvariantCulture) * 1000
            : 0;
        return (threshold.Success ? name[..threshold.Index] : name, above, Tiers.GetValueOrDefault(tier, ""));
    }

    private static PriceDraft ListOf(Dictionary<string, PriceDraft> lists, string tier)
    {
        if (!lists.TryGetValue(tier, out PriceDraft? list))
            lists.Add(tier, list = new PriceDraft(lists[""].Model, lists[""].Provider) { ServiceTier = tier });
        return list;
    }

    private static SortedDictionary<string, long> RatesOf(PriceDraft list, long above)
    {
        if (above == 0) return list.Rates;
        if (!list.LongContexts.TryGetValue(above, out SortedDictionary<string, long>? rates))
            list.LongContexts.Add(above, rates = new(BucketOrder.Instance));
        return rates;
    }

    // A list of one tier stands alone, so what it does not say is what the standard list says.
    private static PriceDraft Over(PriceDraft standard, PriceDraft tier)
    {
        PriceDraft whole = tier with
        {
            Rates = new(standard.Rates, BucketOrder.Instance),
            LongContexts = [],
            MaxOutputTokens = standard.MaxOutputTokens,
            ContextTokens = standard.ContextTokens,
        };
        foreach ((string bucket, long rate) in tier.Rates) whole.Rates[bucket] = rate;
        string[] buckets =
        [
            .. standard.LongContexts.Values.Concat(tier.LongContexts.Values).SelectMany(rates => rates.Keys).Distinct(),
        ];
        foreach (long above in standard.LongContexts.Keys.Union(tier.LongContexts.Keys))
        {
            foreach (string bucket in buckets)
            {
                // What of a threshold the tier does not say, it says without one.
                long? rate = tier.RateAbove(above, bucket);
                if (rate is null && !tier.Rates.ContainsKey(bucket)) rate = standard.RateAbove(above, bucket);
                if (rate is { } found) RatesOf(whole, above)[bucket] = found;
            }
        }

        return whole;
    }

    // The first range is the ordinary one, each further one begins where the one before ends.
    private static void ReadTiers(PriceReading reading, JsonProperty field, PriceDraft list)
    {
        if (field.Value.ValueKind != JsonValueKind.Array) return;
        foreach (JsonElement tier in field.Value.EnumerateArray())
        {
            bool isRange = tier.ValueKind == JsonValueKind.Object
                && tier.TryGetProperty("range", out JsonElement range)
                && range.ValueKind == JsonValueKind.Array && range.GetArrayLength() == 2;
            if (!isRange)
            {
                reading.CannotSay(field.Name, tier, "is no range of tokens");
                continue;
            }

            long above = reading.Tokens(field.Name, tier.GetProperty("range")[0]) ?? 0;
            foreach (JsonProperty part in tier.EnumerateObject().Where(part => part.Name != "range"))
            {
                if (Buckets.TryGetValue(part.Name, out string? bucket))
                {
                    if (reading.Rate(part.Name, part.Value, RatePlaces) is { } rate)
                        RatesOf(list, above)[bucket] = rate;
                }
                else if (UnitFields.TryFind(part.Name, out string unit, out int places))
                {
                    if (ReadUnit(reading, part, places) is { } rate) Raise(RatesOf(list, above), unit, rate);
                }
                else
                {
                    TellUnsaid(reading, part);
                }
            }
        }
    }

    // Numbers by what a call says of where or how it is served; those of places are regions.
    private static void ReadProviders(PriceReading reading, JsonProperty field, List<RegionDraft> regions)
    {
        if (field.Value.ValueKind != JsonValueKind.Object) return;
        foreach (JsonProperty part in field.Value.EnumerateObject())
        {
            if (part.Value.ValueKind != JsonValueKind.Number) continue;
            if (part.Name is "us" or "eu") AddRegion(reading, part.Name, part.Value, part.Name, regions);
            else reading.CannotSay($"{field.Name}.{part.Name}", part.Value, "a price by a mode of serving");
        }
    }

    private static void AddRegion(
        PriceReading reading, string field, JsonElement value, string region, List<RegionDraft> regions)
    {
        if (reading.Ppm(field, value) is { } ppm) regions.Add(new RegionDraft(region, reading.Entry, ppm));
    }

    private static void TellUnsaid(PriceReading reading, JsonProperty field)
    {
        bool isPrice = field.Name.Contains("cost", StringComparison.Ordinal)
            || field.Name.Contains("multiplier", StringComparison.Ordinal)
            || field.Name.Contains("pricing", StringComparison.Ordinal);
        // Units of account of one provider, beside the same price in money.
        bool isUnit = field.Name.Contains("dbu_", StringComparison.Ordinal);
        if (!isPrice || isUnit || field.Value.ValueKind == JsonValueKind.Null) return;
        reading.CannotSay(field.Name, field.Value, UnitFields.WhyUnsaid(field.Name));
    }

    private static bool IsWord(string text) => text.Length is > 0 and <= 128 && text.All(l => l is > ' ' and <= '~');

    [GeneratedRegex("_above_([0-9]{1,6})k_tokens$", RegexOptions.CultureInvariant)]
    private static partial Regex Threshold();
}
