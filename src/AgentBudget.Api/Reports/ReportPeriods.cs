using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Reports;

/// <summary>Periods of reports that end now and begin some days ago where nothing else is asked for.</summary>
internal static class ReportPeriods
{
    /// <summary>Throws INVALID_ARGUMENT for a time that is none; adds a fault for a period that is none.</summary>
    internal static (DateTimeOffset Start, DateTimeOffset End) Read(
        ReportPeriod? period, DateTimeOffset now, TimeSpan lookBack, int daysMax, ref FieldFaults faults)
    {
        FieldFaults times = default;
        FieldChecks.Time(ref times, "period.start_time", period?.StartTime);
        FieldChecks.Time(ref times, "period.end_time", period?.EndTime);
        times.ThrowIfAny();
        DateTimeOffset end = period?.EndTime?.ToDateTimeOffset() ?? now;
        DateTimeOffset start = period?.StartTime?.ToDateTimeOffset() ?? end - lookBack;
        if (end <= start)
            faults.Add("period.end_time", "must be after start_time; it is now where it is not given");
        else if (end - start > TimeSpan.FromDays(daysMax))
            faults.Add("period.end_time", $"must be at most {daysMax} days after start_time");
        return (start, end);
    }
}
