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
    public void An_agent_of_very_many_sessions_meets_its_own_bound_of_those_that_are_known()
    {
        LedgerFixture fixture = Fixture(bounds: null, comparesEachTurn: false);
        fixture.Open();
        // As if it had opened them one by one, which takes longer and more memory than a test has.
        fixture.Ledger.AccountOf("agents/writer").Sessions = TenantLedger.SessionsOfOneMax;

        Answer bound = fixture.TryOpen();

        Assert.Equal((Outcome.BoundReached, "sessions"), (bound.Outcome, bound.Faults!.Single().Field));
        fixture.Open(request => request.Agent = "agents/other");
    }

    [Fact]
    public void An_agent_of_very_many_ended_sessions_takes_no_room_for_late_commits_from_one_of_few()
    {
        LedgerFixture fixture = Fixture(bounds: null, comparesEachTurn: false);
        (long Session, long Hold) OpenAndEnd(string agent)
        {
            long session = fixture.Open(request => request.Agent = agent);
            long hold = fixture.Hold(session, request => request.Estimate = Catalogs.Input(1));
            fixture.End(session);
            fixture.Sleep(LedgerFixture.Second / 50);
            return (session, hold);
        }

        List<(long Session, long Hold)> noisy = [];
        for (int i = 0; i < TenantLedger.ArchivedSessionsMax + 2; i++) noisy.Add(OpenAndEnd("agents/writer"));
        List<(long Session, long Hold)> quiet = [OpenAndEnd("agents/other"), OpenAndEnd("agents/other")];
        fixture.Advance(2 * LedgerFixture.Day);
        fixture.Open(request => request.Agent = "agents/other"); // Forgets with its event.

        Outcome Late((long Session, long Hold) one) => fixture.Commit(one.Session, one.Hold, 1, 0).Outcome;
        Assert.All(quiet, one => Assert.Equal(Outcome.Done, Late(one)));
        Assert.NotEqual(Outcome.Done, Late(noisy[0]));
        Assert.NotEqual(Outcome.Done, Late(noisy[^1]));
        Assert.Equal(Outcome.Done, Late(noisy[TenantLedger.ArchivedSessionsMax / 2]));
        fixture.Restart();
        Assert.Equal(Outcome.Done, Late(noisy[(TenantLedger.ArchivedSessionsMax / 2) + 1]));
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
    public void An_agent_that_names_users_without_end_leaves_room_for_the_users_of_others()
    {
        AgentBounds bounds = new() { OpenSessions = 100_000, SessionsPerMinute = 100_000 };
        LedgerFixture fixture = new(
            catalog =>
            {
                catalog.Agents[0].Bounds = bounds;
                catalog.Agents.Add(new Agent(catalog.Agents[0]) { Id = "other" });
                UserBudgets users = new() { Budget = new Protocol.V1.Budget { Tokens = 1_000, Period = Period.Day } };
                (catalog.UserBudgets, catalog.BusinessUnits[0].UserBudgets) = (users, users);
                (catalog.UseCases[0].UserBudgets, catalog.Agents[0].UserBudgets) = (users, users);
            },
            comparesEachTurn: false);
        int opened = 0;
        Answer last;
        do
        {
            last = fixture.TryOpen(request => request.OnBehalfOf = $"user:{opened++}");
        }
        while (last.Outcome == Outcome.Done && opened < TenantLedger.UserBudgetsMax);

        Assert.Equal(Outcome.BoundReached, last.Outcome);
        Assert.Equal("on_behalf_of", Assert.Single(last.Faults!).Field);
        Assert.InRange(opened, TenantLedger.UserBudgetsOfOneMax / 4, TenantLedger.UserBudgetsOfOneMax);
        fixture.Compare();
        fixture.Restart();
        Assert.Equal(Outcome.BoundReached, fixture.TryOpen(request => request.OnBehalfOf = "user:late").Outcome);
        fixture.Open(request => request.OnBehalfOf = "user:1");
        fixture.Open(request => (request.Agent, request.OnBehalfOf) = ("agents/other", "user:anew"));
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
