using AgentBudget.Reporting.Statistics;

namespace AgentBudget.Reporting.Adjacency;

/// <summary>Two series that move together.</summary>
/// <param name="First">The one, by its place.</param>
/// <param name="Second">The other.</param>
/// <param name="LagDays">By how many days the second follows the first.</param>
/// <param name="Correlation">At that lag.</param>
/// <param name="P">The probability of one as strong at any lag by chance.</param>
/// <param name="Q">The same, held against all pairs.</param>
/// <param name="Days">Days that it was told from.</param>
public sealed record Movement(
    int First, int Second, int LagDays, double Correlation, double P, double Q, int Days);

/// <summary>
/// Tells series of daily spend that move together, at once or one after the other. Of each is taken off what it has in
/// common with all: its weekdays, what the others did where it follows them, and what follows from the day before.
/// Without the last, two that wander by themselves look as if they moved together; what persists even so counts for
/// fewer days. Single days far out are drawn in, so that none of them decides.
/// </summary>
public static class SpendMovements
{
    /// <summary>Days below which nothing is told.</summary>
    public const int DaysMin = 56;

    private const int WeekDays = 7;
    private const int LagMax = 7;
    private const int Lags = (2 * LagMax) + 1;
    private const double CorrelationMin = 0.4;
    private const double QMax = 0.001; // As the contract says: real pairs are far below, and a wrong one costs a talk.
    private const int OthersMin = 3; // The median of fewer is as much the one as the others.
    private const double FollowingMin = 0.63; // What all have in common more weakly correlates two by less than 0.4.
    private const double SpreadsMax = 3;

    /// <summary>The pairs that move together, by their places.</summary>
    /// <param name="dayNanos">Spend of the same days, in order and without gaps, by series.</param>
    /// <param name="isCompared">Whether a pair is to be compared, by places.</param>
    /// <param name="compared">How many pairs were.</param>
    public static IReadOnlyList<Movement> Find(
        IReadOnlyList<long[]> dayNanos, Func<int, int, bool> isCompared, out int compared)
    {
        ArgumentNullException.ThrowIfNull(dayNanos);
        ArgumentNullException.ThrowIfNull(isCompared);
        double[][] logs = [.. dayNanos.Select(WithoutWeekdays)];
        double[][] own = [.. logs.Select((_, i) => DrawnIn(WithoutYesterday(WithoutOthers(logs, i))))];
        double[][] persistence = [.. own.Select(Autocorrelations)];
        List<Movement> strongest = [];
        for (int first = 0; first < own.Length; first++)
        {
            for (int second = first + 1; second < own.Length; second++)
            {
                if (own[first].Length >= DaysMin - 1 && isCompared(first, second))
                    strongest.Add(Strongest(own, persistence, first, second));
            }
        }

        compared = strongest.Count;
        double[] q = Chance.Adjusted([.. strongest.Select(one => one.P)], strongest.Count);
        return
        [
            .. strongest.Select((one, i) => one with { Q = q[i] })
                .Where(one => one.Q <= QMax && Math.Abs(one.Correlation) >= CorrelationMin)
                .Where(one => IsOfBothHalves(own[one.First], own[one.Second], one)),
        ];
    }

    private static double[] WithoutWeekdays(long[] dayNanos)
    {
        List<double> spent = [.. dayNanos.Where(nanos => nanos > 0).Select(nanos => (double)nanos)];
        if (spent.Count == 0) return new double[dayNanos.Length];
        double unit = Robust.Median(spent) / 10;
        double[] logs = [.. dayNanos.Select(nanos => Math.Log(1 + (Math.Max(0, nanos) / unit)))];
        for (int weekday = 0; weekday < Math.Min(WeekDays, logs.Length); weekday++)
        {
            List<double> same = [];
            for (int day = weekday; day < logs.Length; day += WeekDays) same.Add(logs[day]);
            double median = Robust.Median(same);
            for (int day = weekday; day < logs.Length; day += WeekDays) logs[day] -= median;
        }

        return logs;
    }

    // As much of the others' median as it follows.
    private static double[] WithoutOthers(double[][] logs, int at)
    {
        if (logs.Length - 1 < OthersMin) return logs[at];
        double[] own = logs[at];
        var others = new double[own.Length];
        for (int day = 0; day < own.Length; day++)
        {
            others[day] = Robust.Median([.. logs.Where((_, i) => i != at).Select(other => other[day])]);
        }

        if (Correlation(own, others, lag: 0) < FollowingMin) return own;
        double mean = others.Average();
        double product = 0;
        double square = 0;
        for (int day = 0; day < own.Length; day++)
        {
            product += own[day] * (others[day] - mean);
            square += (others[day] - mean) * (others[day] - mean);
        }

        return [.. own.Select((value, day) => value - (product / square * others[day]))];
    }

    private static double[] WithoutYesterday(double[] values)
    {
        double persistence = Robust.Persistence(values);
        return [.. values.Skip(1).Select((value, before) => value - (persistence * values[before]))];
    }

    private static double[] DrawnIn(double[] values)
    {
        List<double> all = [.. values];
        if (all.Count == 0) return values;
        double median = Robust.Median(all);
        double far = SpreadsMax * Robust.Spread(all, median);
        return far == 0 ? values : [.. values.Select(value => Math.Clamp(value, median - far, median + far))];
    }

    private static double[] Autocorrelations(double[] values) =>
        [.. Enumerable.Range(1, LagMax).Select(lag => values.Length > lag ? Correlation(values, values, lag) : 0)];

    // So many independent days say as much as these: each that persists in both says less (Bartlett).
    private static int IndependentOf(int count, double[] first, double[] second)
    {
        double inflation = 1;
        for (int lag = 0; lag < LagMax; lag++) inflation += 2 * first[lag] * second[lag];
        return (int)(count / Math.Max(1, inflation));
    }

    private static Movement Strongest(double[][] own, double[][] persistence, int first, int second)
    {
        (int lag, double correlation) = (0, 0);
        for (int tried = -LagMax; tried <= LagMax; tried++)
        {
            double one = Correlation(own[first], own[second], tried);
            if (Math.Abs(one) > Math.Abs(correlation)) (lag, correlation) = (tried, one);
        }

        // What was taken off, a median of each weekday and a slope, leaves as many days less to tell from.
        int count = own[first].Length - Math.Abs(lag) - WeekDays - 1;
        count = IndependentOf(count, persistence[first], persistence[second]);
        double p = Chance.OfLeast(Chance.OfCorrelation(correlation, count), Lags);
        return new Movement(first, second, lag, correlation, p, Q: 1, own[first].Length + 1);
    }

    private static bool IsOfBothHalves(double[] first, double[] second, Movement found)
    {
        int half = first.Length / 2;
        double early = Correlation(first.AsSpan(0, half), second.AsSpan(0, half), found.LagDays);
        double late = Correlation(first.AsSpan(half), second.AsSpan(half), found.LagDays);
        return Math.Sign(early) == Math.Sign(found.Correlation) && Math.Sign(late) == Math.Sign(found.Correlation);
    }

    // Of the one with the other so many days later; 0 where either does not vary.
    private static double Correlation(ReadOnlySpan<double> first, ReadOnlySpan<double> second, int lag)
    {
        int count = first.Length - Math.Abs(lag);
        first = first.Slice(Math.Max(0, -lag), count);
        second = second.Slice(Math.Max(0, lag), count);
        (double sumFirst, double sumSecond) = (0, 0);
        for (int i = 0; i < count; i++) (sumFirst, sumSecond) = (sumFirst + first[i], sumSecond + second[i]);
        (double product, double squareFirst, double squareSecond) = (0, 0, 0);
        for (int i = 0; i < count; i++)
        {
            double a = first[i] - (sumFirst / count);
            double b = second[i] - (sumSecond / count);
            product += a * b;
            squareFirst += a * a;
            squareSecond += b * b;
        }

        double scale = Math.Sqrt(squareFirst * squareSecond);
        return scale == 0 ? 0 : product / scale;
    }
}
