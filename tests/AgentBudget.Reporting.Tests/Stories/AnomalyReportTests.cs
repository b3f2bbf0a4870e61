using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Anomalies;

namespace AgentBudget.Reporting.Tests.Stories;

public sealed class AnomalyReportTests(ITestOutputHelper output)
{
    private const long FloorNanos = 1_000_000_000;
    private const int Days = 60;

    [Fact]
    public void What_was_planted_is_found_and_explained_to_the_nano()
    {
        int prices = 0;
        for (int seed = 0; seed < StoryReport.Seeds; seed++)
        {
            using var report = new StoryReport(seed, isPlanted: true);
            GetAnomaliesResponse answer = Ask(report);

            Anomaly day = answer.Anomalies.Single(found => IsRunawayDay(found, $"agents/a{Story.Runaway}"));
            Assert.Contains(answer.Anomalies, found => IsRunawayDay(found, $"useCases/u{Story.Runaway}"));
            Assert.Equal(report.Story.DayNanos(Story.Runaway)[Story.RunawayDay] / 32 * 32, NanosOf(day.Cost));
            Assert.Equal(NanosOf(day.Cost), NanosOf(day.Expected) + NanosOf(day.Excess));
            Assert.True(NanosOf(day.Band) > NanosOf(day.Expected) && NanosOf(day.Band) < NanosOf(day.Cost));
            Assert.Equal(NanosOf(day.Cost), day.Sessions.Sum(cause => NanosOf(cause.Cost)) + RestOf(report, day));
            Assert.InRange(NanosOf(day.After), 1, NanosOf(day.Cost));
            AssertFactors(day);
            Assert.True(day.Factors.Calls > 1 && Math.Abs(day.Factors.PricePerToken) < 1e-6, $"{day.Factors}");
            Assert.Equal(["model-big", "model-small"], day.Models.Select(cause => cause.Name).Order());

            Anomaly run = answer.Anomalies.Single(
                found => found.Rule == AnomalyRule.RunCost && found.Grain == report.Ledger.RunawayRun);
            Assert.Equal(NanosOf(day.Cost), NanosOf(run.Cost));
            Assert.True(run.HasSucceeded);
            Anomaly subagents = answer.Anomalies.Single(found => found.Rule == AnomalyRule.RunSubagents);
            Assert.Equal((report.Ledger.RunawayRun, 12L, 1L),
                (subagents.Grain, subagents.Subagents.Count, subagents.Subagents.Expected));

            foreach (Anomaly drift in answer.Anomalies.Where(found => found.Rule == AnomalyRule.Drift))
            {
                AssertFactors(drift);
                Assert.Equal(NanosOf(drift.Cost), NanosOf(drift.Expected) + NanosOf(drift.Excess));
                if (drift.Grain == $"agents/a{Story.PriceChanged}" && drift.Factors.PricePerToken > 0.1) prices++;
            }
        }

        output.WriteLine($"{StoryReport.Seeds} seeds: a new price is told as drift in {prices}");
    }

    [Fact]
    public void A_story_without_anything_planted_has_few_alarms()
    {
        var rates = new Dictionary<AnomalyRule, (long Alarms, long EntityDays)>();
        for (int seed = 0; seed < StoryReport.Seeds; seed++)
        {
            using var report = new StoryReport(seed, isPlanted: false);
            GetAnomaliesResponse answer = Ask(report);
            Assert.Equal((24, 0), (answer.Entities, answer.EntitiesLeft));
            foreach (AnomalyReplay replay in answer.Replays)
            {
                (long alarms, long days) = rates.GetValueOrDefault(replay.Rule);
                rates[replay.Rule] = (alarms + replay.Alarms, days + replay.EntityDays);
                Assert.Equal(replay.Alarms, answer.Anomalies.Count(found => found.Rule == replay.Rule));
                Assert.Equal(
                    replay.EntityDays == 0 ? 0 : (long)Math.Round(replay.Alarms * 30_000.0 / replay.EntityDays),
                    replay.AlarmsPerEntityMonthMilli);
            }
        }

        foreach ((AnomalyRule rule, (long alarms, long days)) in rates)
        {
            output.WriteLine($"{StoryReport.Seeds} seeds, {rule}: {alarms} false in {days / 30} entity-months");
            Assert.True(days > 0 && alarms <= Math.Max(1, days / 30.0 * 0.1), $"{rule}: {alarms} in {days / 30}");
        }
    }

    [Fact]
    public void A_period_alone_does_not_change_what_its_days_are_told_from()
    {
        using var report = new StoryReport(1, isPlanted: true);
        string grain = $"agents/a{Story.Runaway}";
        DateTimeOffset day = StoryLedger.Start.AddDays(Story.RunawayDay);

        Anomaly ofAll = Ask(report).Anomalies.Single(found => IsRunawayDay(found, grain));
        GetAnomaliesResponse alone = report.Aggregator.GetAnomalies(
            Ledgers.Tenant, new AnomalyQuery(day.AddHours(3), day.AddHours(4), report.Ledger.End, grain, FloorNanos));
        GetAnomaliesResponse before = report.Aggregator.GetAnomalies(
            Ledgers.Tenant, new AnomalyQuery(day.AddDays(-9), day, report.Ledger.End, grain, FloorNanos));

        Assert.Equal(ofAll, alone.Anomalies.Single(found => found.Rule == AnomalyRule.Day));
        Assert.Equal(1, alone.Entities);
        Assert.DoesNotContain(before.Anomalies, found => found.Rule == AnomalyRule.Day);
        Assert.Equal(report.Ledger.Events.Count, alone.Sequence);
    }

    [Fact]
    public void A_day_that_still_runs_is_judged_by_what_it_settled_so_far()
    {
        using var report = new StoryReport(2, isPlanted: true);
        DateTimeOffset now = StoryLedger.Start.AddDays(Story.RunawayDay).AddHours(18);

        GetAnomaliesResponse answer = report.Aggregator.GetAnomalies(
            Ledgers.Tenant, new AnomalyQuery(now.AddDays(-1), now, now, $"agents/a{Story.Runaway}", FloorNanos));

        Assert.Contains(answer.Anomalies, found => IsRunawayDay(found, $"agents/a{Story.Runaway}"));
        Assert.Equal(
            (2L, 1L),
            (answer.Replays.Single(one => one.Rule == AnomalyRule.Day).EntityDays,
                answer.Replays.Single(one => one.Rule == AnomalyRule.Drift).EntityDays));
    }

    private static GetAnomaliesResponse Ask(StoryReport report) => report.Aggregator.GetAnomalies(
        Ledgers.Tenant,
        new AnomalyQuery(report.Ledger.End.AddDays(-Days), report.Ledger.End, report.Ledger.End, "", FloorNanos));

    private static bool IsRunawayDay(Anomaly found, string grain) => found.Rule == AnomalyRule.Day
        && found.Grain == grain
        && found.StartTime.ToDateTimeOffset() == StoryLedger.Start.AddDays(Story.RunawayDay);

    // ln of cost by usual cost is the sum of the three.
    private static void AssertFactors(Anomaly found)
    {
        double sum = found.Factors.Calls + found.Factors.TokensPerCall + found.Factors.PricePerToken;
        double whole = Math.Log(NanosOf(found.Cost) / (double)NanosOf(found.Factors.Usual));
        Assert.Equal(whole, sum, 1e-9);
    }

    // What the sessions beyond the five that are named cost, by the chargeback of the same day.
    private static long RestOf(StoryReport report, Anomaly day)
    {
        GetChargebackResponse spend = report.Aggregator.GetChargeback(Ledgers.Tenant, new GetChargebackRequest
        {
            Period = new ReportPeriod { StartTime = day.StartTime, EndTime = day.EndTime },
            Filter = new ReportFilter { Agent = day.Grain },
            GroupBy = { "session" },
        });
        HashSet<string> named = [.. day.Sessions.Select(cause => cause.Name)];
        return spend.Rows.Where(row => !named.Contains(row.Keys["session"])).Sum(row => NanosOf(row.Cost));
    }

    private static long NanosOf(Money money) => (money.Units * 1_000_000_000) + money.Nanos;
}
