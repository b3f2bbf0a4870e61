using System.Globalization;
using System.Text;
using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>One chargeback report: its SQL, and its rows as messages.</summary>
internal sealed class Chargeback
{
    private const double PartsPerUnit = 1_000_000;

    // What every row sums, in this order; the tokens and the cost of each bucket follow it.
    private const string Sums = """
        sum(cost), sum(cost_high), sum(overrun), sum(overrun_high), sum(calls), sum(refused), count(DISTINCT session),
        sum(quantity), sum(quantity_high), sum(unpriced),
        sum(CASE WHEN kind = 1 THEN cost END), sum(CASE WHEN kind = 1 THEN cost_high END),
        sum(CASE WHEN late = 1 THEN cost END), sum(CASE WHEN late = 1 THEN cost_high END)
        """;

    private const int BucketsFirst = 14;
    private const int ColumnsPerBucket = 3;

    private static readonly int KeysFirst = BucketsFirst + (ColumnsPerBucket * TokenBuckets.All.Count);

    private const string From =
        "FROM spend JOIN item ON item.id = spend.item WHERE tenant = $tenant AND quarter >= $start AND quarter < $end";

    private static readonly string BucketSums = string.Concat(TokenBuckets.All.Select(bucket =>
    {
        string of = FormattableString.Invariant($"CASE WHEN bucket = {(int)bucket} THEN");
        return $", sum({of} tokens END), sum({of} cost END), sum({of} cost_high END)";
    }));

    private readonly GetChargebackRequest _request;
    private readonly string[] _groupings;

    public Chargeback(GetChargebackRequest request)
    {
        _request = request;
        _groupings = ReportTerms.Groupings(
            request.GroupBy.Where(grouping => !IsTag(grouping)), Columns);
        _groupings = [.. _groupings, .. request.GroupBy.Where(IsTag).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>What the name of a tag follows in a grouping by it.</summary>
    public const string TagPrefix = "tag:";

    /// <summary>Whether a grouping is by a tag.</summary>
    public static bool IsTag(string grouping) =>
        grouping.Length > TagPrefix.Length && grouping.StartsWith(TagPrefix, StringComparison.Ordinal);

    /// <summary>SQL expression by grouping.</summary>
    public static IReadOnlyDictionary<string, string> Columns { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["business_unit"] = "business_unit",
            ["use_case"] = "use_case",
            ["agent"] = "agent",
            ["model"] = "model",
            ["tool"] = "tool",
            ["sku"] = "sku",
            ["session"] = "session",
            ["run"] = "run",
            ["user"] = "user",
            ["bucket"] = "bucket_name(bucket)",
            ["service_tier"] = "tier_name(tier)",
            ["region"] = "region",
            ["hour"] = "utc_hour(quarter)",
            ["day"] = "local_day(quarter)",
            ["month"] = "local_month(quarter)",
        };

    public GetChargebackResponse Run(SqliteConnection connection, TenantSums sums)
    {
        RegisterFunctions(connection, sums.TimeZone);
        try
        {
            var response = new GetChargebackResponse { Sequence = sums.Position, AsOf = sums.Time };
            if (_groupings.Length > 0) response.Rows.AddRange(Read(connection, sums, _groupings));
            response.Total = Read(connection, sums, [])[0];
            if (_groupings.Length == 0 && response.Total.Sessions > 0) response.Rows.Add(response.Total.Clone());
            return response;
        }
        catch (SqliteException exception) when (ReportTerms.IsOverflow(exception))
        {
            throw ReportTerms.Overflow(exception);
        }
    }

    private List<ChargebackRow> Read(SqliteConnection connection, TenantSums sums, string[] groupings)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // Put together from constants of this file; values are parameters.
        command.CommandText = Sql(groupings);
#pragma warning restore CA2100
        Bind(command, sums.Tenant);
        for (int i = 0; i < groupings.Length; i++)
        {
            if (IsTag(groupings[i]))
                command.Parameters.AddWithValue(
                    string.Create(CultureInfo.InvariantCulture, $"$tag{i}"), groupings[i][TagPrefix.Length..]);
        }

        using var reader = command.ExecuteReader();
        var rows = new List<(Int128 Cost, ChargebackRow Row)>();
        while (reader.Read())
        {
            if (rows.Count == Aggregator.RowsMax) throw ReportTerms.TooManyRows();
            rows.Add((reader.Wide(0, 1), ReadRow(reader, sums.Currency, groupings)));
        }

        // By cost and then, as they come, by keys: a sum in two columns is not ordered by either.
        return [.. rows.OrderByDescending(row => row.Cost).Select(row => row.Row)];
    }

    private string Sql(string[] groupings)
    {
        var sql = new StringBuilder("SELECT ").Append(Sums).Append(BucketSums);
        for (int i = 0; i < groupings.Length; i++)
        {
            string column = IsTag(groupings[i])
                ? string.Create(CultureInfo.InvariantCulture, $"tag(tags, $tag{i})")
                : Columns[groupings[i]];
            sql.Append(CultureInfo.InvariantCulture, $", {column} AS by_{i}");
        }

        sql.Append(' ').Append(From);
        foreach (var (column, _) in Filters()) sql.Append(" AND ").Append(column).Append(" = $").Append(column);
        if (_request.Filter is { Bucket: not TokenBucket.Unspecified }) sql.Append(" AND bucket = $bucket");
        if (groupings.Length == 0) return sql.ToString();
        IEnumerable<string> columns = groupings.Select((_, i) => FormattableString.Invariant($"by_{i}"));
        string keys = string.Join(", ", columns);
        sql.Append(" GROUP BY ").Append(keys).Append(" ORDER BY ").Append(keys);
        return sql.Append(CultureInfo.InvariantCulture, $" LIMIT {Aggregator.RowsMax + 1}").ToString();
    }

    private void Bind(SqliteCommand command, string tenant)
    {
        (long start, long end) = ReportTerms.QuartersOf(_request.Period);
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$start", start);
        command.Parameters.AddWithValue("$end", end);
        foreach (var (column, value) in Filters()) command.Parameters.AddWithValue("$" + column, value);
        if (_request.Filter is { Bucket: not TokenBucket.Unspecified } filter)
            command.Parameters.AddWithValue("$bucket", (long)filter.Bucket);
    }

    private IEnumerable<(string Column, string Value)> Filters()
    {
        if (_request.Filter is not { } filter) yield break;
        if (filter.BusinessUnit.Length > 0) yield return ("business_unit", filter.BusinessUnit);
        if (filter.UseCase.Length > 0) yield return ("use_case", filter.UseCase);
        if (filter.Agent.Length > 0) yield return ("agent", filter.Agent);
        if (filter.Session.Length > 0) yield return ("session", filter.Session);
        if (filter.Run.Length > 0) yield return ("run", filter.Run);
        if (filter.Model.Length > 0) yield return ("model", filter.Model);
        if (filter.Tool.Length > 0) yield return ("tool", filter.Tool);
        if (filter.Sku.Length > 0) yield return ("sku", filter.Sku);
    }

    private static ChargebackRow ReadRow(SqliteDataReader reader, string currency, string[] groupings)
    {
        var row = new ChargebackRow
        {
            Cost = ReportTerms.ToMoney(reader.Wide(0, 1), currency),
            Overrun = ReportTerms.ToMoney(reader.Wide(2, 3), currency),
            Calls = reader.Number(4),
            Refused = reader.Number(5),
            Sessions = reader.Number(6),
            Quantity = (double)reader.Wide(7, 8) / PartsPerUnit,
            Unpriced = reader.Number(9),
            Adjustments = ReportTerms.ToMoney(reader.Wide(10, 11), currency),
            Late = ReportTerms.ToMoney(reader.Wide(12, 13), currency),
            Tokens = new TokenUsage(),
        };
        for (int i = 0; i < TokenBuckets.All.Count; i++)
        {
            int column = BucketsFirst + (ColumnsPerBucket * i);
            if (reader.IsDBNull(column)) continue;
            TokenBucket bucket = TokenBuckets.All[i];
            long tokens = reader.Number(column);
            TokenBuckets.Set(row.Tokens, bucket, tokens);
            Money cost = ReportTerms.ToMoney(reader.Wide(column + 1, column + 2), currency);
            row.Buckets.Add(new BucketSpend { Bucket = bucket, Tokens = tokens, Cost = cost });
        }

        for (int i = 0; i < groupings.Length; i++) row.Keys.Add(groupings[i], reader.GetString(KeysFirst + i));
        return row;
    }

    private static void RegisterFunctions(SqliteConnection connection, string timeZone)
    {
        // Rows come in the order of quarters, so the last answer is nearly always the next one too.
        var zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
        connection.CreateFunction<string, string, string>("tag", TagText.ValueOf);
        connection.CreateFunction<long, string>("bucket_name", bucket => TokenBuckets.NameOf((TokenBucket)bucket));
        connection.CreateFunction<long, string>("tier_name", tier => ReportTerms.NameOf((ServiceTier)tier));
        connection.CreateFunction("utc_hour", Cached(
            quarter => TimeOf(quarter).ToString("yyyy-MM-dd'T'HH':00:00Z'", CultureInfo.InvariantCulture)));
        connection.CreateFunction("local_day", Cached(
            quarter => Local(quarter, zone).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)));
        connection.CreateFunction("local_month", Cached(
            quarter => Local(quarter, zone).ToString("yyyy-MM", CultureInfo.InvariantCulture)));
    }

    private static Func<long, string> Cached(Func<long, string> text)
    {
        long lastQuarter = long.MinValue;
        string lastText = "";
        return quarter =>
        {
            if (quarter == lastQuarter) return lastText;
            lastText = text(quarter);
            lastQuarter = quarter;
            return lastText;
        };
    }

    private static DateTimeOffset TimeOf(long quarter) =>
        DateTimeOffset.FromUnixTimeSeconds(quarter * SpendKey.QuarterSeconds);

    private static DateTimeOffset Local(long quarter, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTime(TimeOf(quarter), zone);
}
