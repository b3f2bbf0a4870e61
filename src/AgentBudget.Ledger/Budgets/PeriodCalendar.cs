using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// Where calendar periods begin and end in a time zone. They are computed when a turn decides and written into its
/// event, so replay does not depend on the machine's time zone rules.
/// </summary>
internal static class PeriodCalendar
{
    private const int DaysPerWeek = 7;
    private const int MonthsPerQuarter = 3;
    private const int MonthsPerYear = 12;

    /// <summary>
    /// The first instant of the period after the one that <paramref name="atNanos"/> is in; 0 for a period that never
    /// ends.
    /// </summary>
    public static long EndAfter(Protocol.V1.Budget rule, TimeZoneInfo zone, long atNanos)
    {
        if (!HasCalendar(rule.Period)) return 0;
        if (rule.Period == Period.Hour) return HourStart(zone, atNanos) + LogTime.NanosPerHour;
        DateTime start = LastStart(rule, zone, atNanos);
        long endNanos = ToNanos(Next(rule, start, periods: 1), zone);
        // A time of day that comes twice begins the period the first time.
        return endNanos > atNanos ? endNanos : ToNanos(Next(rule, start, periods: 2), zone);
    }

    /// <summary>
    /// The first instant of the period that <paramref name="atNanos"/> is in; 0 for a period that never ends.
    /// </summary>
    public static long StartOf(Protocol.V1.Budget rule, TimeZoneInfo zone, long atNanos)
    {
        if (rule.Period == Period.Rolling) return Math.Max(1, atNanos - LogTime.FromDuration(rule.Rolling));
        if (!HasCalendar(rule.Period)) return 0;
        if (rule.Period == Period.Hour) return HourStart(zone, atNanos);
        DateTime start = LastStart(rule, zone, atNanos);
        long nextNanos = ToNanos(Next(rule, start, periods: 1), zone);
        if (nextNanos <= atNanos) return nextNanos;
        long startNanos = ToNanos(start, zone);
        return startNanos <= atNanos ? startNanos : ToNanos(Next(rule, start, periods: -1), zone);
    }

    private static bool HasCalendar(Period period) =>
        period is not (Period.Unspecified or Period.None or Period.Rolling);

    // Of an offset that is no whole number of hours, the zone's own hours; in an hour that comes twice, each by itself.
    private static long HourStart(TimeZoneInfo zone, long atNanos)
    {
        long offsetNanos = zone.GetUtcOffset(ToUtc(atNanos)).Ticks * LogTime.NanosPerTick;
        long localNanos = atNanos + offsetNanos;
        return localNanos - (localNanos % LogTime.NanosPerHour) - offsetNanos;
    }

    // The last local time at or before this one that a period begins at.
    private static DateTime LastStart(Protocol.V1.Budget rule, TimeZoneInfo zone, long atNanos)
    {
        DateTime local = TimeZoneInfo.ConvertTimeFromUtc(ToUtc(atNanos), zone);
        DateTime start = StartIn(rule, local);
        if (start > local) start = Next(rule, start, periods: -1);
        // A time of day that a clock change skips begins the period when the skipped time begins.
        return ToNanos(start, zone) <= atNanos ? start : Next(rule, start, periods: -1);
    }

    // The start of a period in the same day, week, month, quarter or year; it may be later than the time itself.
    private static DateTime StartIn(Protocol.V1.Budget rule, DateTime local)
    {
        PeriodAnchor? anchor = rule.Anchor;
        DateTime day = local.Date;
        switch (rule.Period)
        {
            case Period.Day:
                return day.AddMinutes(anchor?.Minute ?? 0);
            case Period.Week:
                int weekday = anchor is { Weekday: > 0 } ? anchor.Weekday : 1;
                return day.AddDays(weekday - 1 - (((int)day.DayOfWeek + DaysPerWeek - 1) % DaysPerWeek));
            case Period.Month:
                return DayOf(day.Year, day.Month, anchor?.Day ?? 0);
            case Period.Quarter:
                return new DateTime(day.Year, (((day.Month - 1) / MonthsPerQuarter) * MonthsPerQuarter) + 1, 1);
            case Period.Year:
                return DayOf(day.Year, Math.Max(1, anchor?.Month ?? 0), anchor?.Day ?? 0);
            case Period.Unspecified or Period.None or Period.Rolling or Period.Hour:
            default:
                throw new InvariantException($"a period of kind {rule.Period} is not of a calendar");
        }
    }

    private static DateTime Next(Protocol.V1.Budget rule, DateTime start, int periods)
    {
        int months = rule.Period switch
        {
            Period.Month => periods,
            Period.Quarter => periods * MonthsPerQuarter,
            Period.Year => periods * MonthsPerYear,
            Period.Unspecified or Period.None or Period.Rolling or Period.Hour or Period.Day or Period.Week => 0,
        };
        if (months == 0) return start.AddDays(rule.Period == Period.Week ? periods * DaysPerWeek : periods);
        DateTime month = new DateTime(start.Year, start.Month, 1).AddMonths(months);
        return DayOf(month.Year, month.Month, rule.Anchor?.Day ?? 0);
    }

    // A month that has not so many days begins its period with its last one.
    private static DateTime DayOf(int year, int month, int day) =>
        new(year, month, Math.Clamp(day, 1, DateTime.DaysInMonth(year, month)));

    // A time that a clock change skips is when the skipped time begins; one that comes twice, the first time it comes.
    private static long ToNanos(DateTime localStart, TimeZoneInfo zone)
    {
        DateTime local = DateTime.SpecifyKind(localStart, DateTimeKind.Unspecified);
        TimeSpan offset;
        if (zone.IsInvalidTime(local)) offset = zone.GetUtcOffset(local.AddDays(-1));
        else if (zone.IsAmbiguousTime(local)) offset = zone.GetAmbiguousTimeOffsets(local).Max();
        else offset = zone.GetUtcOffset(local);
        return (local.Ticks - offset.Ticks - DateTime.UnixEpoch.Ticks) * LogTime.NanosPerTick;
    }

    private static DateTime ToUtc(long nanos) => DateTime.UnixEpoch.AddTicks(nanos / LogTime.NanosPerTick);
}
