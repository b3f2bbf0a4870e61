using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Refusals and charges that an agent spreads over many short sessions meet a breaker of the agent.</summary>
public sealed class SpreadBreakerTests
{
    private const string Agent = "agents/writer";

    [Fact]
    public void Refusals_that_are_spread_over_short_sessions_suspend_their_agent_though_calls_are_granted_in_between()
    {
        LedgerFixture fixture = Refusing(5);
        long bystander = fixture.Open();
        for (int session = 0; session < 2; session++)
        {
            long open = fixture.Open();
            Refuse(fixture, open, 2);
            fixture.Hold(open);
            Refuse(fixture, open, 1);
        }

        BreakerTripped told = Tripped(fixture);
        Assert.Equal(
            (Breaker.RefusalsOfAgent, BreakerMode.Enforce, 6L, 5L, Agent, Agent),
            (told.Breaker, told.Mode, told.Count, told.Limit, told.Suspended, told.Agent));
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen().Outcome);
        Assert.Equal(Reason.AgentSuspended, fixture.RefusalOf(bystander));
        Assert.Equal(Outcome.Done, fixture.TryOpen(Other).Outcome);
    }

    [Fact]
    public void Refusals_that_are_only_counted_trip_the_breaker_of_their_agent_at_the_very_one()
    {
        LedgerFixture fixture = Refusing(20);
        long open = fixture.Open();
        Refuse(fixture, open, 12); // Eight are told one by one.
        long last = fixture.Open();
        Refuse(fixture, last, 8);
        fixture.Hold(open); // Tells the other four; twenty are the limit and not beyond it.
        Assert.DoesNotContain(fixture.Journal, IsTrip);

        Refuse(fixture, last, 1);

        Assert.Equal((Breaker.RefusalsOfAgent, 21L), (Tripped(fixture).Breaker, Tripped(fixture).Count));
    }

    [Fact]
    public void What_was_refused_more_than_a_minute_ago_is_not_counted()
    {
        LedgerFixture fixture = Refusing(5);
        Refuse(fixture, fixture.Open(), 5);
        fixture.Advance(60 * LedgerFixture.Second);
        Refuse(fixture, fixture.Open(), 5);

        Assert.DoesNotContain(fixture.Journal, IsTrip);
        fixture.Restart();
        Refuse(fixture, fixture.Open(), 1);
        Assert.Equal(6, Tripped(fixture).Count);
    }

    [Fact]
    public void Charges_that_are_spread_over_short_sessions_suspend_their_agent()
    {
        LedgerFixture fixture = Burning(0.020m);
        for (int session = 0; session < 3; session++) Charge(fixture, fixture.Open());
        fixture.Advance(60 * LedgerFixture.Second);
        for (int session = 0; session < 3; session++) Charge(fixture, fixture.Open());
        Assert.DoesNotContain(fixture.Journal, IsTrip);
        fixture.Restart();

        Charge(fixture, fixture.Open());

        BreakerTripped told = Tripped(fixture);
        Assert.Equal(
            (Breaker.BurnRateOfAgent, BreakerMode.Enforce, 24_000_000L, 20_000_000L, Agent, Agent),
            (told.Breaker, told.Mode, told.Count, told.Limit, told.Suspended, told.Agent));
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen().Outcome);
    }

    [Fact]
    public void What_another_agents_subagents_are_charged_is_theirs()
    {
        LedgerFixture fixture = Burning(0.020m);
        long parent = fixture.Open(Other);
        for (int child = 0; child < 3; child++)
            Charge(fixture, fixture.OpenBelow(parent, request => request.Agent = Agent));
        for (int own = 0; own < 3; own++) Charge(fixture, parent);
        Assert.DoesNotContain(fixture.Journal, IsTrip);

        Charge(fixture, fixture.OpenBelow(parent, request => request.Agent = Agent));

        Assert.Equal(Agent, Tripped(fixture).Suspended);
        fixture.Hold(parent);
    }

    [Fact]
    public void It_counts_from_zero_once_the_agent_is_resumed()
    {
        LedgerFixture fixture = Refusing(5);
        Refuse(fixture, fixture.Open(), 6);
        fixture.Send(new ResumeAgentCommand(
            new ResumeAgentRequest { RequestId = fixture.NextRequestId(), Agent = Agent, Reason = "mended" }, "admin"));

        Refuse(fixture, fixture.Open(), 5);
        Assert.Single(fixture.Journal, IsTrip);
        Refuse(fixture, fixture.Open(), 1);
        Assert.Equal(2, fixture.Journal.Count(IsTrip));
    }

    [Fact]
    public void Where_it_observes_it_is_told_once_and_again_only_after_it_was_within_its_limit()
    {
        LedgerFixture fixture = Refusing(5, BreakerMode.Observe);
        for (int session = 0; session < 3; session++) Refuse(fixture, fixture.Open(), 4);
        BreakerTripped told = Tripped(fixture);
        Assert.Equal((BreakerMode.Observe, "", Agent), (told.Mode, told.Suspended, told.Agent));

        fixture.Advance(120 * LedgerFixture.Second);
        for (int session = 0; session < 3; session++) Refuse(fixture, fixture.Open(), 4);
        Assert.Equal(2, fixture.Journal.Count(IsTrip));
        fixture.Hold(fixture.Open());
    }

    [Fact]
    public void It_needs_a_count_of_at_least_one_and_a_cost()
    {
        LedgerFixture fixture = new();
        Answer answer = fixture.Change(catalog => catalog.Agents[0].Breakers = new Breakers
        {
            RefusalsOfAgent = new CountBreaker(),
            BurnRateOfAgent = new BurnBreaker(),
        });

        Assert.Equal(
            ["agents[0].breakers.refusalsOfAgent.times", "agents[0].breakers.burnRateOfAgent.costPerMinute"],
            answer.Faults!.Select(fault => fault.Field));
    }

    private static void Other(OpenSessionRequest request) => request.Agent = "agents/other";

    private static LedgerFixture Refusing(long times, BreakerMode mode = BreakerMode.Enforce) => With(
        new Breakers { RefusalsOfAgent = new CountBreaker { Times = times, Mode = mode } });

    private static LedgerFixture Burning(decimal dollars) => With(
        new Breakers { BurnRateOfAgent = new BurnBreaker { CostPerMinute = Catalogs.Dollars(dollars) } });

    private static LedgerFixture With(Breakers breakers) => new(catalog =>
    {
        catalog.Agents.Add(new Agent(catalog.Agents[0])
        {
            Id = "other",
            Delegates = new Delegates { Agents = { "writer" } },
        });
        catalog.Agents[0].Breakers = breakers;
    });

    private static bool IsTrip(LedgerEvent entry) => entry.BreakerTripped is not null;

    private static BreakerTripped Tripped(LedgerFixture fixture) => fixture.Journal.Single(IsTrip).BreakerTripped;

    private static void Refuse(LedgerFixture fixture, long session, int times)
    {
        for (int call = 0; call < times; call++) fixture.Reserve(session, request => request.Tool = "billing.pay");
    }

    private static void Charge(LedgerFixture fixture, long session) =>
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
}
