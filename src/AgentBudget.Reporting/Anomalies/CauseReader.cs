using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>Reads spend row by row, to explain alarms.</summary>
internal static class CauseReader
{
    private const string Select = """
        SELECT quarter, agent, use_case, run, session, user, model, tool, cost, cost_high, calls, tokens
        FROM spend JOIN item ON item.id = spend.item
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end AND kind <> 1 ORDER BY quarter
        """;

    /// <summary>Rows between two quarters of an hour, in their order, with their agent and use case.</summary>
    public static IEnumerable<(CauseRow Row, string Agent, string UseCase)> Read(
        SqliteConnection connection, string tenant, long start, long end)
    {
        foreach (SqliteDataReader reader in PeriodRows.Read(connection, Select, tenant, start, end))
        {
            var row = new CauseRow(
                reader.GetInt64(0), reader.GetString(3), reader.GetString(4), reader.GetString(5), reader.GetString(6),
                reader.GetString(7), reader.Wide(8, 9), reader.GetInt64(10), reader.GetInt64(11));
            yield return (row, reader.GetString(1), reader.GetString(2));
        }
    }
}
