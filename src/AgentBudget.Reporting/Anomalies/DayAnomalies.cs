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

/// <summary>
/// Tells days that stand out of daily spend, by medians, which single days do not move. A day is told from the days
/// before it alone, so that to replay the past is to apply the rule that was live.
/// </summary>
public static class DayAnomalies
{
    /// <summary>Days before the first that is judged.</summary>
    public const int WarmUpDays = 28;

    private const int WeekDays = 7;
    private const int WeeksMax = 8;
    private const double ScoreMin = 3.5;
    private const double SpreadMin = 0.2;
    private const double DeviationsPerMedian = 1.4826; // Of a normal distribution.
    private const double KindWeight = 2;

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
    public static DayAnomaly? Judge(ReadOnlySpan<long> dayNanos, int firstWeekday, long floorNanos)
    {
        int day = dayNanos.Length - 1;
        if (day < WarmUpDays) return null;
        List<double> spent = [];
        for (int before = 0; before < day; before++)
        {
            if (dayNanos[before] > 0) spent.Add(dayNanos[before]);
        }

        if (spent.Count == 0) return null;
        double median = Median(spent);
        double unit = median / 10;
        double[] logs = new double[dayNanos.Length];
        for (int i = 0; i < logs.Length; i++) logs[i] = Math.Log(1 + (Math.Max(0, dayNanos[i]) / unit));
        double expected = Expected(logs, day, firstWeekday);
        List<double> residuals = [];
        for (int before = day - WarmUpDays; before < day; before++)
            residuals.Add(logs[before] - Expected(logs, before, firstWeekday));
        double center = Median(residuals);
        double spread = Math.Max(
            SpreadMin, DeviationsPerMedian * Median([.. residuals.Select(one => Math.Abs(one - center))]));
        double score = (logs[day] - expected) / spread;
        long expectedNanos = NanosOf(expected, unit);
        double excess = dayNanos[day] - (double)expectedNanos;
        if (score < ScoreMin || excess < median / 2 || excess < floorNanos) return null;
        long band = NanosOf(expected + (ScoreMin * spread), unit);
        return new DayAnomaly(day, dayNanos[day], expectedNanos, band, (long)Math.Round(score * 1000), day);
    }

    // The median of its weekdays, drawn to that of workdays or weekends where there are few of them.
    private static double Expected(double[] logs, int day, int firstWeekday)
    {
        List<double> same = [];
        List<double> kind = [];
        for (int before = day - 1; before >= 0; before--)
        {
            if ((day - before) % WeekDays == 0 && same.Count < WeeksMax) same.Add(logs[before]);
            bool isKind = IsWeekend(before, firstWeekday) == IsWeekend(day, firstWeekday);
            if (isKind && day - before <= WarmUpDays) kind.Add(logs[before]);
        }

        if (kind.Count == 0) return logs[day]; // The first of its kind.
        double ofKind = Median(kind);
        return same.Count == 0
            ? ofKind
            : ((same.Count * Median(same)) + (KindWeight * ofKind)) / (same.Count + KindWeight);
    }

    private static bool IsWeekend(int day, int firstWeekday) => (day + firstWeekday) % WeekDays >= 5;

    private static long NanosOf(double log, double unit) => (long)Math.Round(unit * (Math.Exp(log) - 1));

    private static double Median(List<double> values)
    {
        values.Sort();
        int middle = values.Count / 2;
        return values.Count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }
}
