namespace AgentBudget.Reporting.Statistics;

/// <summary>How probable it is that chance alone shows as much.</summary>
internal static class Chance
{
    // Lanczos' coefficients for g = 7 and nine terms: ln Γ to about 15 digits.
    private const double LanczosG = 7;
    private static readonly double[] Lanczos =
    [
        0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
    ];

    /// <summary>
    /// The probability that of <paramref name="first"/> and <paramref name="second"/> picked out of a population at
    /// least so many are the same: the upper tail of the hypergeometric distribution.
    /// </summary>
    public static double OfSharing(long shared, long first, long second, long population)
    {
        const double Negligible = 1e-17; // Beyond the last digit of the sum.
        double sum = 0;
        double last = 0;
        double all = LnChoose(population, second);
        long least = Math.Max(shared, first + second - population);
        for (long both = least; both <= Math.Min(first, second); both++)
        {
            double term = Math.Exp(LnChoose(first, both) + LnChoose(population - first, second - both) - all);
            sum += term;
            if (term < last && term < sum * Negligible) break;
            last = term;
        }

        return Math.Min(1, sum);
    }

    /// <summary>
    /// The probability of a correlation as strong by chance, either way, over so many values: Fisher's z.
    /// </summary>
    public static double OfCorrelation(double correlation, int count)
    {
        if (count <= 3) return 1;
        double bounded = Math.Min(Math.Abs(correlation), 1 - 1e-15);
        return TwoSided(Math.Atanh(bounded) * Math.Sqrt(count - 3));
    }

    /// <summary>The probability that the least of so many independent probabilities is as small.</summary>
    public static double OfLeast(double p, int count) => p >= 1 ? 1 : -Expm1(count * Log1p(-p));

    /// <summary>
    /// Probabilities held against how many tests there were (Benjamini and Hochberg): to keep those up to q is to be
    /// wrong in a share q of what is kept.
    /// </summary>
    /// <param name="p">Probabilities; tests that are not among them count as 1.</param>
    /// <param name="tests">How many tests there were.</param>
    public static double[] Adjusted(IReadOnlyList<double> p, long tests)
    {
        int[] falling = [.. Enumerable.Range(0, p.Count).OrderByDescending(i => p[i])];
        var adjusted = new double[p.Count];
        double least = 1;
        for (int i = 0; i < falling.Length; i++)
        {
            int rank = p.Count - i;
            least = Math.Min(least, p[falling[i]] * Math.Max(tests, p.Count) / rank);
            adjusted[falling[i]] = least;
        }

        return adjusted;
    }

    private static double LnChoose(long of, long pick) =>
        LnGamma(of + 1) - LnGamma(pick + 1) - LnGamma(of - pick + 1);

    private static double LnGamma(double x)
    {
        double sum = Lanczos[0];
        for (int i = 1; i < Lanczos.Length; i++) sum += Lanczos[i] / (x - 1 + i);
        double t = x - 1 + LanczosG + 0.5;
        return (0.5 * Math.Log(2 * Math.PI)) + ((x - 0.5) * Math.Log(t)) - t + Math.Log(sum);
    }

    // The complementary error function of |z| ÷ √2: a series where it converges, a continued fraction beyond.
    private static double TwoSided(double z)
    {
        const double SeriesMax = 2.5;
        double x = Math.Abs(z) / Math.Sqrt(2);
        double square = x * x;
        if (x < SeriesMax)
        {
            double term = x;
            double sum = x;
            for (int n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
            {
                term *= -square / n;
                sum += term / ((2 * n) + 1);
                if (term == 0) break;
            }

            return 1 - (2 / Math.Sqrt(Math.PI) * sum);
        }

        double fraction = 0;
        for (int n = 60; n >= 1; n--) fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-square) / Math.Sqrt(Math.PI) / (x + fraction);
    }

    private static double Log1p(double x) => Math.Abs(x) < 1e-8 ? x - (x * x / 2) : Math.Log(1 + x);

    private static double Expm1(double x) => Math.Abs(x) < 1e-8 ? x + (x * x / 2) : Math.Exp(x) - 1;
}
