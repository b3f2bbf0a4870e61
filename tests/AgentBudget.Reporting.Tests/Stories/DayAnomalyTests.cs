using System.Globalization;
using AgentBudget.Reporting.Anomalies;

namespace AgentBudget.Reporting.Tests.Stories;

public sealed class DayAnomalyTests(ITestOutputHelper output)
{
    private const long FloorNanos = 1_000_000;

    // 100 by eng/stories.sh.
    private static readonly int Seeds =
        int.Parse(Environment.GetEnvironmentVariable("STORIES") ?? "20", CultureInfo.InvariantCulture);

    [Fact]
    public void A_runaway_day_is_found_and_explained_and_weekends_and_price_changes_are_not()
    {
        int found = 0;
        int wrong = 0;
        int days = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var story = new Story(seed, isPlanted: true);
            for (int agent = 0; agent < Story.Agents; agent++)
            {
                // A launch is an anomaly to whoever knows nothing of it.
                if (agent == Story.Launched) continue;
                foreach (DayAnomaly anomaly in DayAnomalies.Find(story.DayNanos(agent), firstWeekday: 0, FloorNanos))
                {
                    bool isPlanted = agent == Story.Runaway && anomaly.Day == Story.RunawayDay;
                    if (isPlanted) found++;
                    else wrong++;
                    Assert.True(anomaly.Nanos > anomaly.BandNanos && anomaly.BandNanos > anomaly.ExpectedNanos);
                    Assert.True(anomaly.ScoreMilli >= 3_500);
                }

                days += story.Days - DayAnomalies.WarmUpDays;
            }
        }

        double months = days / 30.0;
        output.WriteLine($"{Seeds} seeds: {found} of {Seeds} found, {wrong} false in {months:F0} entity-months");
        Assert.True(found >= Seeds * 0.86, $"{found} of {Seeds} were found");
        Assert.True(wrong <= months * 0.1, $"{wrong} were false in {months:F0} entity-months");
    }

    [Fact]
    public void Spend_that_doubles_and_stays_is_told_as_drift_and_what_wanders_is_not()
    {
        const int From = 60;
        int found = 0;
        int wrong = 0;
        int days = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            var story = new Story(seed, isPlanted: false);
            long[] doubled = [.. story.DayNanos(0).Select((nanos, day) => day < From ? nanos : 2 * nanos)];
            if (DriftAnomalies.Find(doubled, firstWeekday: 0, FloorNanos).Any(drift => drift.Day >= From)) found++;
            for (int agent = 0; agent < Story.Agents; agent++)
            {
                wrong += DriftAnomalies.Find(story.DayNanos(agent), firstWeekday: 0, FloorNanos).Count;
                days += story.Days - DayAnomalies.WarmUpDays;
            }
        }

        double months = days / 30.0;
        output.WriteLine($"{Seeds} seeds: {found} of {Seeds} drifts found, {wrong} false in {months:F0} entity-months");
        Assert.True(found >= Seeds * 0.8, $"{found} of {Seeds} were found");
        Assert.True(wrong <= months * 0.1, $"{wrong} were false in {months:F0} entity-months");
    }

    [Fact]
    public void A_day_is_told_from_the_days_before_it_alone()
    {
        long[] days = new Story(5, isPlanted: true).DayNanos(Story.Runaway);

        DayAnomaly live = DayAnomalies.Judge(days.AsSpan(0, Story.RunawayDay + 1), firstWeekday: 0, FloorNanos)!;

        Assert.Contains(live, DayAnomalies.Find(days, firstWeekday: 0, FloorNanos));
        Assert.Equal(live.Nanos - live.ExpectedNanos, live.ExcessNanos);
    }

    [Fact]
    public void Nothing_stands_out_before_four_weeks_or_below_the_floor()
    {
        long[] days = [.. Enumerable.Repeat(1_000_000_000L, DayAnomalies.WarmUpDays), 50_000_000_000];

        Assert.Single(DayAnomalies.Find(days, firstWeekday: 0, FloorNanos));
        Assert.Empty(DayAnomalies.Find(days, firstWeekday: 0, floorNanos: 49_000_000_001));
        Assert.Empty(DayAnomalies.Find(days.AsSpan(1), firstWeekday: 0, FloorNanos));
        Assert.Empty(DayAnomalies.Find(new long[60], firstWeekday: 0, FloorNanos));
    }
}
