namespace AgentBudget.Reporting.Tests.Stories;

/// <summary>
/// Ninety days of twelve agents in four units, hour by hour, from a seed. The control story has workdays, one agent
/// that works on weekends and levels that wander; the other has a runaway day besides, a price change, a launch and two
/// agents of different units that move together.
/// </summary>
internal sealed class Story
{
    public const int Agents = 12;
    public const int Units = 4;
    public const int Runaway = 3;
    public const int RunawayDay = 70;
    public const int WeekendWorker = 5;
    public const int PriceChanged = 2;
    public const int PriceDay = 50;
    public const int Launched = 7;

    /// <summary>Agents of two units; of a planted story the one's work brings the other's two days later.</summary>
    public const int Leading = 8;
    public const int Following = 9;
    public const int FollowingDays = 2;

    private readonly Random _random;

    public Story(int seed, bool isPlanted, int days = 90)
    {
        _random = new Random(seed);
        Days = days;
        HourNanos = [.. Enumerable.Range(0, Agents).Select(agent => HoursOf(agent, isPlanted))];
        if (isPlanted) Follow(new Random(seed + 1_000_003));
    }

    public int Days { get; }

    /// <summary>By agent, hour by hour from a Monday's midnight on.</summary>
    public IReadOnlyList<long[]> HourNanos { get; }

    public long[] DayNanos(int agent) => [.. HourNanos[agent].Chunk(24).Select(day => day.Sum())];

    /// <summary>The agents of a unit together.</summary>
    public long[] UnitHours(int unit) =>
    [
        .. Enumerable.Range(0, Days * 24).Select(hour => Enumerable.Range(0, Agents)
            .Where(agent => agent % Units == unit)
            .Sum(agent => HourNanos[agent][hour])),
    ];

    private long[] HoursOf(int agent, bool isPlanted)
    {
        double size = Math.Pow(10, 0.5 + (1.5 * _random.NextDouble()));
        double wander = 0.1 + (0.15 * _random.NextDouble());
        double weekend = agent == WeekendWorker ? 2 : 0.2 + (0.3 * _random.NextDouble());
        double level = 0;
        var hours = new long[Days * 24];
        for (int day = 0; day < Days; day++)
        {
            level = 0.7 * (level + Normal(wander));
            double factor = day % 7 >= 5 ? weekend : 1;
            if (isPlanted && agent == Runaway && day == RunawayDay) factor *= 8;
            if (isPlanted && agent == PriceChanged && day >= PriceDay) factor *= 1.3;
            if (isPlanted && agent == Launched && day < 40) factor = 0;
            for (int hour = 0; hour < 24; hour++)
            {
                double profile = hour is < 7 or > 19 ? 0.2 : 1;
                double nanos = 1e9 * size * factor * profile / 15.2 * Math.Exp(level + Normal(0.3));
                hours[(day * 24) + hour] = (long)nanos;
            }
        }

        return hours;
    }

    // The same shocks to both, at another time; the rest of what they do is their own.
    private void Follow(Random random)
    {
        for (int day = 0; day < Days; day++)
        {
            double shock = Math.Exp(random.NextDouble() - 0.5);
            Scale(HourNanos[Leading], day, shock);
            Scale(HourNanos[Following], day + FollowingDays, shock);
        }
    }

    private static void Scale(long[] hours, int day, double factor)
    {
        for (int hour = day * 24; hour < (day + 1) * 24 && hour < hours.Length; hour++)
            hours[hour] = (long)(hours[hour] * factor);
    }

    private double Normal(double deviation) => deviation
        * Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
