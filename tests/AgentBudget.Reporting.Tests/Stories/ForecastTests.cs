using System.Globalization;
using AgentBudget.Reporting.Forecasts;

namespace AgentBudget.Reporting.Tests.Stories;

public sealed class ForecastTests(ITestOutputHelper output)
{
    // 100 by eng/stories.sh.
    private static readonly int Seeds =
        int.Parse(Environment.GetEnvironmentVariable("STORIES") ?? "20", CultureInfo.InvariantCulture);

    [Fact]
    public void A_week_that_repeats_is_forecast_to_the_nano()
    {
        long[] hours = [.. Enumerable.Range(0, 12 * SpendForecast.WeekHours).Select(hour => (hour % 168) * 7L)];

        SpendForecast forecast = SpendForecast.Of(hours.AsSpan(0, hours.Length - 100), 100);

        Assert.Equal(hours[^100..].Sum(), forecast.RestNanos);
        Assert.Equal((forecast.RestNanos, forecast.RestNanos), (forecast.LowNanos, forecast.HighNanos));
        Assert.Equal((0L, 0L), (forecast.Error!.ErrorPpm, forecast.Error.BiasPpm));
        Assert.Equal(forecast.Error.LastForecastNanos, forecast.Error.LastActualNanos);
    }

    [Fact]
    public void Below_four_weeks_there_is_a_rate_and_no_interval()
    {
        SpendForecast forecast = SpendForecast.Of([10, 20, 30], 4);

        Assert.Equal(80, forecast.RestNanos);
        Assert.Null(forecast.LowNanos);
        Assert.Null(forecast.Error);
        Assert.Equal((3, 3, 3), forecast.ExhaustionOf(60));
        Assert.Equal((null, null, null), forecast.ExhaustionOf(81));
        Assert.Equal((0, 0, 0), forecast.ExhaustionOf(0));
        Assert.Equal(0, SpendForecast.Of([], 24).RestNanos);
    }

    [Fact]
    public void Room_is_spent_early_and_late_by_the_interval()
    {
        long[] hours = new Story(1, isPlanted: false, days: 140).HourNanos[0];

        SpendForecast forecast = SpendForecast.Of(hours, 240);
        (int? expected, int? early, int? late) = forecast.ExhaustionOf(forecast.RestNanos / 2);

        Assert.True(early <= expected, $"{early} and {expected}");
        Assert.True(late is null || expected <= late, $"{expected} and {late}");
        Assert.NotNull(expected);
    }

    [Theory]
    [InlineData(90)]
    [InlineData(200)]
    public void Four_of_five_intervals_hold(int days)
    {
        int inside = 0;
        int all = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var story = new Story(seed, isPlanted: false, days);
            foreach (int hoursLeft in (int[])[168, 240, 360, 504])
            {
                for (int unit = 0; unit < Story.Units; unit++)
                {
                    long[] hours = story.UnitHours(unit);
                    SpendForecast forecast = SpendForecast.Of(hours.AsSpan(0, hours.Length - hoursLeft), hoursLeft);
                    if (forecast.LowNanos is not { } low) continue;
                    all++;
                    Int128 actual = hours[^hoursLeft..].Sum();
                    if (actual >= low && actual <= forecast.HighNanos) inside++;
                }
            }
        }

        output.WriteLine($"{days} days, {Seeds} seeds: {inside} of {all} inside");
        Assert.InRange(inside / (double)all, 0.70, 0.90);
    }
}
