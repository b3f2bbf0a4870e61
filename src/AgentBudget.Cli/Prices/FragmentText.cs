using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentBudget.Cli.Prices;

/// <summary>Writes prices as a document that <c>catalog patch</c> takes, in YAML or JSON.</summary>
internal static class FragmentText
{
    private const decimal NanosPerUnit = 1_000_000_000m;
    private const decimal RatePerUnit = 1_000_000 * NanosPerUnit; // Nanos per million, of a price for one.
    private const decimal PpmPerUnit = 1_000_000m;

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static string Yaml(PriceImport import, string? from)
    {
        StringBuilder text = new();
        if (import.Prices.Count > 0) text.Append("prices:\n");
        foreach (PriceDraft price in import.Prices) Write(text, price, from);
        if (import.Regions.Count > 0) text.Append("regionalMultipliers:\n");
        foreach (RegionDraft region in import.Regions)
        {
            text.Append("  - { region: ").Append(Quoted(region.Region)).Append(", models: ")
                .Append(Quoted(region.Models)).Append(", multiplier: ").Append(Plain(region.Ppm / PpmPerUnit))
                .Append(" }\n");
        }

        return text.ToString();
    }

    public static string Json(PriceImport import, string? from)
    {
        JsonObject document = new();
        if (import.Prices.Count > 0)
            document["prices"] = new JsonArray([.. import.Prices.Select(price => NodeOf(price, from))]);
        if (import.Regions.Count > 0)
        {
            document["regionalMultipliers"] = new JsonArray(
            [
                .. import.Regions.Select(region => new JsonObject
                {
                    ["region"] = region.Region,
                    ["models"] = region.Models,
                    ["multiplier"] = region.Ppm / PpmPerUnit,
                }),
            ]);
        }

        return document.ToJsonString(Indented) + "\n";
    }

    private static void Write(StringBuilder text, PriceDraft price, string? from)
    {
        text.Append("  - model: ").Append(Quoted(price.Model)).Append('\n');
        if (price.Provider.Length > 0) Line(text, "provider", Quoted(price.Provider));
        if (price.ServiceTier.Length > 0) Line(text, "serviceTier", price.ServiceTier);
        if (from is not null) Line(text, "effectiveFrom", Quoted(from));
        foreach ((string key, IEnumerable<(string, decimal)> rates) in ListsOf(price.Rates))
            Line(text, key, FlowOf(rates));
        if (price.LongContexts.Count > 0) text.Append("    longContext:\n");
        foreach ((long above, SortedDictionary<string, long> rates) in price.LongContexts)
        {
            text.Append(CultureInfo.InvariantCulture, $"      - {{ above: {above}");
            foreach ((string key, IEnumerable<(string, decimal)> list) in ListsOf(rates))
                text.Append(", ").Append(key).Append(": ").Append(FlowOf(list));
            text.Append(" }\n");
        }

        if (price.MaxOutputTokens is { } output) Line(text, "maxOutputTokens", Plain(output));
        if (price.ContextTokens is { } context) Line(text, "contextTokens", Plain(context));
    }

    private static JsonObject NodeOf(PriceDraft price, string? from)
    {
        JsonObject node = new() { ["model"] = price.Model };
        if (price.Provider.Length > 0) node["provider"] = price.Provider;
        if (price.ServiceTier.Length > 0) node["serviceTier"] = price.ServiceTier;
        if (from is not null) node["effectiveFrom"] = from;
        AddTo(node, price.Rates);
        if (price.LongContexts.Count > 0)
        {
            node["longContext"] = new JsonArray(
            [
                .. price.LongContexts.Select(context =>
                    AddTo(new JsonObject { ["above"] = context.Key }, context.Value)),
            ]);
        }

        if (price.MaxOutputTokens is { } output) node["maxOutputTokens"] = output;
        if (price.ContextTokens is { } tokens) node["contextTokens"] = tokens;
        return node;
    }

    private static JsonObject AddTo(JsonObject node, SortedDictionary<string, long> rates)
    {
        foreach ((string key, IEnumerable<(string Name, decimal Money)> list) in ListsOf(rates))
        {
            JsonObject named = new();
            foreach ((string name, decimal money) in list) named[name] = money;
            node[key] = named;
        }

        return node;
    }

    // Rates of buckets are for a million tokens, those of units for one. A list that is empty is not there.
    private static IEnumerable<(string Key, IEnumerable<(string Name, decimal Money)> Rates)> ListsOf(
        SortedDictionary<string, long> rates)
    {
        var buckets = rates.Where(rate => !BucketOrder.IsUnit(rate.Key)).ToArray();
        var units = rates.Where(rate => BucketOrder.IsUnit(rate.Key)).ToArray();
        if (buckets.Length > 0) yield return ("rates", buckets.Select(rate => (rate.Key, rate.Value / NanosPerUnit)));
        if (units.Length > 0) yield return ("units", units.Select(rate => (rate.Key, rate.Value / RatePerUnit)));
    }

    private static void Line(StringBuilder text, string key, string value) =>
        text.Append("    ").Append(key).Append(": ").Append(value).Append('\n');

    private static string FlowOf(IEnumerable<(string Name, decimal Money)> rates) =>
        $"{{ {string.Join(", ", rates.Select(rate => $"{rate.Name}: {Plain(rate.Money)}"))} }}";

    // Without an exponent and without zeros at the end.
    private static string Plain(decimal number) => number.ToString("0.###############", CultureInfo.InvariantCulture);

    // Names are printable ASCII: what they may have beside letters is nothing to YAML within quotes.
    private static string Quoted(string name) =>
        $"\"{name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
