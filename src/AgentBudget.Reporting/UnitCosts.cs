using System.Globalization;
using System.Text;
using AgentBudget.Protocol.V1;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>One report of unit costs: its SQL, and its rows as messages.</summary>
internal sealed class UnitCosts
{
    private const long MillionthsPerUnit = 1_000_000;

    private const string Runs = "SELECT sum(cost), count(*), sum(succeeded), sum(cost_high)";
    private const string FromRuns = " FROM run";
    private const string Metrics = "SELECT sum(delta), count(*), metric, 0";
    private const string FromMetrics = " FROM run JOIN run_metric USING (tenant, run)";
    private const string Where = " WHERE tenant = $tenant AND ended >= $start AND ended < $end";

    // What both queries select before their keys.
    private const int NumbersCount = 4;

    private readonly GetUnitCostsRequest _request;
    private readonly string[] _groupings;

    public UnitCosts(GetUnitCostsRequest request)
    {
        _request = request;
        _groupings = ReportTerms.Groupings(request.GroupBy, Columns);
    }

    /// <summary>Column by grouping.</summary>
    public static IReadOnlyDictionary<string, string> Columns { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["business_unit"] = "business_unit",
            ["use_case"] = "use_case",
            ["agent"] = "agent",
        };

    public GetUnitCostsResponse Run(SqliteConnection connection, TenantSums sums)
    {
        try
        {
            var response = new GetUnitCostsResponse { Sequence = sums.Position, AsOf = sums.Time };
            if (_groupings.Length > 0) response.Rows.AddRange(Read(connection, sums, _groupings));
            response.Total = Read(connection, sums, [])[0];
            if (_groupings.Length == 0 && response.Total.Runs > 0) response.Rows.Add(response.Total.Clone());
            return response;
        }
        catch (SqliteException exception) when (ReportTerms.IsOverflow(exception))
        {
            throw ReportTerms.Overflow(exception);
        }
    }

    private List<UnitCostRow> Read(SqliteConnection connection, TenantSums sums, string[] groupings)
    {
        var rows = new List<UnitCostRow>();
        var byKeys = new Dictionary<string, (UnitCostRow Row, Int128 CostNanos)>(StringComparer.Ordinal);
        using (SqliteCommand command = Command(connection, sums.Tenant, Runs, FromRuns, groupings, order: null))
        using (SqliteDataReader reader = command.ExecuteReader())
        {
            while (reader.Read())
            {
                if (rows.Count == Aggregator.RowsMax) throw ReportTerms.TooManyRows();
                UnitCostRow row = ReadRow(reader, sums.Currency, groupings);
                rows.Add(row);
                byKeys.Add(KeysOf(reader, groupings), (row, reader.Wide(0, 3)));
            }
        }

        using (SqliteCommand command = Command(connection, sums.Tenant, Metrics, FromMetrics, groupings, "metric"))
        using (SqliteDataReader reader = command.ExecuteReader())
        {
            for (int count = 0; reader.Read(); count++)
            {
                if (count == Aggregator.RowsMax) throw ReportTerms.TooManyRows();
                (UnitCostRow row, Int128 costNanos) = byKeys[KeysOf(reader, groupings)];
                row.Outcomes.Add(ReadOutcome(reader, costNanos, sums.Currency));
            }
        }

        // By cost and then, as they came, by keys: a sum in two columns is not ordered by either.
        return [.. byKeys.Values.OrderByDescending(row => row.CostNanos).Select(row => row.Row)];
    }

    private SqliteCommand Command(
        SqliteConnection connection, string tenant, string select, string from, string[] groupings, string? order)
    {
        string[] columns = [.. groupings.Select(grouping => Columns[grouping])];
        var sql = new StringBuilder(select);
        foreach (string column in columns) sql.Append(", ").Append(column);
        sql.Append(from).Append(Where);
        foreach (var (column, _) in Filters()) sql.Append(" AND ").Append(column).Append(" = $").Append(column);
        IEnumerable<string> groups = from == FromMetrics ? columns.Append("metric") : columns;
        if (groups.Any()) sql.Append(" GROUP BY ").AppendJoin(", ", groups);
        string[] orders = order is null ? columns : [order, .. columns];
        if (orders.Length > 0) sql.Append(" ORDER BY ").AppendJoin(", ", orders);
        sql.Append(CultureInfo.InvariantCulture, $" LIMIT {Aggregator.RowsMax + 1}");

        SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Put together from constants of this file; values are parameters.
        command.CommandText = sql.ToString();
#pragma warning restore CA2100
        (long start, long end) = ReportTerms.QuartersOf(_request.Period);
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$start", start);
        command.Parameters.AddWithValue("$end", end);
        foreach (var (column, value) in Filters()) command.Parameters.AddWithValue("$" + column, value);
        return command;
    }

    private IEnumerable<(string Column, string Value)> Filters()
    {
        if (_request.Filter is not { } filter) yield break;
        if (filter.BusinessUnit.Length > 0) yield return ("business_unit", filter.BusinessUnit);
        if (filter.UseCase.Length > 0) yield return ("use_case", filter.UseCase);
        if (filter.Agent.Length > 0) yield return ("agent", filter.Agent);
        if (filter.Session.Length > 0) yield return ("run", filter.Session);
    }

    private static UnitCostRow ReadRow(SqliteDataReader reader, string currency, string[] groupings)
    {
        Int128 costNanos = reader.Wide(0, 3);
        long successes = reader.Number(2);
        var row = new UnitCostRow
        {
            Cost = ReportTerms.ToMoney(costNanos, currency),
            Runs = reader.Number(1),
            SuccessfulRuns = successes,
            CostPerSuccessfulRun = PerUnit(costNanos, scale: 1, successes, currency),
        };
        for (int i = 0; i < groupings.Length; i++) row.Keys.Add(groupings[i], reader.GetString(NumbersCount + i));
        return row;
    }

    private static OutcomeCost ReadOutcome(SqliteDataReader reader, Int128 costNanos, string currency)
    {
        long deltaMillionths = reader.Number(0);
        return new OutcomeCost
        {
            Runs = reader.Number(1),
            Metric = reader.GetString(2),
            Delta = deltaMillionths / (double)MillionthsPerUnit,
            CostPerUnit = PerUnit(costNanos, MillionthsPerUnit, deltaMillionths, currency),
        };
    }

    // Names hold no such character, so no two rows have the same text.
    private static string KeysOf(SqliteDataReader reader, string[] groupings) =>
        string.Join('\n', groupings.Select((_, i) => reader.GetString(NumbersCount + i)));

    /// <summary>nanos × scale ÷ units, rounded half to even; null where there is nothing to divide by.</summary>
    private static Money? PerUnit(Int128 nanos, long scale, long units, string currency)
    {
        if (units <= 0) return null;
        return ReportTerms.ToMoney(ReportTerms.Ratio(checked(nanos * scale), units), currency);
    }
}
