using System.Globalization;

namespace AgentBudget.Cli.Reconciling;

/// <summary>Costs as Azure exports them, and as AWS does in a cost and usage report (CUR 2.0). Faults name row and
/// column.</summary>
internal static class CsvExports
{
    private const string AzureDate = "Date";
    private const string AzureMeter = "MeterName";
    private const string AzureQuantity = "Quantity";
    private const string AzureUnit = "UnitOfMeasure";
    private const string AzureCost = "CostInBillingCurrency";
    private const string AzureCurrency = "BillingCurrency";
    private const string CurStart = "line_item_usage_start_date";
    private const string CurType = "line_item_usage_type";
    private const string CurAmount = "line_item_usage_amount";
    private const string CurCost = "line_item_unblended_cost";
    private const string CurCurrency = "line_item_currency_code";
    private const string CurUnit = "pricing_unit";

    /// <summary>Rows whose meter counts tokens; the others are for no model.</summary>
    public static ProviderExport ReadAzure(string text, string currency)
    {
        CsvTable table = CsvTable.Read(text);
        table.Require(AzureDate, AzureMeter, AzureQuantity, AzureUnit, AzureCost);
        List<ProviderLine> lines = [];
        int skipped = 0;
        for (int row = 0; row < table.Rows.Count; row++)
        {
            string meter = table.ValueOf(row, AzureMeter);
            if (BucketOf(meter) is not { } bucket)
            {
                skipped++;
                continue;
            }

            ExportNumbers.RequireCurrency(
                table.ValueOf(row, AzureCurrency), currency, CsvTable.PlaceOf(row, AzureCurrency));
            decimal tokens = NumberOf(table, row, AzureQuantity)
                * UnitOf(table.ValueOf(row, AzureUnit), CsvTable.PlaceOf(row, AzureUnit));
            lines.Add(new ProviderLine(
                DayOf(table, row, AzureDate), meter, bucket, TierOf(meter), tokens, NumberOf(table, row, AzureCost)));
        }

        return new ProviderExport(lines, skipped);
    }

    /// <summary>Rows whose usage type counts tokens. Amounts without a pricing_unit are thousands.</summary>
    public static ProviderExport ReadBedrock(string text, string currency)
    {
        CsvTable table = CsvTable.Read(text);
        table.Require(CurStart, CurType, CurAmount, CurCost);
        List<ProviderLine> lines = [];
        int skipped = 0;
        for (int row = 0; row < table.Rows.Count; row++)
        {
            string type = table.ValueOf(row, CurType);
            if (!type.Contains("token", StringComparison.OrdinalIgnoreCase) || BucketOf(type) is not { } bucket)
            {
                skipped++;
                continue;
            }

            ExportNumbers.RequireCurrency(
                table.ValueOf(row, CurCurrency), currency, CsvTable.PlaceOf(row, CurCurrency));
            string unit = table.ValueOf(row, CurUnit) is { Length: > 0 } named ? named : "1K";
            decimal tokens =
                NumberOf(table, row, CurAmount) * UnitOf(unit, CsvTable.PlaceOf(row, CurUnit));
            // "USE1-Claude4.6Sonnet-output-tokens" begins with the region.
            string model = type[(type.IndexOf('-', StringComparison.Ordinal) + 1)..];
            lines.Add(new ProviderLine(
                DayOf(table, row, CurStart), model, bucket, TierOf(type), tokens, NumberOf(table, row, CurCost)));
        }

        return new ProviderExport(lines, skipped);
    }

    // By what meters call tokens: "gpt 4o 0806 cached Inp glbl Tokens", "Claude4.6Sonnet-cache-write-1h-tokens".
    private static string? BucketOf(string meter)
    {
        bool Has(string word) => meter.Contains(word, StringComparison.OrdinalIgnoreCase);
        if (Has("cache") && Has("write")) return Has("1h") ? "cache_write_1h" : "cache_write_5m";
        if (Has("cache") || Has("cchd")) return "cache_read";
        if (Has("outp") || Has("output") || Has("opt ")) return "output";
        return Has("inp") ? "input" : null;
    }

    private static string TierOf(string meter) =>
        meter.Contains("batch", StringComparison.OrdinalIgnoreCase) ? "batch" : "standard";

    private static decimal NumberOf(CsvTable table, int row, string column) =>
        ExportNumbers.Parse(table.ValueOf(row, column), CsvTable.PlaceOf(row, column));

    private static decimal UnitOf(string unit, string place)
    {
        string word = unit.Trim().Split(' ')[0].ToUpperInvariant();
        return word switch
        {
            "1" or "TOKENS" or "TOKEN" => 1,
            "1K" or "1000" => 1_000,
            "1M" or "1000000" => 1_000_000,
            _ => throw new ExportException(place, $"'{unit}' is none of 1, 1K and 1M"),
        };
    }

    private static DateOnly DayOf(CsvTable table, int row, string column) => DateTimeOffset.TryParse(
        table.ValueOf(row, column), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
        ? DateOnly.FromDateTime(time.UtcDateTime)
        : throw new ExportException(CsvTable.PlaceOf(row, column), "must be a day like 2026-11-01 or 11/01/2026");
}
