using AgentBudget.Reporting.Statistics;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>A day that stands out, and against what.</summary>
/// <param name="Day">Its place among the days.</param>
/// <param name="Nanos">What it settled.</param>
/// <param name="ExpectedNanos">What a day of its kind settles.</param>
/// <param name="BandNanos">Up to here it would not have stood out.</param>
/// <param name="ScoreMilli">How far off it is, in thousandths of the ordinary spread.</param>
/// <param name="DaysUsed">The days before it that this was told from.</param>
public sealed record DayAnomaly(
    int Day, long Nanos, long ExpectedNanos, long BandNanos, long ScoreMilli, int DaysUsed)
{
    /// <summary>What it settled above what was expected.</summary>
    public long ExcessNanos => Nanos - ExpectedNanos;
}

/// <summary>How far a day is from what days of its kind settle.</summary>
/// <param name="Nanos">What it settled.</param>
/// <param name="ExpectedNanos">What a day of its kind settles.</param>
/// <param name="BandNanos">Up to here it does not stand out.</param>
/// <param name="Score">How far off it is, in the ordinary spread.</param>
/// <param name="MedianNanos">The median of the days before it that spent anything.</param>
/// <param name="Persistence">How far each of the days before it followed its predecessor, from 0 to below 1.</param>
/// <param name="DaysUsed">The days before it that this was told from.</param>
internal readonly record struct DayScore(
    long Nanos,
    long ExpectedNanos,
    long BandNanos,
    double Score,
    double MedianNanos,
    double Persistence,
    int DaysUsed);

/// <summary>
/// Tells days that stand out of daily spend, by medians, which single days do not move. A day is told from the days
/// before it alone, so that to replay the past is to apply the rule that was live.
/// </summary>
public static class DayAnomalies
{
    /// <summary>Days before the first that is judged.</summary>
    public const int WarmUpDays = 28;

    /// <summary>A day is judged from no more days before it: four weeks, each from eight weeks before it.</summary>
    public const int HistoryDaysMax = WarmUpDays + (WeeksMax * WeekDays);

    private const int WeekDays = 7;
    private const int WeeksMax = 8;
    private const double ScoreMin = 3.5;
    private const double SpreadMin = 0.2;
    private const double KindWeight = 2;
    private const double PersistenceMax = 0.8;

    /// <summary>The days that stand out.</summary>
    /// <param name="dayNanos">Spend of days, in order and without gaps.</param>
    /// <param name="firstWeekday">The first day's, 0 for Monday.</param>
    /// <param name="floorNanos">An excess below it is not worth a word.</param>
    public static IReadOnlyList<DayAnomaly> Find(ReadOnlySpan<long> dayNanos, int firstWeekday, long floorNanos)
    {
        var found = new List<DayAnomaly>();
        for (int day = WarmUpDays; day < dayNanos.Length; day++)
        {
            if (Judge(dayNanos[..(day + 1)], firstWeekday, floorNanos) is { } anomaly) found.Add(anomaly);
        }

        return found;
    }

    /// <summary>Judges the last of the days; null for one that does not stand out, or is too early to tell.</summary>
    public static DayAnomaly? Judge(ReadOnlySpan<long> dayNanos, int firstWeekday, long floorNanos) =>
        Score(dayNanos, firstWeekday) is { } score ? Judge(score, dayNanos.Length - 1, floorNanos) : null;

    internal static DayAnomaly? Judge(in DayScore score, int day, long floorNanos)
    {
        double excess = score.Nanos - (double)score.ExpectedNanos;
        if (score.Score < ScoreMin || excess < score.MedianNanos / 2 || excess < floorNanos) return null;
        long milli = (long)Math.Round(score.Score * 1000);
        return new DayAnomaly(day, score.Nanos, score.ExpectedNanos, score.BandNanos, milli, score.DaysUsed);
    }

    /// <summary>How far off the last of the days is; null for one that is too early to tell.</summary>
    internal static DayScore? Score(ReadOnlySpan<long> dayNanos, int firstWeekday)
    {
        if (dayNanos.Length <= WarmUpDays) return null;
        int skipped = Math.Max(0, dayNanos.Length - 1 - HistoryDaysMax);
        dayNanos = dayNanos[skipped..];
        firstWeekday = (firstWeekday + skipped) % WeekDays;
        int day = dayNanos.Length - 1;
        List<double> spent = [];
        for (int before = 0; before < day; before++)
        {
            if (dayNanos[before] > 0) spent.Add(dayNanos[before]);
        }

        if (spent.Count == 0) return null;
        double median = Robust.Median(spent);
        double unit = median / 10;
        double[] logs = new double[dayNanos.Length];
        for (int i = 0; i < logs.Length; i++) logs[i] = Math.Log(1 + (Math.Max(0, dayNanos[i]) / unit));
        double expected = Expected(logs, day, firstWeekday);
        List<double> residuals = [];
        for (int before = day - WarmUpDays; before < day; before++)
            residuals.Add(logs[before] - Expected(logs, before, firstWeekday));
        double persistence = Robust.Persistence([.. residuals]);
        double spread = Math.Max(SpreadMin, Robust.Spread(residuals, Robust.Median(residuals)));
        return new DayScore(
            dayNanos[day],
            NanosOf(expected, unit),
            NanosOf(expected + (ScoreMin * spread), unit),
            (logs[day] - expected) / spread,
            median,
            Math.Clamp(persistence, 0, PersistenceMax),
            day);
    }

    // The median of its weekdays, drawn to that of workdays or weekends where there are few of them.
    private static double Expected(double[] logs, int day, int firstWeekday)
    {
        List<double> same = [];
        List<double> kind = [];
        for (int before = day - 1; before >= Math.Max(0, day - (WeeksMax * WeekDays)); before--)
        {
            if ((day - before) % WeekDays == 0) same.Add(logs[before]);
            bool isKind = IsWeekend(before, firstWeekday) == IsWeekend(day, firstWeekday);
            if (isKind && day - before <= WarmUpDays) kind.Add(logs[before]);
        }

        if (kind.Count == 0) return logs[day]; // The first of its kind.
        double ofKind = Robust.Median(kind);
        return same.Count == 0
            ? ofKind
            : ((same.Count * Robust.Median(same)) + (KindWeight * ofKind)) / (same.Count + KindWeight);
    }

    /// <summary>Whether a day is a Saturday or Sunday.</summary>
    internal static bool IsWeekend(int day, int firstWeekday) => (day + firstWeekday) % WeekDays >= 5;

    private static long NanosOf(double log, double unit) => (long)Math.Round(unit * (Math.Exp(log) - 1));
}
