using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>What an agent or use case settled day by day, from its first day on.</summary>
/// <param name="Grain">Its name.</param>
/// <param name="FirstDay">That day's number.</param>
/// <param name="DayNanos">By day, without gaps.</param>
internal sealed record EntityDays(string Grain, int FirstDay, long[] DayNanos)
{
    /// <summary>Its first day's weekday, 0 for Monday.</summary>
    public int FirstWeekday => FirstDay % 7;

    private const string Select = """
        SELECT quarter, agent, use_case, sum(cost), sum(cost_high) FROM spend JOIN item ON item.id = spend.item
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end AND kind <> 1
        GROUP BY quarter, agent, use_case ORDER BY quarter
        """;

    /// <summary>Those of agents and use cases that settled anything, most first.</summary>
    /// <param name="connection">The file.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="days">The tenant's days.</param>
    /// <param name="firstDay">The first day to read.</param>
    /// <param name="lastDay">The last.</param>
    public static List<EntityDays> Read(
        SqliteConnection connection, string tenant, LocalDays days, int firstDay, int lastDay)
    {
        var sums = new Dictionary<string, Int128[]>(StringComparer.Ordinal);
        IEnumerable<SqliteDataReader> rows =
            PeriodRows.Read(connection, Select, tenant, days.FirstOf(firstDay), days.FirstOf(lastDay + 1));
        foreach (SqliteDataReader reader in rows)
        {
            int day = days.DayOf(reader.GetInt64(0)) - firstDay;
            Int128 nanos = reader.Wide(3, 4);
            foreach (string grain in (ReadOnlySpan<string>)[reader.GetString(1), reader.GetString(2)])
            {
                if (grain.Length == 0) continue; // A charge to a business unit or the tenant alone.
                if (!sums.TryGetValue(grain, out Int128[]? ofGrain))
                    sums.Add(grain, ofGrain = new Int128[lastDay - firstDay + 1]);
                ofGrain[day] += nanos;
            }
        }

        return
        [
            .. sums.Select(pair => (pair.Key, First: Array.FindIndex(pair.Value, nanos => nanos > 0), pair.Value))
                .Where(entity => entity.First >= 0)
                .OrderByDescending(entity => entity.Value.Aggregate((sum, nanos) => sum + nanos))
                .ThenBy(entity => entity.Key, StringComparer.Ordinal)
                .Select(entity => new EntityDays(
                    entity.Key, firstDay + entity.First, [.. entity.Value.Skip(entity.First).Select(ToLong)])),
        ];
    }

    private static long ToLong(Int128 nanos) =>
        nanos <= long.MaxValue && nanos >= long.MinValue ? (long)nanos : throw ReportTerms.Overflow();
}
