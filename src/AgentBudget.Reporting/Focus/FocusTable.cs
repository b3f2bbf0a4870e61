using System.Globalization;
using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Focus;

/// <summary>
/// The rows of an export as they were at one position, in a temporary table: they are read page by page, between which
/// the sums go on. Of one connection, under its owner's lock.
/// </summary>
internal sealed class FocusTable
{
    // What a rate of another bucket was paid for is of that bucket's SKU. Money without a price has no price list, and
    // a tool or SKU costs the same beside every model.
    private const string Select = """
        SELECT quarter / $per AS period, agent, use_case, business_unit, tags,
          CASE WHEN $sessions THEN session ELSE '' END AS session, CASE WHEN $sessions THEN run ELSE '' END AS run,
          CASE WHEN $sessions THEN user ELSE '' END AS user,
          kind, CASE WHEN sku = '' THEN model ELSE '' END AS model, tool, sku,
          CASE WHEN rate_of > 0 THEN rate_of ELSE bucket END AS bucket, rate,
          CASE WHEN kind = 0 AND rate >= 0 AND sku = '' THEN tier ELSE 0 END AS tier,
          CASE WHEN sku = '' THEN above_tokens ELSE 0 END AS above_tokens, region, priced_as,
          price_version, source, provider,
          CASE WHEN kind = 0 AND rate >= 0 AND tool <> sku THEN unit ELSE '' END AS unit,
          correction_of, corrected_quarter,
          sum(cost) AS cost, sum(cost_high) AS cost_high, sum(tokens) AS tokens, sum(quantity) AS quantity,
          sum(quantity_high) AS quantity_high, sum(lines) AS lines, max(last_sequence) AS last_sequence
        FROM spend JOIN item ON item.id = spend.item
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
        HAVING (rate >= 0 AND sum(lines) > 0) OR sum(cost) <> 0 OR sum(cost_high) <> 0
        """;

    private const string SelectPage = """
        SELECT rowid, period, agent, use_case, business_unit, tags, session, run, user, kind, model, tool, sku, bucket,
          rate, tier, above_tokens, region, priced_as, price_version, source, provider, unit, correction_of,
          corrected_quarter, cost, cost_high, tokens, quantity, quantity_high, lines, last_sequence,
          (SELECT succeeded FROM main.run AS whole
            WHERE whole.tenant = $tenant AND whole.run = page.run AND ended IS NOT NULL)
        FROM {0} AS page WHERE rowid > $after ORDER BY rowid LIMIT $count
        """;

    private static long _numbers;

    private readonly SqliteConnection _connection;
    private readonly string _name;
    private readonly string _tenant;
    private readonly string _currency;
    private readonly FocusRequest _request;
    private long _after;

    private FocusTable(SqliteConnection connection, TenantSums sums, FocusRequest request)
    {
        _connection = connection;
        _tenant = sums.Tenant;
        _currency = sums.Currency;
        _request = request;
        _name = string.Create(CultureInfo.InvariantCulture, $"focus_{Interlocked.Increment(ref _numbers)}");
    }

    /// <summary>Makes the rows of now. Throws <see cref="ReportException"/> where a sum is beyond 64 bits.</summary>
    public static FocusTable Open(SqliteConnection connection, TenantSums sums, FocusRequest request)
    {
        var table = new FocusTable(connection, sums, request);
        (long start, long end) = ReportTerms.QuartersOf(request.Period);
        long per = request.QuartersPerPeriod;
        start -= start % per;
        if (end < long.MaxValue - per && end % per != 0) end += per - (end % per);
        using SqliteCommand command = table.Command($"CREATE TEMP TABLE {table._name} AS {Select}");
        command.Parameters.AddWithValue("$per", per);
        command.Parameters.AddWithValue("$sessions", request.HasSessions ? 1 : 0);
        command.Parameters.AddWithValue("$tenant", sums.Tenant);
        command.Parameters.AddWithValue("$start", start);
        command.Parameters.AddWithValue("$end", end);
        try
        {
            command.ExecuteNonQuery();
            return table;
        }
        catch (SqliteException exception) when (ReportTerms.IsOverflow(exception))
        {
            throw ReportTerms.Overflow(exception);
        }
    }

    /// <summary>The next rows; none at the end.</summary>
    public List<FocusRow> Read(int rowsMax)
    {
        using SqliteCommand command =
            Command(SelectPage.Replace("{0}", _name, StringComparison.Ordinal));
        command.Parameters.AddWithValue("$after", _after);
        command.Parameters.AddWithValue("$count", rowsMax);
        command.Parameters.AddWithValue("$tenant", _tenant);
        using SqliteDataReader reader = command.ExecuteReader();
        var rows = new List<FocusRow>();
        while (reader.Read())
        {
            _after = reader.GetInt64(0);
            rows.Add(RowOf(reader));
        }

        return rows;
    }

    /// <summary>Gives its place back.</summary>
    public void Drop()
    {
        using SqliteCommand command = Command($"DROP TABLE temp.{_name}");
        command.ExecuteNonQuery();
    }

    private FocusRow RowOf(SqliteDataReader reader)
    {
        SpendItem item = ItemOf(reader);
        long per = _request.QuartersPerPeriod;
        long quarter = reader.GetInt64(1) * per;
        DateTimeOffset billed = MonthOf(quarter);
        long ofQuarter = item.CorrectedQuarter - (item.CorrectedQuarter % per);
        bool isCorrection = item.CorrectedQuarter > 0 && MonthOf(ofQuarter) < billed;
        if (isCorrection) quarter = ofQuarter;
        bool isTokens = item.Sku.Length == 0;
        return new FocusRow
        {
            Tenant = _tenant,
            Currency = _currency,
            ChargeStart = TimeOf(quarter),
            ChargeEnd = TimeOf(quarter + per),
            BillingStart = billed,
            IsCorrection = isCorrection,
            Item = item,
            Spender = new FocusSpender(
                reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5),
                reader.GetString(6), reader.GetString(7), reader.GetString(8), OutcomeOf(reader)),
            CostNanos = reader.Wide(25, 26),
            Quantity = isTokens ? reader.GetInt64(27) : reader.Wide(28, 29),
            Lines = reader.GetInt64(30),
            LastSequence = reader.GetInt64(31),
            IsExact = _request.IsExact,
        };
    }

    private static SpendItem ItemOf(SqliteDataReader reader) => new()
    {
        Kind = (SpendKind)reader.GetInt64(9),
        Model = reader.GetString(10),
        Tool = reader.GetString(11),
        Sku = reader.GetString(12),
        Bucket = (TokenBucket)reader.GetInt64(13),
        Rate = reader.GetInt64(14),
        Tier = (ServiceTier)reader.GetInt64(15),
        AboveTokens = reader.GetInt64(16),
        Region = reader.GetString(17),
        PricedAs = reader.GetString(18),
        PriceVersion = reader.GetInt64(19),
        Source = (UsageSource)reader.GetInt64(20),
        Provider = reader.GetString(21),
        Unit = reader.GetString(22),
        CorrectionOf = reader.GetInt64(23),
        CorrectedQuarter = reader.GetInt64(24),
    };

    private static string OutcomeOf(SqliteDataReader reader)
    {
        const int Succeeded = 32;
        if (reader.IsDBNull(Succeeded)) return "";
        return reader.GetInt64(Succeeded) == 1 ? "SUCCESS" : "FAILURE";
    }

    private static DateTimeOffset TimeOf(long quarter) =>
        DateTimeOffset.FromUnixTimeSeconds(quarter * SpendKey.QuarterSeconds);

    private static DateTimeOffset MonthOf(long quarter)
    {
        DateTimeOffset time = TimeOf(quarter);
        return new DateTimeOffset(time.Year, time.Month, 1, 0, 0, 0, TimeSpan.Zero);
    }

    private SqliteCommand Command(string sql)
    {
        SqliteCommand command = _connection.CreateCommand();
#pragma warning disable CA2100 // Put together from constants of this file and a number; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        return command;
    }
}
