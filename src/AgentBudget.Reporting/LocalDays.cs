namespace AgentBudget.Reporting;

/// <summary>
/// Days of a time zone by number: <see cref="DateOnly.DayNumber"/>, of which every seventh is a Monday. Not
/// thread-safe.
/// </summary>
internal sealed class LocalDays(string timeZone)
{
    /// <summary>Quarters of an hour of a day of ordinary length.</summary>
    public const long QuartersPerDay = 24 * 3600 / SpendKey.QuarterSeconds;

    private static readonly long EpochDay = DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber;

    private readonly TimeZoneInfo _zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
    private long _lastQuarter = long.MinValue;
    private int _lastDay;

    /// <summary>The day that a quarter of an hour belongs to.</summary>
    public int DayOf(long quarter)
    {
        // Rows come in the order of quarters, so the last answer is nearly always the next one too.
        if (quarter == _lastQuarter) return _lastDay;
        DateTimeOffset local = TimeZoneInfo.ConvertTime(TimeOf(quarter), _zone);
        _lastDay = DateOnly.FromDateTime(local.DateTime).DayNumber;
        _lastQuarter = quarter;
        return _lastDay;
    }

    /// <summary>The first quarter of an hour of a day, also where midnight is left out or there twice.</summary>
    public long FirstOf(int day)
    {
        long quarter = (day - EpochDay) * QuartersPerDay;
        while (DayOf(quarter) >= day) quarter -= QuartersPerDay / 2;
        while (DayOf(quarter) < day) quarter++;
        return quarter;
    }

    /// <summary>When a quarter of an hour begins.</summary>
    public static DateTimeOffset TimeOf(long quarter) =>
        DateTimeOffset.FromUnixTimeSeconds(quarter * SpendKey.QuarterSeconds);

    /// <summary>The quarter of an hour that an instant is in.</summary>
    public static long QuarterOf(DateTimeOffset time) => time.ToUnixTimeSeconds() / SpendKey.QuarterSeconds;
}
