using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>Reads what runs spent.</summary>
internal static class RunReader
{
    // A run whose root spent nothing itself is known by its end alone, and left out until then.
    private const string Select = """
        SELECT spend.run, coalesce(run.agent, max(CASE WHEN session = spend.run THEN spend.agent END)),
          coalesce(run.use_case, max(CASE WHEN session = spend.run THEN spend.use_case END)),
          min(quarter), max(quarter), sum(spend.cost), sum(spend.cost_high),
          count(DISTINCT CASE WHEN session <> spend.run THEN session END), coalesce(run.succeeded, 0)
        FROM spend JOIN item ON item.id = spend.item LEFT JOIN run ON run.tenant = spend.tenant AND run.run = spend.run
        WHERE spend.tenant = $tenant AND quarter >= $start AND quarter < $end AND kind <> 1 AND spend.run <> ''
        GROUP BY spend.run
        """;

    /// <summary>
    /// Runs that spent between two quarters of an hour. Throws <see cref="ReportException"/> for too many.
    /// </summary>
    public static List<RunSpend> Read(SqliteConnection connection, string tenant, long start, long end)
    {
        var runs = new List<RunSpend>();
        foreach (SqliteDataReader reader in PeriodRows.Read(connection, Select, tenant, start, end, Aggregator.RowsMax))
        {
            if (reader.IsDBNull(1) || reader.IsDBNull(2)) continue;
            Int128 nanos = reader.Wide(5, 6);
            if (nanos > long.MaxValue || nanos < long.MinValue) throw ReportTerms.Overflow();
            runs.Add(new RunSpend(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetInt64(3), reader.GetInt64(4),
                (long)nanos, reader.GetInt32(7), reader.GetInt64(8) == 1));
        }

        return runs;
    }
}
