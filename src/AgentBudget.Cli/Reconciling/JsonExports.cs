using System.Globalization;
using System.Text.Json;

namespace AgentBudget.Cli.Reconciling;

/// <summary>
/// Usage and costs as OpenAI's and Anthropic's administration APIs answer them: pages with <c>data</c>, each a span of
/// time with <c>results</c>. Faults are named by their path.
/// </summary>
internal static class JsonExports
{
    /// <summary>OpenAI's /v1/organization/usage/completions or /v1/organization/costs.</summary>
    public static ProviderExport ReadOpenAi(JsonElement page, string currency)
    {
        List<ProviderLine> lines = [];
        foreach ((string path, JsonElement bucket) in Items(page, "data", ""))
        {
            DateOnly day = DayOf(bucket, path, "start_time");
            foreach ((string place, JsonElement result) in Items(bucket, "results", path))
            {
                if (result.TryGetProperty("amount", out JsonElement amount))
                {
                    RequireCurrency(amount, $"{place}.amount", "currency", currency);
                    (string model, string kind) = LineItemOf(Text(result, place, "line_item"));
                    decimal cost = Number(amount, $"{place}.amount", "value");
                    lines.Add(new ProviderLine(day, model, kind, "", null, cost));
                    continue;
                }

                string of = Text(result, place, "model");
                bool isBatch = result.TryGetProperty("batch", out JsonElement batch)
                    && batch.ValueKind == JsonValueKind.True;
                string tier = isBatch ? "batch" : "standard";
                decimal input = Number(result, place, "input_tokens");
                decimal cached = Number(result, place, "input_cached_tokens", isOptional: true);
                if (cached > input)
                    throw new ExportException($"{place}.input_cached_tokens", "must be part of input_tokens");
                Add(lines, day, of, "input", tier, input - cached);
                Add(lines, day, of, "cache_read", tier, cached);
                Add(lines, day, of, "output", tier, Number(result, place, "output_tokens"));
            }
        }

        return new ProviderExport(lines, Skipped: 0);
    }

    /// <summary>Anthropic's usage_report/messages or cost_report, whose amounts are in cents.</summary>
    public static ProviderExport ReadAnthropic(JsonElement page, string currency)
    {
        List<ProviderLine> lines = [];
        int skipped = 0;
        foreach ((string path, JsonElement bucket) in Items(page, "data", ""))
        {
            DateOnly day = DayOf(bucket, path, "starting_at");
            foreach ((string place, JsonElement result) in Items(bucket, "results", path))
            {
                if (result.TryGetProperty("amount", out _))
                {
                    RequireCurrency(result, place, "currency", currency);
                    decimal cost = Number(result, place, "amount") / 100;
                    string of = Text(result, place, "model", isOptional: true);
                    string type = Text(result, place, "token_type", isOptional: true);
                    string paid = Text(result, place, "service_tier", isOptional: true);
                    if (of.Length == 0) skipped++; // Tools and sessions of code.
                    else lines.Add(new ProviderLine(day, of, KindOf(type), paid, null, cost));
                    continue;
                }

                string model = Text(result, place, "model");
                string tier = Text(result, place, "service_tier", isOptional: true);
                Add(lines, day, model, "input", tier, Number(result, place, "uncached_input_tokens"));
                Add(lines, day, model, "cache_read", tier, Number(result, place, "cache_read_input_tokens"));
                Add(lines, day, model, "output", tier, Number(result, place, "output_tokens"));
                if (!result.TryGetProperty("cache_creation", out JsonElement written)) continue;
                string inside = $"{place}.cache_creation";
                decimal short5 = Number(written, inside, "ephemeral_5m_input_tokens", isOptional: true);
                decimal long1 = Number(written, inside, "ephemeral_1h_input_tokens", isOptional: true);
                Add(lines, day, model, "cache_write_5m", tier, short5);
                Add(lines, day, model, "cache_write_1h", tier, long1);
            }
        }

        return new ProviderExport(lines, skipped);
    }

    private static void Add(
        List<ProviderLine> lines, DateOnly day, string model, string bucket, string tier, decimal tokens)
    {
        if (tokens > 0) lines.Add(new ProviderLine(day, model, bucket, tier, tokens, null));
    }

    // "gpt-4o-2024-08-06, cached input".
    private static (string Model, string Bucket) LineItemOf(string item)
    {
        int comma = item.LastIndexOf(", ", StringComparison.Ordinal);
        return comma < 0 ? (item, "") : item[(comma + 2)..] switch
        {
            "input" => (item[..comma], "input"),
            "cached input" => (item[..comma], "cache_read"),
            "output" => (item[..comma], "output"),
            _ => (item[..comma], ""),
        };
    }

    // "uncached_input_tokens", "cache_creation.ephemeral_5m_input_tokens".
    private static string KindOf(string type) => type switch
    {
        "uncached_input_tokens" => "input",
        "cache_read_input_tokens" => "cache_read",
        "output_tokens" => "output",
        "cache_creation.ephemeral_5m_input_tokens" => "cache_write_5m",
        "cache_creation.ephemeral_1h_input_tokens" => "cache_write_1h",
        _ => "",
    };

    private static IEnumerable<(string Path, JsonElement Item)> Items(JsonElement of, string name, string path)
    {
        string place = path.Length == 0 ? name : $"{path}.{name}";
        if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty(name, out JsonElement items)
            || items.ValueKind != JsonValueKind.Array)
        {
            throw new ExportException(place, "is missing: it must be a list, as the provider's API answers it");
        }

        int index = 0;
        foreach (JsonElement item in items.EnumerateArray()) yield return ($"{place}[{index++}]", item);
    }

    private static DateOnly DayOf(JsonElement of, string path, string name)
    {
        string place = $"{path}.{name}";
        if (of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out JsonElement value))
        {
            if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long seconds)
                && seconds is >= 0 and < 253_402_300_800) // The year 10000.
            {
                return DateOnly.FromDateTime(DateTimeOffset.FromUnixTimeSeconds(seconds).UtcDateTime);
            }

            if (value.ValueKind == JsonValueKind.String && DateTimeOffset.TryParse(
                    value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            {
                return DateOnly.FromDateTime(time.UtcDateTime);
            }
        }

        throw new ExportException(place, "must be a time, in seconds since 1970 or like 2026-11-01T00:00:00Z");
    }

    private static string Text(JsonElement of, string path, string name, bool isOptional = false)
    {
        if (of.ValueKind == JsonValueKind.Object && of.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.String)
        {
            return value.GetString()!;
        }

        return isOptional ? "" : throw new ExportException($"{path}.{name}", "is missing: group the export by it");
    }

    // Exact also where it is written as a text.
    private static decimal Number(JsonElement of, string path, string name, bool isOptional = false)
    {
        if (of.ValueKind != JsonValueKind.Object || !of.TryGetProperty(name, out JsonElement value)
            || value.ValueKind == JsonValueKind.Null)
        {
            return isOptional ? 0 : throw new ExportException($"{path}.{name}", "is missing");
        }

        string? text = value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
        return ExportNumbers.Parse(text, $"{path}.{name}");
    }

    private static void RequireCurrency(JsonElement of, string path, string name, string currency) =>
        ExportNumbers.RequireCurrency(Text(of, path, name, isOptional: true), currency, $"{path}.{name}");
}
