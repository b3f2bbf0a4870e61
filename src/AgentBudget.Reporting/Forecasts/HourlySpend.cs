using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Forecasts;

/// <summary>What each hour settled, in order and without gaps, from the first that settled anything.</summary>
/// <param name="HourNanos">By hour.</param>
/// <param name="End">When the last of them ended.</param>
/// <param name="Sequence">The ledger's last event that is in it.</param>
/// <param name="AsOf">Log time of that event.</param>
public sealed record HourlySpend(IReadOnlyList<long> HourNanos, DateTimeOffset End, long Sequence, Timestamp AsOf)
{
    /// <summary>A forecast looks back no further.</summary>
    internal const int HoursMax = 400 * 24;

    private const int QuartersPerHour = 4;
    private const string Select = """
        SELECT quarter / 4, sum(cost), sum(cost_high) FROM spend
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end
        """;

    internal static HourlySpend Read(
        SqliteConnection connection, TenantSums sums, ReportFilter filter, DateTimeOffset now)
    {
        long end = now.ToUnixTimeSeconds() / (SpendKey.QuarterSeconds * QuartersPerHour);
        using SqliteCommand command = connection.CreateCommand();
        (string column, string value) = filter switch
        {
            { UseCase.Length: > 0 } => ("use_case", filter.UseCase),
            { BusinessUnit.Length: > 0 } => ("business_unit", filter.BusinessUnit),
            { Agent.Length: > 0 } => ("agent", filter.Agent),
            _ => ("tenant", sums.Tenant),
        };
#pragma warning disable CA2100 // Put together from constants of this file; values are parameters.
        command.CommandText =
            string.Create(CultureInfo.InvariantCulture, $"{Select} AND {column} = $value GROUP BY 1 ORDER BY 1");
#pragma warning restore CA2100
        command.Parameters.AddWithValue("$tenant", sums.Tenant);
        command.Parameters.AddWithValue("$start", (end - HoursMax) * QuartersPerHour);
        command.Parameters.AddWithValue("$end", end * QuartersPerHour);
        command.Parameters.AddWithValue("$value", value);
        var hours = new List<long>();
        using SqliteDataReader reader = command.ExecuteReader();
        long next = end;
        while (reader.Read())
        {
            long hour = reader.GetInt64(0);
            if (hours.Count == 0) next = hour;
            for (; next < hour; next++) hours.Add(0);
            Int128 nanos = reader.Wide(1, 2);
            if (nanos > long.MaxValue || nanos < long.MinValue) throw ReportTerms.Overflow();
            hours.Add((long)nanos);
            next++;
        }

        for (; hours.Count > 0 && next < end; next++) hours.Add(0);
        DateTimeOffset ended =
            DateTimeOffset.FromUnixTimeSeconds(end * SpendKey.QuarterSeconds * QuartersPerHour);
        return new HourlySpend(hours, ended, sums.Position, sums.Time);
    }
}
