using System.Text.Json;

namespace AgentBudget.Cli.Prices;

/// <summary>
/// Reads a map as models.dev's api.json: money per million tokens, models by provider. A model is named
/// PROVIDER/MODEL; with one provider alone, as that provider names it.
/// </summary>
internal static class ModelsDevMap
{
    private const int RatePlaces = 9; // From money to nanos.
    private const long Over200K = 200_000;

    private static readonly Dictionary<string, string> Buckets = new(StringComparer.Ordinal)
    {
        ["input"] = "input",
        ["output"] = "output",
        ["cache_read"] = "cacheRead",
        ["cache_write"] = "cacheWrite5m",
        ["reasoning"] = "reasoning",
        ["input_audio"] = "inputAudio",
        ["output_audio"] = "outputAudio",
    };

    public static PriceImport Read(JsonElement map, string? provider)
    {
        var import = new PriceImport();
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            bool isAsked = provider is null || entry.Name == provider;
            if (!isAsked || !TryGet(entry.Value, "models", out JsonElement models)) continue;
            foreach (JsonProperty model in models.EnumerateObject())
            {
                import.Entries++;
                string name = provider is null ? $"{entry.Name}/{model.Name}" : model.Name;
                Read(import, name, entry.Name, model.Value);
            }
        }

        return import;
    }

    private static void Read(PriceImport import, string name, string provider, JsonElement model)
    {
        var reading = new PriceReading(import, name);
        if (!reading.IsModel(name)) return;
        var draft = new PriceDraft(name, provider.Any(letter => letter is <= ' ' or > '~') ? "" : provider);
        if (TryGet(model, "cost", out JsonElement cost))
        {
            bool hasTiers = cost.TryGetProperty("tiers", out JsonElement tiers)
                && tiers.ValueKind == JsonValueKind.Array && tiers.GetArrayLength() > 0;
            // Where thresholds are said as tiers, this is one of them once more.
            foreach (JsonProperty field in cost.EnumerateObject())
            {
                if (field.Name != "context_over_200k" || !hasTiers) ReadCost(reading, field, draft);
            }
        }

        if (TryGet(model, "limit", out JsonElement limit))
        {
            if (limit.TryGetProperty("output", out JsonElement output))
                draft.MaxOutputTokens = reading.Tokens("limit.output", output);
            if (limit.TryGetProperty("context", out JsonElement context))
                draft.ContextTokens = reading.Tokens("limit.context", context);
        }

        if (reading.IsFaulty) return;
        draft.CarryUp();
        if (draft.Rates.Count > 0) import.Prices.Add(draft);
        else reading.CannotSay("cost", default, "has no price of a token");
    }

    private static void ReadCost(PriceReading reading, JsonProperty field, PriceDraft draft)
    {
        if (field.Name == "tiers" && field.Value.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement tier in field.Value.EnumerateArray()) ReadTier(reading, tier, draft);
        }
        else if (field.Name == "context_over_200k" && field.Value.ValueKind == JsonValueKind.Object)
        {
            ReadRates(reading, field.Value, RatesAbove(draft, Over200K));
        }
        else if (Buckets.TryGetValue(field.Name, out string? bucket))
        {
            if (reading.Rate($"cost.{field.Name}", field.Value, RatePlaces) is { } rate) draft.Rates[bucket] = rate;
        }
        else
        {
            reading.CannotSay($"cost.{field.Name}", field.Value, "is no field that is known");
        }
    }

    private static void ReadTier(PriceReading reading, JsonElement tier, PriceDraft draft)
    {
        bool isContext = TryGet(tier, "tier", out JsonElement of)
            && of.TryGetProperty("type", out JsonElement type) && $"{type}" == "context"
            && of.TryGetProperty("size", out JsonElement size) && reading.Tokens("cost.tiers", size) is not null;
        if (isContext)
            ReadRates(reading, tier, RatesAbove(draft, reading.Tokens("cost.tiers", of.GetProperty("size"))!.Value));
        else
            reading.CannotSay("cost.tiers", tier, "is no threshold of context");
    }

    private static void ReadRates(PriceReading reading, JsonElement rates, SortedDictionary<string, long> into)
    {
        foreach (JsonProperty field in rates.EnumerateObject().Where(field => field.Name != "tier"))
        {
            if (!Buckets.TryGetValue(field.Name, out string? bucket))
                reading.CannotSay($"cost.{field.Name}", field.Value, "is no field that is known");
            else if (reading.Rate($"cost.{field.Name}", field.Value, RatePlaces) is { } rate)
                into[bucket] = rate;
        }
    }

    private static SortedDictionary<string, long> RatesAbove(PriceDraft draft, long above)
    {
        if (!draft.LongContexts.TryGetValue(above, out SortedDictionary<string, long>? rates))
            draft.LongContexts.Add(above, rates = new(BucketOrder.Instance));
        return rates;
    }

    private static bool TryGet(JsonElement element, string name, out JsonElement value)
    {
        value = default;
        return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out value)
            && value.ValueKind == JsonValueKind.Object;
    }
}
