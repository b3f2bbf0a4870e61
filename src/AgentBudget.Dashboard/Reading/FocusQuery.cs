using System.Globalization;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Dashboard.Reading;

/// <summary>A file of FOCUS as its address asks for it.</summary>
internal static class FocusQuery
{
    /// <summary>The versions of the specification, the one that most tools read first.</summary>
    internal static readonly IReadOnlyList<string> Versions = ["1.2", "1.3"];

    /// <summary>
    /// The request; null where the days are none. Versions are passed on as they are, so that the API refuses what it
    /// does not know.
    /// </summary>
    internal static ExportFocusRequest? Read(IQueryCollection query)
    {
        if (DayOf(query["from"]) is not { } first || DayOf(query["to"]) is not { } last) return null;
        return new ExportFocusRequest
        {
            Period = new ReportPeriod
            {
                StartTime = Timestamp.FromDateTime(first),
                EndTime = Timestamp.FromDateTime(last.AddDays(1)), // The last day is in it.
            },
            Version = query["version"].ToString(),
            Granularity = query["granularity"] == "hour" ? FocusGranularity.Hour : FocusGranularity.Day,
            Costs = query["costs"] == "exact" ? FocusCosts.Exact : FocusCosts.Double,
            Sessions = query["sessions"] == "on",
        };
    }

    /// <summary>The name that the file is saved under.</summary>
    internal static string NameOf(ExportFocusRequest request)
    {
        DateTime first = request.Period.StartTime.ToDateTime();
        DateTime last = request.Period.EndTime.ToDateTime().AddDays(-1);
        return string.Create(CultureInfo.InvariantCulture, $"focus-{first:yyyy-MM-dd}-{last:yyyy-MM-dd}.csv");
    }

    private static DateTime? DayOf(string? text) => DateTime.TryParseExact(
        text,
        "yyyy-MM-dd",
        CultureInfo.InvariantCulture,
        DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
        out DateTime day) && day.Year is > 1970 and < 9000
            ? day
            : null;
}
