using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>Rows of a query over a tenant between two quarters of an hour: $tenant, $start, $end.</summary>
internal static class PeriodRows
{
    /// <summary>Each row in turn. Throws <see cref="ReportException"/> for one too many.</summary>
    /// <param name="connection">The file.</param>
    /// <param name="sql">A constant text.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="start">The first quarter of an hour.</param>
    /// <param name="end">The first after it.</param>
    /// <param name="rowsMax">As many rows as may come.</param>
    public static IEnumerable<SqliteDataReader> Read(
        SqliteConnection connection, string sql, string tenant, long start, long end, int rowsMax = int.MaxValue)
    {
        using SqliteCommand command = connection.CreateCommand();
#pragma warning disable CA2100 // Every caller's text is a constant; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$start", start);
        command.Parameters.AddWithValue("$end", end);
        using SqliteDataReader reader = command.ExecuteReader();
        for (int count = 0; reader.Read(); count++)
        {
            if (count == rowsMax) throw ReportTerms.TooManyRows(rowsMax);
            yield return reader;
        }
    }
}
