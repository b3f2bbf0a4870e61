namespace AgentBudget.Reporting.Anomalies;

/// <summary>Spend that crept up day by day, none of which need stand out.</summary>
/// <param name="FirstDay">The day on which it began, by its place among the days.</param>
/// <param name="Day">The day on which it was told.</param>
/// <param name="Nanos">What these days settled, both included.</param>
/// <param name="ExpectedNanos">What days of their kind settle.</param>
/// <param name="ScoreMilli">The sum of how far off they are, in thousandths of the ordinary spread.</param>
/// <param name="DaysUsed">The days before the last that this was told from.</param>
public sealed record DriftAnomaly(
    int FirstDay, int Day, long Nanos, long ExpectedNanos, long ScoreMilli, int DaysUsed)
{
    /// <summary>What they settled above what was expected.</summary>
    public long ExcessNanos => Nanos - ExpectedNanos;
}

/// <summary>
/// Tells spend that stays above what its days settled before: a cumulative sum of how far off days are, less a slack,
/// at least zero. Days that follow each other count for fewer, by how far each followed its predecessor before. It is
/// told once, and again only after the sum was back at zero.
/// </summary>
public static class DriftAnomalies
{
    private const double SumMin = 6;
    private const double Slack = 0.5;
    private const double ScoreMax = 3; // One day that stands out is the other rule's.

    /// <summary>The drifts.</summary>
    /// <param name="dayNanos">Spend of whole days, in order and without gaps.</param>
    /// <param name="firstWeekday">The first day's, 0 for Monday.</param>
    /// <param name="floorNanos">An excess below it is not worth a word.</param>
    public static IReadOnlyList<DriftAnomaly> Find(ReadOnlySpan<long> dayNanos, int firstWeekday, long floorNanos)
    {
        var scores = new DayScore?[dayNanos.Length];
        for (int day = DayAnomalies.WarmUpDays; day < dayNanos.Length; day++)
            scores[day] = DayAnomalies.Score(dayNanos[..(day + 1)], firstWeekday);
        return Find(scores, floorNanos);
    }

    internal static IReadOnlyList<DriftAnomaly> Find(ReadOnlySpan<DayScore?> scores, long floorNanos)
    {
        var found = new List<DriftAnomaly>();
        double sum = 0;
        int first = 0;
        bool isTold = false;
        Int128 nanos = 0;
        Int128 expected = 0;
        for (int day = 0; day < scores.Length; day++)
        {
            if (scores[day] is not { } score) continue;
            double inflation = Math.Sqrt((1 + score.Persistence) / (1 - score.Persistence));
            double before = sum;
            sum = Math.Max(0, sum + (Math.Clamp(score.Score, -ScoreMax, ScoreMax) / inflation) - Slack);
            if (sum == 0)
            {
                isTold = false;
                continue;
            }

            if (before == 0) (first, nanos, expected) = (day, 0, 0);
            nanos += score.Nanos;
            expected += score.ExpectedNanos;
            if (sum <= SumMin || isTold || nanos - expected < floorNanos) continue;
            isTold = true;
            found.Add(new DriftAnomaly(
                first, day, (long)nanos, (long)expected, (long)Math.Round(sum * 1000), score.DaysUsed));
        }

        return found;
    }
}
