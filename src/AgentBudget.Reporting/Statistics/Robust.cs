namespace AgentBudget.Reporting.Statistics;

/// <summary>Middle and spread that a few odd values do not move.</summary>
internal static class Robust
{
    private const double DeviationsPerMedian = 1.4826; // Of a normal distribution.

    /// <summary>The median. Sorts the list. At least one value.</summary>
    public static double Median(List<double> values)
    {
        values.Sort();
        int middle = values.Count / 2;
        return values.Count % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    }

    /// <summary>The median absolute deviation from a center, scaled to a normal distribution's deviation.</summary>
    public static double Spread(List<double> values, double center) =>
        DeviationsPerMedian * Median([.. values.Select(value => Math.Abs(value - center))]);

    /// <summary>
    /// How far each value follows the one before it: the slope of values on their predecessors, 0 where they do not
    /// vary.
    /// </summary>
    public static double Persistence(ReadOnlySpan<double> values)
    {
        if (values.Length < 2) return 0;
        double mean = 0;
        foreach (double value in values) mean += value / values.Length;
        double product = 0;
        double square = 0;
        for (int i = 0; i < values.Length - 1; i++)
        {
            product += (values[i] - mean) * (values[i + 1] - mean);
            square += (values[i] - mean) * (values[i] - mean);
        }

        return square == 0 ? 0 : product / square;
    }
}
