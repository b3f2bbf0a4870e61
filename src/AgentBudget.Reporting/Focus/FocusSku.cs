using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Focus;

/// <summary>How what was paid for is named: SKU, price, meter, unit.</summary>
internal static class FocusSku
{
    /// <summary>A rate is for so many tokens.</summary>
    public const string TokensUnit = "1000000 Tokens";

    private const string Tokens = "Tokens";

    private static readonly JsonSerializerOptions Ascii = new() { Encoder = JavaScriptEncoder.Default };

    /// <summary>Who bills it; a tenant's own tools and SKUs are the tenant's.</summary>
    public static string ProviderOf(FocusRow row) =>
        row.Item.Provider.Length > 0 ? row.Item.Provider : row.Tenant;

    /// <summary>The cloud that runs it, where it is known.</summary>
    public static string HostOf(FocusRow row)
    {
        string provider = ProviderOf(row);
        return provider.Contains("bedrock", StringComparison.OrdinalIgnoreCase) ? "AWS"
            : provider.Contains("azure", StringComparison.OrdinalIgnoreCase) ? "Microsoft"
            : provider.Contains("vertex", StringComparison.OrdinalIgnoreCase) ? "Google Cloud"
            : provider;
    }

    public static string ServiceOf(FocusRow row)
    {
        if (!row.IsPriced && row.Item.Model.Length == 0 && row.Item.Sku.Length == 0) return "adjustments";
        if (row.Item.Sku.Length > 0) return IsTool(row.Item) ? "tools" : "skus";
        return $"{ProviderOf(row)} models";
    }

    public static string IdOf(FocusRow row)
    {
        if (!row.IsPriced) return "";
        return row.IsTokens
            ? $"{ProviderOf(row)}/{row.Item.Model}/{KindOf(row.Item.Bucket)}"
            : $"{ProviderOf(row)}/{row.Item.Sku}";
    }

    /// <summary>The SKU under the terms that its price depends on; never the version or the price itself.</summary>
    public static string PriceIdOf(FocusRow row)
    {
        if (!row.IsPriced) return "";
        if (!row.IsTokens) return $"{IdOf(row)}/unit";
        string context = row.Item.AboveTokens > 0
            ? FormattableString.Invariant($"above-{row.Item.AboveTokens}")
            : "ordinary";
        string region = row.Item.Region.Length > 0 ? row.Item.Region : "any-region";
        string pricedAs = row.Item.PricedAs.Length > 0 ? $"/as-{row.Item.PricedAs}" : "";
        string retention = RetentionOf(row.Item.Bucket) is { Length: > 0 } kept ? $"/{kept}" : "";
        return $"{IdOf(row)}/{ReportTerms.NameOf(row.Item.Tier)}/{context}/{region}{retention}{pricedAs}";
    }

    public static string MeterOf(FocusRow row)
    {
        if (!row.IsPriced) return "";
        if (row.IsTokens) return $"{MeterOf(row.Item.Bucket)} {Tokens}";
        return IsTool(row.Item) ? "Tool Calls" : row.Item.Sku;
    }

    public static string DetailsOf(FocusRow row)
    {
        if (!row.IsTokens) return "";
        bool isOutput = IsOutput(row.Item.Bucket);
        var details = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["x_ModelId"] = row.Item.Model,
            ["x_ServiceTier"] = ReportTerms.NameOf(row.Item.Tier),
            ["x_TokenDirection"] = isOutput ? "Output" : "Input",
        };
        string name = TokenBuckets.NameOf(row.Item.Bucket);
        if (name.StartsWith("cache_read", StringComparison.Ordinal)) details["x_TokenCacheAction"] = "Read";
        if (name.StartsWith("cache_write", StringComparison.Ordinal)) details["x_TokenCacheAction"] = "Write";
        if (RetentionOf(row.Item.Bucket) is { Length: > 0 } kept) details["x_CacheRetention"] = kept;
        return JsonSerializer.Serialize(details, Ascii);
    }

    public static string UnitOf(FocusRow row)
    {
        if (!row.IsPriced) return "";
        return row.IsTokens ? TokensUnit : ItemUnitOf(row.Item);
    }

    public static string ConsumedUnitOf(FocusRow row) => row.IsTokens ? Tokens : UnitOf(row);

    public static string DescriptionOf(FocusRow row)
    {
        if (row.Item.Kind == SpendKind.Adjustment) return Described("Correction of spend", row.Item);
        if (row.IsTokens)
        {
            string terms = row.Item.Tier is ServiceTier.Standard ? "" : $", {ReportTerms.NameOf(row.Item.Tier)}";
            string context = row.Item.AboveTokens > 0 ? ", long context" : "";
            return $"{MeterOf(row)}, {row.Item.Model}{terms}{context}";
        }

        if (row.IsPriced) return $"{MeterOf(row)}, {row.Item.Sku}";
        return Described("Charges beside the price list", row.Item);
    }

    private static string Described(string what, SpendItem item)
    {
        string of = item.Sku.Length > 0 ? item.Sku : item.Model;
        return of.Length > 0 ? $"{what}, {of}" : what;
    }

    // A tool's call, or one of a SKU: a tool has no unit of its own.
    private static bool IsTool(SpendItem item) => item.Tool == item.Sku;

    // Begins with a capital letter, in the plural, and is one word.
    private static string ItemUnitOf(SpendItem item)
    {
        if (IsTool(item)) return "Requests";
        var unit = new StringBuilder();
        foreach (char character in item.Unit)
        {
            if (!char.IsAsciiLetterOrDigit(character)) break;
            unit.Append(unit.Length == 0 ? char.ToUpperInvariant(character) : character);
        }

        if (unit.Length == 0 || !char.IsAsciiLetter(unit[0])) return "Units";
        if (unit[^1] != 's') unit.Append('s');
        return unit.ToString();
    }

    private static bool IsOutput(TokenBucket bucket) =>
        bucket == TokenBucket.Reasoning || TokenBuckets.NameOf(bucket).StartsWith("output", StringComparison.Ordinal);

    private static string RetentionOf(TokenBucket bucket) => bucket switch
    {
        TokenBucket.CacheWrite5M => "5m",
        TokenBucket.CacheWrite1H => "1h",
        _ => "",
    };

    private static string KindOf(TokenBucket bucket) => bucket switch
    {
        TokenBucket.CacheWrite5M or TokenBucket.CacheWrite1H => "cache-write",
        _ => TokenBuckets.NameOf(bucket).Replace('_', '-'),
    };

    // A bucket that came later is told by its own name.
    private static string MeterOf(TokenBucket bucket) => bucket switch
    {
        TokenBucket.CacheRead => "Cache Read Input",
        TokenBucket.CacheWrite5M or TokenBucket.CacheWrite1H => "Cache Write Input",
        TokenBucket.InputAudio => "Audio Input",
        TokenBucket.OutputAudio => "Audio Output",
        TokenBucket.InputImage => "Image Input",
        TokenBucket.OutputImage => "Image Output",
        TokenBucket.CacheReadAudio => "Cache Read Audio Input",
        TokenBucket.CacheWriteAudio => "Cache Write Audio Input",
        _ => string.Join(
            ' ',
            TokenBuckets.NameOf(bucket).Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..])),
    };
}
