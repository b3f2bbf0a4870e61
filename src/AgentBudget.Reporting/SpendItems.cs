using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>
/// One object for each item, and its number in the file once it is written. What callers name is in it (a model that
/// was refused), so only so many are remembered; numbers of others are looked up again.
/// </summary>
internal sealed class SpendItems
{
    /// <summary>Its table: a row for each item of whatever tenant, and nothing of a tenant in it.</summary>
    public const string Table = """
        CREATE TABLE item (
          id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, model TEXT NOT NULL, tool TEXT NOT NULL, sku TEXT NOT NULL,
          bucket INTEGER NOT NULL, rate INTEGER NOT NULL, rate_of INTEGER NOT NULL, tier INTEGER NOT NULL,
          above_tokens INTEGER NOT NULL, region TEXT NOT NULL, priced_as TEXT NOT NULL,
          price_version INTEGER NOT NULL, source INTEGER NOT NULL, late INTEGER NOT NULL, provider TEXT NOT NULL,
          unit TEXT NOT NULL, correction_of INTEGER NOT NULL, corrected_quarter INTEGER NOT NULL,
          UNIQUE (model, sku, tool, bucket, rate, kind, tier, above_tokens, region, priced_as, price_version, source,
            late, provider, unit, correction_of, corrected_quarter, rate_of)
        ) STRICT;
        """;

    // Some 10 MB.
    private const int RememberedMax = 20_000;

    private const string Insert = """
        INSERT INTO item (kind, model, tool, sku, bucket, rate, rate_of, tier, above_tokens, region, priced_as,
          price_version, source, late, provider, unit, correction_of, corrected_quarter)
        VALUES ($kind, $model, $tool, $sku, $bucket, $rate, $rate_of, $tier, $above_tokens, $region, $priced_as,
          $price_version, $source, $late, $provider, $unit, $correction_of, $corrected_quarter)
        ON CONFLICT DO NOTHING
        """;

    private const string Select = """
        SELECT id FROM item WHERE model = $model AND sku = $sku AND tool = $tool AND bucket = $bucket AND rate = $rate
          AND kind = $kind AND tier = $tier AND above_tokens = $above_tokens AND region = $region
          AND priced_as = $priced_as AND price_version = $price_version AND source = $source AND late = $late
          AND provider = $provider AND unit = $unit AND correction_of = $correction_of
          AND corrected_quarter = $corrected_quarter AND rate_of = $rate_of
        """;

    private readonly Dictionary<SpendItem, SpendItem> _items = [];
    private readonly Dictionary<SpendItem, long> _numbers = new(ReferenceEqualityComparer.Instance);

    /// <summary>The one object that is equal.</summary>
    public SpendItem Same(SpendItem item)
    {
        if (_items.TryGetValue(item, out SpendItem? same)) return same;
        _items.Add(item, item);
        return item;
    }

    /// <summary>The number of an item in the file, where it is written if it is new.</summary>
    public long NumberOf(SpendItem item, SqliteConnection connection, SqliteTransaction transaction)
    {
        if (_numbers.TryGetValue(item, out long number)) return number;
        using SqliteCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        Bind(command, item);
        command.CommandText = Insert;
        command.ExecuteNonQuery();
        command.CommandText = Select;
        number = (long)command.ExecuteScalar()!;
        _numbers.Add(item, number);
        return number;
    }

    /// <summary>Nothing refers to an item any more that is not in the file: they may be forgotten.</summary>
    public void Trim()
    {
        if (_items.Count > RememberedMax) Clear();
    }

    /// <summary>What was written may be undone.</summary>
    public void Clear()
    {
        _items.Clear();
        _numbers.Clear();
    }

    private static void Bind(SqliteCommand command, SpendItem item)
    {
        Span<(string Name, long Value)> numbers =
        [
            ("$kind", (long)item.Kind), ("$bucket", (long)item.Bucket), ("$rate", item.Rate),
            ("$rate_of", (long)item.RateOf), ("$tier", (long)item.Tier), ("$above_tokens", item.AboveTokens),
            ("$price_version", item.PriceVersion), ("$source", (long)item.Source), ("$late", item.IsLate ? 1 : 0),
            ("$correction_of", item.CorrectionOf), ("$corrected_quarter", item.CorrectedQuarter),
        ];
        foreach ((string name, long value) in numbers) command.Parameters.AddWithValue(name, value);
        Span<(string Name, string Value)> texts =
        [
            ("$model", item.Model), ("$tool", item.Tool), ("$sku", item.Sku), ("$region", item.Region),
            ("$priced_as", item.PricedAs), ("$provider", item.Provider), ("$unit", item.Unit),
        ];
        foreach ((string name, string value) in texts) command.Parameters.AddWithValue(name, value);
    }
}
