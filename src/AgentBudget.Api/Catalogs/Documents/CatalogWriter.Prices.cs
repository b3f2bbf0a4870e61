using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Catalogs.Documents;

// Prices of tokens.
public static partial class CatalogWriter
{
    private static JsonObject NodeOf(Price price)
    {
        JsonObject node = new() { ["model"] = price.Model };
        PutTexts(node, "aliases", price.Aliases);
        PutText(node, "provider", price.Provider);
        PutText(node, "region", price.Region);
        if (price.ServiceTier != ServiceTier.Unspecified)
            node["serviceTier"] = price.ServiceTier.ToString().ToLowerInvariant();
        if (price.EffectiveFrom is { } from && !from.Equals(new Timestamp()))
            node["effectiveFrom"] = from.ToDateTime().ToString(
                "yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        PutRates(node, price.Rates, price.Units);
        if (price.LongContext is { } first)
        {
            node["longContext"] = price.LongerContexts.Count == 0
                ? NodeOf(first)
                : new JsonArray([.. price.LongerContexts.Prepend(first).Select(NodeOf)]);
        }

        PutMultiplier(node, "batch", price.HasBatchMultiplierPpm, price.BatchMultiplierPpm);
        PutMultiplier(node, "priority", price.HasPriorityMultiplierPpm, price.PriorityMultiplierPpm);
        PutMultiplier(node, "flex", price.HasFlexMultiplierPpm, price.FlexMultiplierPpm);
        PutCount(node, "maxOutputTokens", price.HasMaxOutputTokens, price.MaxOutputTokens);
        PutCount(node, "contextTokens", price.HasContextTokens, price.ContextTokens);
        Put(node, "hours", price.Hours, NodeOf);
        return node;
    }

    private static void PutMultiplier(JsonObject node, string key, bool isGiven, long ppm)
    {
        if (isGiven)
            node[key] = new JsonObject { ["multiplier"] = ppm / PpmPerUnit };
    }

    private static JsonNode NodeOf(LongContext context)
    {
        JsonObject node = new() { ["above"] = context.AboveTokens };
        PutRates(node, context.Rates, context.Units);
        return node;
    }

    // What is billed by units alone has no rates of tokens.
    private static void PutRates(JsonObject node, Rates rates, RepeatedField<UnitRate> units)
    {
        JsonObject ofTokens = NodeOf(rates);
        if (ofTokens.Count > 0 || units.Count == 0)
            node["rates"] = ofTokens;
        if (units.Count == 0)
            return;
        JsonObject ofUnits = [];
        foreach (UnitRate unit in units)
            ofUnits[unit.Unit] = unit.Rate / (NanosPerUnit * UnitsPerRate);
        node["units"] = ofUnits;
    }

    private static JsonObject NodeOf(Rates rates)
    {
        JsonObject node = [];
        PutRate("input", rates.HasInput, rates.Input);
        PutRate("output", rates.HasOutput, rates.Output);
        PutRate("cacheRead", rates.HasCacheRead, rates.CacheRead);
        PutRate("cacheWrite5m", rates.HasCacheWrite5M, rates.CacheWrite5M);
        PutRate("cacheWrite1h", rates.HasCacheWrite1H, rates.CacheWrite1H);
        PutRate("reasoning", rates.HasReasoning, rates.Reasoning);
        PutRate("inputAudio", rates.HasInputAudio, rates.InputAudio);
        PutRate("outputAudio", rates.HasOutputAudio, rates.OutputAudio);
        PutRate("inputImage", rates.HasInputImage, rates.InputImage);
        PutRate("cacheReadAudio", rates.HasCacheReadAudio, rates.CacheReadAudio);
        PutRate("cacheWriteAudio", rates.HasCacheWriteAudio, rates.CacheWriteAudio);
        PutRate("outputImage", rates.HasOutputImage, rates.OutputImage);
        return node;

        void PutRate(string bucket, bool isGiven, long nanos)
        {
            if (isGiven)
                node[bucket] = nanos / NanosPerUnit;
        }
    }

    private static JsonObject NodeOf(PriceHours hours)
    {
        JsonObject node = new() { ["zone"] = hours.TimeZone };
        PutList(node, "spans", hours.Spans, NodeOf);
        return node;
    }

    private static JsonObject NodeOf(PriceSpan span)
    {
        JsonObject node = [];
        PutTexts(node, "days", span.Weekdays.Select(day => CatalogReader.Weekdays[day - 1]));
        node["from"] = TimeOfDay(span.FromMinute);
        node["to"] = TimeOfDay(span.ToMinute);
        if (span.HasMultiplierPpm)
            node["multiplier"] = span.MultiplierPpm / PpmPerUnit;
        Put(node, "rates", span.Rates, NodeOf);
        return node;
    }
}
