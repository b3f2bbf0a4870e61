using AgentBudget.Ledger.Agents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>One agent that runs wild meets its own bounds, and nobody else does.</summary>
public sealed class ShareTests
{
    [Fact]
    public void Sessions_that_are_open_at_once_are_bounded_by_agent_and_an_end_makes_room()
    {
        LedgerFixture fixture = Fixture(new AgentBounds { OpenSessions = 2 });
        long first = fixture.Open();
        fixture.Open();

        Answer third = fixture.TryOpen();
        Assert.Equal(Outcome.BoundReached, third.Outcome);
        Assert.Equal("bounds.openSessions", third.Faults!.Single().Field);
        fixture.Open(request => request.Agent = "agents/other");
        fixture.Restart();
        Assert.Equal(Outcome.BoundReached, fixture.TryOpen().Outcome);
        fixture.End(first);
        fixture.Open();
    }

    [Fact]
    public void Sessions_that_are_opened_within_a_minute_are_bounded_by_agent_by_log_time()
    {
        LedgerFixture fixture = Fixture(new AgentBounds { SessionsPerMinute = 3 });
        for (int session = 0; session < 3; session++) fixture.End(fixture.Open());

        Answer fourth = fixture.TryOpen();
        Assert.Equal("bounds.sessionsPerMinute", fourth.Faults!.Single().Field);
        fixture.Open(request => request.Agent = "agents/other");
        fixture.Restart();
        Assert.Equal(Outcome.BoundReached, fixture.TryOpen().Outcome);
        fixture.Advance(60 * LedgerFixture.Second);
        fixture.Open();
    }

    [Fact]
    public void Thirty_thousand_sessions_of_one_agent_in_23_seconds_meet_its_own_bound_first()
    {
        LedgerFixture fixture = Fixture(bounds: null, comparesEachTurn: false);
        int opened = 0;
        for (int session = 0; session < 30_000; session++)
        {
            if (session % 1304 == 0) fixture.Sleep(LedgerFixture.Second);
            if (fixture.TryOpen().Outcome == Outcome.Done) opened++;
        }

        Assert.InRange(opened, 1, AgentAccount.OpenSessionsDefault);
        fixture.Open(request => request.Agent = "agents/other");
    }

    [Fact]
    public void Holds_of_all_sessions_of_an_agent_are_bounded_together()
    {
        LedgerFixture fixture = Fixture(new AgentBounds { OpenHolds = 2 });
        long first = fixture.Open();
        long second = fixture.Open();
        long held = fixture.Hold(first);
        fixture.Hold(second);

        Answer third = fixture.Reserve(fixture.Open());
        Assert.Equal((Outcome.BoundReached, "bounds.openHolds"), (third.Outcome, third.Faults!.Single().Field));
        fixture.Hold(fixture.Open(request => request.Agent = "agents/other"));
        fixture.Restart();
        Assert.Equal(Outcome.BoundReached, fixture.Reserve(second).Outcome);
        fixture.Commit(first, held, 1, 1);
        fixture.Hold(second);
    }

    [Fact]
    public void A_repeated_request_is_answered_at_the_bound_too()
    {
        LedgerFixture fixture = Fixture(new AgentBounds { OpenHolds = 1, OpenSessions = 1 });
        long session = fixture.Open(request => request.RequestId = "same");
        fixture.Hold(session, request => request.RequestId = "same");

        Assert.True(fixture.Reserve(session, request => request.RequestId = "same").DuplicateOf > 0);
        Assert.True(fixture.TryOpen(request => request.RequestId = "same").DuplicateOf > 0);
    }

    private static LedgerFixture Fixture(AgentBounds? bounds, bool comparesEachTurn = true) => new(
        catalog =>
        {
            Agent other = catalog.Agents[0].Clone();
            other.Id = "other";
            catalog.Agents.Add(other);
            catalog.Agents[0].Bounds = bounds;
        },
        comparesEachTurn);
}
