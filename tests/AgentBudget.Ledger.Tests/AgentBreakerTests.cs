using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>A session that a breaker suspended is not left behind by opening a new one.</summary>
public sealed class AgentBreakerTests
{
    private const string Agent = "agents/writer";

    [Fact]
    public void Twenty_new_sessions_after_a_suspension_meet_the_breaker_of_their_agent()
    {
        LedgerFixture fixture = Fixture();
        int opened = 0;
        for (int session = 0; session < 20; session++)
        {
            Answer answer = fixture.TryOpen();
            if (answer.Outcome != Outcome.Done) continue;
            opened++;
            Loop(fixture, answer.Event!.Sequence);
        }

        Assert.Equal(4, opened);
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen().Outcome);
        BreakerTripped told = fixture.Journal.Last(e => e.BreakerTripped is not null).BreakerTripped;
        Assert.Equal(
            (Breaker.SuspendedSessions, BreakerMode.Enforce, 4L, 3L, Agent, Agent),
            (told.Breaker, told.Mode, told.Count, told.Limit, told.Suspended, told.Agent));
    }

    [Fact]
    public void Its_open_sessions_stop_and_go_on_when_the_agent_is_resumed_and_it_counts_from_zero()
    {
        LedgerFixture fixture = Fixture();
        long bystander = fixture.Open();
        for (int session = 0; session < 4; session++) Loop(fixture, fixture.Open());
        Assert.Equal(Reason.AgentSuspended, fixture.RefusalOf(bystander));
        fixture.Restart();

        Resume(fixture);

        fixture.Hold(bystander);
        for (int session = 0; session < 3; session++) Loop(fixture, fixture.Open());
        fixture.Hold(bystander);
        Loop(fixture, fixture.Open());
        Assert.Equal(Reason.AgentSuspended, fixture.RefusalOf(bystander));
    }

    [Fact]
    public void What_happened_more_than_an_hour_ago_is_not_counted()
    {
        LedgerFixture fixture = Fixture();
        for (int session = 0; session < 3; session++) Loop(fixture, fixture.Open());
        fixture.Advance(3600 * LedgerFixture.Second);
        Loop(fixture, fixture.Open());

        fixture.Open();
    }

    [Fact]
    public void It_observes_where_the_catalog_says_so_and_is_told_once_in_an_hour()
    {
        LedgerFixture fixture = Fixture(breakers => breakers.SuspendedSessions =
            new CountBreaker { Times = 1, Mode = BreakerMode.Observe });
        for (int session = 0; session < 4; session++) Loop(fixture, fixture.Open());

        fixture.Open();
        BreakerTripped told = Assert.Single(
            fixture.Journal, e => e.BreakerTripped is { Breaker: Breaker.SuspendedSessions }).BreakerTripped;
        Assert.Equal((BreakerMode.Observe, ""), (told.Mode, told.Suspended));
    }

    [Fact]
    public void Where_the_breakers_of_sessions_only_observe_so_does_the_agents()
    {
        LedgerFixture fixture = Fixture(breakers => breakers.Refusals.Mode = BreakerMode.Observe);
        for (int session = 0; session < 4; session++)
        {
            long open = fixture.Open();
            fixture.Commit(open, fixture.Hold(open), 0, 1_000_000); // Suspended for what it says it used.
        }

        fixture.Open();
        Assert.Equal(
            BreakerMode.Observe,
            fixture.Journal.Single(e => e.BreakerTripped is not null).BreakerTripped.Mode);
    }

    [Fact]
    public void Lies_about_usage_count_and_what_a_person_suspends_does_not()
    {
        LedgerFixture fixture = Fixture();
        for (int session = 0; session < 5; session++) fixture.Suspend(fixture.Open());
        for (int session = 0; session < 4; session++)
        {
            long open = fixture.Open();
            fixture.Commit(open, fixture.Hold(open), 0, 1_000_000);
        }

        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen().Outcome);
    }

    [Fact]
    public void A_user_whose_sessions_are_suspended_stops_its_agent_for_itself_alone()
    {
        LedgerFixture fixture = OfUsers(BreakerMode.Enforce);
        long before = fixture.Open(Kim);
        for (int session = 0; session < 3; session++) Loop(fixture, fixture.Open(Kim));

        BreakerTripped told = fixture.Journal.Last(e => e.BreakerTripped is not null).BreakerTripped;
        Assert.Equal(
            (Breaker.SuspendedSessions, BreakerMode.Enforce, 3L, 2L, $"{Agent}/users/kim", $"{Agent}/users/kim"),
            (told.Breaker, told.Mode, told.Count, told.Limit, told.Suspended, told.Agent));
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen(Kim).Outcome);
        Assert.Equal(Reason.AgentSuspended, fixture.RefusalOf(before));
        fixture.Restart();
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen(Kim).Outcome);
        Assert.Equal(Reason.AgentSuspended, fixture.RefusalOf(before));
        fixture.Hold(fixture.Open(request => request.OnBehalfOf = "lee"));
        fixture.Hold(fixture.Open(request => (request.OnBehalfOf, request.Unattended) = ("", true)));
        fixture.Advance(2 * 3600 * LedgerFixture.Second);
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen(Kim).Outcome);
    }

    [Fact]
    public void It_goes_on_for_the_user_when_both_are_resumed_and_counts_from_zero()
    {
        LedgerFixture fixture = OfUsers(BreakerMode.Enforce);
        for (int session = 0; session < 3; session++) Loop(fixture, fixture.Open(Kim));

        Resume(fixture);
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen(Kim).Outcome);
        Resume(fixture, $"{Agent}/users/kim");

        for (int session = 0; session < 2; session++) Loop(fixture, fixture.Open(Kim));
        fixture.Hold(fixture.Open(Kim));
        Loop(fixture, fixture.Open(Kim));
        Assert.Equal(Outcome.AgentNotActive, fixture.TryOpen(Kim).Outcome);
    }

    [Fact]
    public void A_subagent_works_for_no_user_that_its_agent_is_suspended_for()
    {
        LedgerFixture fixture = OfUsers(BreakerMode.Enforce);
        long parent = fixture.Open(request => (request.Agent, request.OnBehalfOf) = ("agents/other", "kim"));
        for (int session = 0; session < 3; session++) Loop(fixture, fixture.Open(Kim));

        Assert.Equal(
            Outcome.AgentNotActive, fixture.TryOpenBelow(parent, request => request.Agent = Agent).Outcome);
        fixture.OpenBelow(parent);
    }

    [Fact]
    public void Where_it_observes_a_user_is_told_and_goes_on()
    {
        LedgerFixture fixture = OfUsers(BreakerMode.Observe);
        for (int session = 0; session < 4; session++) Loop(fixture, fixture.Open(Kim));

        fixture.Hold(fixture.Open(Kim));
        BreakerTripped told = Assert.Single(
            fixture.Journal, e => e.BreakerTripped is { Breaker: Breaker.SuspendedSessions }).BreakerTripped;
        Assert.Equal((BreakerMode.Observe, "", $"{Agent}/users/kim"), (told.Mode, told.Suspended, told.Agent));
    }

    private static void Kim(OpenSessionRequest request) => request.OnBehalfOf = "kim";

    private static LedgerFixture OfUsers(BreakerMode mode) => new(catalog =>
    {
        catalog.Agents[0].Breakers = new Breakers
        {
            Refusals = new CountBreaker { Times = 2 },
            SuspendedSessions = new CountBreaker { Times = 100 },
            SuspendedSessionsOfUser = new CountBreaker { Times = 2, Mode = mode },
        };
        catalog.Agents.Add(new Agent(catalog.Agents[0]) { Id = "other", Delegates = new() { Agents = { "writer" } } });
    });

    private static LedgerFixture Fixture(Action<Breakers>? change = null) => new(catalog =>
    {
        catalog.Agents[0].Breakers = new Breakers { Refusals = new CountBreaker { Times = 2 } };
        change?.Invoke(catalog.Agents[0].Breakers);
    });

    // Three refusals running suspend the session.
    private static void Loop(LedgerFixture fixture, long session)
    {
        for (int call = 0; call < 3; call++) fixture.Reserve(session, request => request.Tool = "billing.pay");
    }

    private static void Resume(LedgerFixture fixture, string whom = Agent) => fixture.Send(new ResumeAgentCommand(
        new ResumeAgentRequest { RequestId = fixture.NextRequestId(), Agent = whom, Reason = "mended" }, "admin"));
}
