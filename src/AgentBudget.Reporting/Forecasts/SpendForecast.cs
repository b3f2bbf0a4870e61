namespace AgentBudget.Reporting.Forecasts;

/// <summary>How wrong former forecasts over as many hours were.</summary>
/// <param name="Origins">How many there were, one a week.</param>
/// <param name="LastForecastNanos">What the last of them said.</param>
/// <param name="LastActualNanos">What it came to.</param>
/// <param name="ErrorPpm">All errors together over all spend, in millionths: no single zero spoils it.</param>
/// <param name="BiasPpm">Above zero where the forecasts were too high, in millionths of all spend.</param>
public sealed record ForecastError(
    int Origins, long LastForecastNanos, long LastActualNanos, long ErrorPpm, long BiasPpm);

/// <summary>
/// What is yet to be spent in a number of hours: each hour as the mean of the last four of its place in the week. The
/// interval is where four of five would come to lie, by how far former forecasts over as many hours were off: their
/// quantiles from eight origins on, and Student's distribution below, for as many of them as do not overlap. Of less
/// than four weeks only the rate so far is known, without an interval.
/// </summary>
public sealed class SpendForecast
{
    /// <summary>Hours of a week.</summary>
    public const int WeekHours = 168;

    /// <summary>What a forecast looks back on.</summary>
    public const int HistoryHoursMin = WeeksOfMean * WeekHours;

    private const int WeeksOfMean = 4;
    private const int QuantileOriginsMin = 8;
    private const int OriginsMin = 3;
    private const double Tail = 0.1; // Below and above an interval of 80 %.
    private const double Million = 1_000_000;

    // Student's distribution, the 90 % point, by degrees of freedom from 1 on.
    private static readonly double[] Student = [3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415];

    private readonly Int128[] _expectedTimesFour;

    private SpendForecast(Int128[] expectedTimesFour, (double Low, double High)? factors, ForecastError? error)
    {
        _expectedTimesFour = expectedTimesFour;
        Error = error;
        RestNanos = Quarter(Sum(expectedTimesFour));
        if (factors is not { } by) return;
        LowNanos = Scaled(by.Low);
        HighNanos = Scaled(by.High);
        _factors = factors;
    }

    private readonly (double Low, double High)? _factors;

    /// <summary>What is expected, all hours together.</summary>
    public Int128 RestNanos { get; }

    /// <summary>One of ten comes to less; null where too little is known.</summary>
    public Int128? LowNanos { get; }

    /// <summary>One of ten comes to more.</summary>
    public Int128? HighNanos { get; }

    /// <summary>How former ones did; null where there was none.</summary>
    public ForecastError? Error { get; }

    /// <summary>A forecast of the hours after those that were.</summary>
    /// <param name="hourNanos">What each hour settled, in order and without gaps, up to the last whole one.</param>
    /// <param name="hoursLeft">How many are to come.</param>
    public static SpendForecast Of(ReadOnlySpan<long> hourNanos, int hoursLeft)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(hoursLeft);
        if (hourNanos.Length < HistoryHoursMin) return OfRate(hourNanos, hoursLeft);
        var ratios = new List<double>();
        ForecastError? error = null;
        double errors = 0;
        double bias = 0;
        double actuals = 0;
        for (int origin = hourNanos.Length - hoursLeft; hoursLeft > 0 && origin >= HistoryHoursMin; origin -= WeekHours)
        {
            Int128 forecast = Quarter(Sum(Expected(hourNanos[..origin], hoursLeft)));
            Int128 actual = 0;
            foreach (long nanos in hourNanos.Slice(origin, hoursLeft)) actual += nanos;
            // One nano more on both sides: spend may be nothing.
            ratios.Add(Math.Log(((double)actual + 1) / ((double)forecast + 1)));
            errors += Math.Abs((double)(forecast - actual));
            bias += (double)(forecast - actual);
            actuals += (double)actual;
            error ??= new ForecastError(0, (long)forecast, (long)actual, 0, 0);
        }

        error = error is null ? null : error with
        {
            Origins = ratios.Count,
            ErrorPpm = PartsOf(errors, actuals),
            BiasPpm = PartsOf(bias, actuals),
        };
        return new SpendForecast(Expected(hourNanos, hoursLeft), FactorsOf(ratios, hoursLeft), error);
    }

    /// <summary>
    /// After how many hours, counted from 1, this much room is spent: as expected, at the earliest and at the latest by
    /// the interval. Null for one that is beyond the forecast; without an interval all three are one.
    /// </summary>
    public (int? Expected, int? Early, int? Late) ExhaustionOf(Int128 roomNanos) => _factors is { } by
        ? (HoursTo(roomNanos, 1), HoursTo(roomNanos, by.High), HoursTo(roomNanos, by.Low))
        : (HoursTo(roomNanos, 1), HoursTo(roomNanos, 1), HoursTo(roomNanos, 1));

    private int? HoursTo(Int128 roomNanos, double factor)
    {
        if (roomNanos <= 0) return 0;
        Int128 sum = 0;
        double room = (double)roomNanos * WeeksOfMean / factor;
        for (int hour = 0; hour < _expectedTimesFour.Length; hour++)
        {
            sum += _expectedTimesFour[hour];
            if ((double)sum >= room && sum > 0) return hour + 1;
        }

        return null;
    }

    // The mean of all hours that were: of two days no week can be told.
    private static SpendForecast OfRate(ReadOnlySpan<long> hourNanos, int hoursLeft)
    {
        Int128 sum = 0;
        foreach (long nanos in hourNanos) sum += nanos;
        var expected = new Int128[hoursLeft];
        Array.Fill(expected, hourNanos.Length == 0 ? 0 : sum * WeeksOfMean / hourNanos.Length);
        return new SpendForecast(expected, factors: null, error: null);
    }

    // Of each hour four times its mean, so that nothing is rounded before all are summed.
    private static Int128[] Expected(ReadOnlySpan<long> hourNanos, int hoursLeft)
    {
        var slots = new Int128[WeekHours];
        for (int hour = hourNanos.Length - HistoryHoursMin; hour < hourNanos.Length; hour++)
            slots[hour % WeekHours] += hourNanos[hour];
        var expected = new Int128[hoursLeft];
        for (int hour = 0; hour < hoursLeft; hour++) expected[hour] = slots[(hourNanos.Length + hour) % WeekHours];
        return expected;
    }

    private static (double Low, double High)? FactorsOf(List<double> ratios, int hoursLeft)
    {
        if (ratios.Count < OriginsMin) return null;
        if (ratios.Count >= QuantileOriginsMin)
        {
            ratios.Sort();
            return (Math.Exp(Quantile(ratios, Tail)), Math.Exp(Quantile(ratios, 1 - Tail)));
        }

        double mean = ratios.Average();
        double variance = ratios.Sum(ratio => (ratio - mean) * (ratio - mean)) / (ratios.Count - 1);
        // Origins are a week apart, and windows longer than that overlap.
        double apart = ((ratios.Count - 1) * (double)WeekHours / hoursLeft) + 1;
        double count = Math.Max(2, Math.Min(ratios.Count, apart));
        double half = Student[(int)count - 2] * Math.Sqrt(variance * (1 + (1 / count)));
        return (Math.Exp(-half), Math.Exp(half));
    }

    // Between the two nearest of rising values.
    private static double Quantile(List<double> rising, double share)
    {
        double place = ((rising.Count + 1) * share) - 1;
        if (place <= 0) return rising[0];
        if (place >= rising.Count - 1) return rising[^1];
        int below = (int)place;
        return rising[below] + ((place - below) * (rising[below + 1] - rising[below]));
    }

    private Int128 Scaled(double factor) => (Int128)Math.Round((double)RestNanos * factor);

    private static long PartsOf(double part, double whole) => whole == 0 ? 0 : (long)Math.Round(part / whole * Million);

    private static Int128 Sum(ReadOnlySpan<Int128> values)
    {
        Int128 sum = 0;
        foreach (Int128 value in values) sum += value;
        return sum;
    }

    private static Int128 Quarter(Int128 sum) => ReportTerms.Ratio(sum, WeeksOfMean);
}
