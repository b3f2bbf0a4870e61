using System.Globalization;
using AgentBudget.Client;
using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Dashboard.Reading;

/// <summary>What was spent in a window so far, day by day: where a forecast begins.</summary>
/// <param name="Start">When the window began.</param>
/// <param name="End">When it ends.</param>
/// <param name="Points">Spend up to a time, the earliest first; the last is now.</param>
public sealed record SpendLine(
    DateTimeOffset Start, DateTimeOffset End, IReadOnlyList<(DateTimeOffset Time, decimal Spent)> Points)
{
    /// <summary>
    /// Reads the days of a window up to now; without them it is a line from nothing to what is settled.
    /// </summary>
    internal static async Task<SpendLine> ReadAsync(
        LedgerReads reads,
        ReportService.ReportServiceClient reports,
        BudgetForecast forecast,
        DateTimeOffset now,
        CancellationToken cancellation)
    {
        TimeZoneInfo zone = await reads.ZoneAsync(cancellation);
        DateTimeOffset end = TimeZoneInfo.ConvertTime(forecast.Window.EndTime.ToDateTimeOffset(), zone);
        decimal settled = Amounts.Of(forecast.Window.Settled);
        if (StartOf(forecast.Window.Window, end, zone) is not { } start || start >= now)
            return new SpendLine(now, end, [(now, settled)]);
        GetChargebackRequest request = new()
        {
            Period = new ReportPeriod { StartTime = Timestamp.FromDateTimeOffset(start) },
            Filter = FilterOf(forecast.Grain),
            GroupBy = { "day" },
        };
        try
        {
            GetChargebackResponse days = await reads.CallAsync(reports.GetChargebackAsync, request, cancellation);
            return Of(start, end, DaysOf(days, zone), now, settled);
        }
        catch (AgentBudgetException fault) when (fault.StatusCode is StatusCode.PermissionDenied
            or StatusCode.InvalidArgument)
        {
            return Of(start, end, [], now, settled); // Spend day by day is of somebody else too.
        }
    }

    /// <summary>
    /// The line of days that were spent. It ends at what is settled: a budget that was set back began with less.
    /// </summary>
    internal static SpendLine Of(
        DateTimeOffset start,
        DateTimeOffset end,
        IReadOnlyList<(DateTimeOffset End, decimal Cost)> days,
        DateTimeOffset now,
        decimal settled)
    {
        decimal spent = settled - days.Sum(day => day.Cost);
        List<(DateTimeOffset, decimal)> points = [(start, Math.Max(0, spent))];
        foreach ((DateTimeOffset dayEnd, decimal cost) in days.OrderBy(day => day.End))
        {
            spent += cost;
            if (dayEnd > start && dayEnd < now) points.Add((dayEnd, Math.Max(0, spent)));
        }

        points.Add((now, settled));
        return new SpendLine(start, end, points);
    }

    /// <summary>When the window that ends then began; null for one without a period.</summary>
    internal static DateTimeOffset? StartOf(string window, DateTimeOffset end, TimeZoneInfo zone)
    {
        DateTime local = TimeZoneInfo.ConvertTime(end, zone).DateTime;
        DateTime? start = window switch
        {
            "day" => local.AddDays(-1),
            "week" => local.AddDays(-7),
            "month" => local.AddMonths(-1),
            "quarter" => local.AddMonths(-3),
            "year" => local.AddYears(-1),
            _ => null,
        };
        return start is { } begin ? new DateTimeOffset(begin, zone.GetUtcOffset(begin)) : null;
    }

    private static (DateTimeOffset End, decimal Cost)[] DaysOf(GetChargebackResponse answer, TimeZoneInfo zone) =>
    [
        .. answer.Rows.Select(row =>
        {
            DateTime next = DateTime.ParseExact(row.Keys["day"], "yyyy-MM-dd", CultureInfo.InvariantCulture).AddDays(1);
            return (new DateTimeOffset(next, zone.GetUtcOffset(next)), Amounts.Of(row.Cost));
        }),
    ];

    private static ReportFilter FilterOf(string grain) => grain.Split('/')[0] switch
    {
        "businessUnits" => new ReportFilter { BusinessUnit = grain },
        "useCases" => new ReportFilter { UseCase = grain },
        "agents" => new ReportFilter { Agent = grain },
        _ => new ReportFilter(),
    };
}
