using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// Where calendar periods end in a time zone. Ends are computed when a turn decides and written into its event, so
/// replay does not depend on the machine's time zone rules.
/// </summary>
internal static class PeriodCalendar
{
    /// <summary>
    /// The first instant of the period after the one that <paramref name="atNanos"/> is in; 0 for a period that never
    /// ends.
    /// </summary>
    public static long EndAfter(Period period, TimeZoneInfo zone, long atNanos)
    {
        DateTime local = TimeZoneInfo.ConvertTimeFromUtc(ToUtc(atNanos), zone);
        DateTime day = local.Date;
        DateTime? end = period switch
        {
            Period.Unspecified or Period.None or Period.Rolling => null,
            Period.Day => day.AddDays(1),
            Period.Week => day.AddDays(DaysToMonday(day)),
            Period.Month => new DateTime(day.Year, day.Month, 1).AddMonths(1),
            Period.Quarter => new DateTime(day.Year, (((day.Month - 1) / 3) * 3) + 1, 1).AddMonths(3),
            Period.Year => new DateTime(day.Year + 1, 1, 1),
        };
        return end is null ? 0 : ToNanos(end.Value, zone);
    }

    private static int DaysToMonday(DateTime day) => 7 - (((int)day.DayOfWeek + 6) % 7);

    // A midnight that a clock change skips ends the period when the skipped time begins; one that comes twice, the
    // first time it comes.
    private static long ToNanos(DateTime localMidnight, TimeZoneInfo zone)
    {
        DateTime local = DateTime.SpecifyKind(localMidnight, DateTimeKind.Unspecified);
        TimeSpan offset;
        if (zone.IsInvalidTime(local)) offset = zone.GetUtcOffset(local.AddDays(-1));
        else if (zone.IsAmbiguousTime(local)) offset = zone.GetAmbiguousTimeOffsets(local).Max();
        else offset = zone.GetUtcOffset(local);
        return (local.Ticks - offset.Ticks - DateTime.UnixEpoch.Ticks) * LogTime.NanosPerTick;
    }

    private static DateTime ToUtc(long nanos) => DateTime.UnixEpoch.AddTicks(nanos / LogTime.NanosPerTick);
}
