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

    private static void Resume(LedgerFixture fixture) => fixture.Send(new ResumeAgentCommand(
        new ResumeAgentRequest { RequestId = fixture.NextRequestId(), Agent = Agent, Reason = "mended" }, "admin"));
}
