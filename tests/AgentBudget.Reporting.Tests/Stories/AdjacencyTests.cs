using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Adjacency;

namespace AgentBudget.Reporting.Tests.Stories;

public sealed class AdjacencyTests(ITestOutputHelper output)
{
    private static readonly int Seeds = Math.Max(20, StoryReport.Seeds * 5);

    [Fact]
    public void Two_that_move_together_are_found_and_hardly_any_others()
    {
        int found = 0;
        int wrong = 0;
        int ofControl = 0;
        for (int seed = 0; seed < Seeds; seed++)
        {
            foreach (Movement movement in Moving(new Story(seed, isPlanted: true)))
            {
                bool isPlanted = (movement.First, movement.Second) == (Story.Leading, Story.Following);
                if (isPlanted && movement.LagDays == Story.FollowingDays) found++;
                if (isPlanted) continue;
                wrong++;
                output.WriteLine($"seed {seed}: {movement}");
            }

            foreach (Movement movement in Moving(new Story(seed, isPlanted: false)))
            {
                ofControl++;
                output.WriteLine($"seed {seed}, control: {movement}");
            }
        }

        output.WriteLine($"{Seeds} seeds: {found} found, {wrong} others, {ofControl} in the control");
        Assert.Equal(Seeds, found);
        // Each story compares 41 pairs or more; one of 20 may look alike by chance.
        Assert.True(wrong <= Seeds / 20 && ofControl <= Seeds / 20, $"{wrong} others, {ofControl} in the control");
    }

    [Fact]
    public void What_use_cases_of_two_units_hand_over_and_share_is_told_to_the_nano()
    {
        using var report = new StoryReport(7, isPlanted: true);

        GetAdjacencyResponse answer = Ask(report);

        AdjacentUseCases delegating = PairOf(answer, StoryLedger.Delegating, StoryLedger.DelegatedTo);
        DelegatedWork work = Assert.Single(delegating.Delegations);
        Assert.Equal(
            ($"useCases/u{StoryLedger.Delegating}", $"useCases/u{StoryLedger.DelegatedTo}"), (work.From, work.To));
        LedgerEvent[] below = [.. report.Ledger.Events.Where(
            e => e.Spender is { Parent.Length: > 0 } && e.Spender.UseCase == work.To
                && e.Spender.Agent == $"agents/a{StoryLedger.Delegating}")];
        Assert.Equal(below.Count(e => e.SessionOpened is not null), work.Sessions);
        Assert.Equal(below.Sum(e => e.ReservationSettled?.CostNanos ?? 0), NanosOf(work.Cost));

        SharedParts agents = PairOf(answer, StoryLedger.Shared, StoryLedger.SharedWith).Shared
            .Single(parts => parts.Kind == "agent");
        Assert.Equal([$"agents/a{StoryLedger.Shared}"], agents.Examples);
        SharedParts users = PairOf(answer, StoryLedger.SameUsers, StoryLedger.SameUsersToo).Shared
            .Single(parts => parts.Kind == "user");
        Assert.Equal((6L, 6L, 6L, 64L), (users.Shared, users.First, users.Second, users.Population));
        Assert.Equal(64 / 6.0, users.Lift, 1e-9);
        Assert.InRange(users.P, 1 / 74_974_368.0 * 0.999, 1 / 74_974_368.0 * 1.001); // 64 choose 6.
        Assert.Equal(Story.FollowingDays, PairOf(answer, Story.Leading, Story.Following).Movement.LagDays);
        Assert.Equal((54, 0L), ((int)answer.PairsCompared, answer.UseCasesLeft));
        Assert.Equal(report.Ledger.Events.Count, answer.Sequence);
    }

    [Fact]
    public void Nothing_belongs_together_in_a_story_without_anything_planted()
    {
        for (int seed = 0; seed < StoryReport.Seeds; seed++)
        {
            using var report = new StoryReport(seed, isPlanted: false);

            GetAdjacencyResponse answer = Ask(report);

            Assert.Empty(answer.Pairs);
            Assert.Equal((12L, 54L, 54L), (answer.UseCases, answer.PairsCompared, answer.PairsMoved));
        }
    }

    [Fact]
    public void A_restart_and_a_rebuild_keep_what_was_handed_over()
    {
        using var file = new ReportFile();
        using var report = new StoryReport(3, isPlanted: true);
        List<LedgerEvent> events = report.Ledger.Events;
        Aggregator aggregator = Aggregator.Open(file.Path);
        for (int at = 0; at < events.Count; at += 997)
        {
            aggregator.Fold(Ledgers.Tenant, events.GetRange(at, Math.Min(997, events.Count - at)));
            aggregator.Dispose();
            aggregator = Aggregator.Open(file.Path);
        }

        using (aggregator)
        {
            var query = new AdjacencyQuery(StoryLedger.Start, report.Ledger.End, report.Ledger.End);
            Assert.Equal(Ask(report), aggregator.GetAdjacency(Ledgers.Tenant, query));
            aggregator.Reset(Ledgers.Tenant);
            Assert.Empty(aggregator.GetAdjacency(Ledgers.Tenant, query).Pairs);
            aggregator.Fold(Ledgers.Tenant, events);
            Assert.Equal(Ask(report), aggregator.GetAdjacency(Ledgers.Tenant, query));
        }
    }

    private static IReadOnlyList<Movement> Moving(Story story) => SpendMovements.Find(
        [.. Enumerable.Range(0, Story.Agents).Where(agent => agent != Story.Launched)
            .Select(agent => story.DayNanos(agent))],
        (first, second) => PlaceOf(first) % Story.Units != PlaceOf(second) % Story.Units,
        out _) is { } found
            ? [.. found.Select(one => one with { First = PlaceOf(one.First), Second = PlaceOf(one.Second) })]
            : [];

    // The launched one is left out: it has no past.
    private static int PlaceOf(int at) => at < Story.Launched ? at : at + 1;

    private static GetAdjacencyResponse Ask(StoryReport report) => report.Aggregator.GetAdjacency(
        Ledgers.Tenant, new AdjacencyQuery(StoryLedger.Start, report.Ledger.End, report.Ledger.End));

    private static AdjacentUseCases PairOf(GetAdjacencyResponse answer, int one, int other)
    {
        string[] names = [.. ((string[])[$"useCases/u{one}", $"useCases/u{other}"]).Order(StringComparer.Ordinal)];
        return answer.Pairs.Single(pair => pair.First == names[0] && pair.Second == names[1]);
    }

    private static long NanosOf(Money money) => (money.Units * 1_000_000_000) + money.Nanos;
}
