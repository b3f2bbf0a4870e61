using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

public sealed class SuspensionTests
{
    [Fact]
    public void A_suspended_session_cannot_spend_until_it_is_resumed()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        LedgerEvent suspended = fixture.Suspend(session).Event!;
        LedgerEvent refused = fixture.Reserve(session).Event!;

        Assert.Equal(("odd", State.Suspended), (suspended.SessionSuspended.Reason, fixture.Session(session).State));
        Assert.Equal("odd", fixture.Session(session).Reason);
        Assert.Equal("owner", suspended.Actor);
        Assert.Equal(suspended.SessionSuspended.Session, fixture.Session(session));
        Assert.Equal(
            (Reason.SessionSuspended, $"sessions/s{session}"),
            (refused.ReservationRefused.Reason, refused.ReservationRefused.Grain));
        LedgerEvent resumed = fixture.Resume(session).Event!;
        Assert.Equal(resumed.SessionResumed.Session, fixture.Session(session));
        Assert.Equal((State.Open, ""), (fixture.Session(session).State, fixture.Session(session).Reason));
        fixture.Hold(session);
    }

    [Fact]
    public void What_a_suspended_session_holds_can_still_be_committed_and_released_and_is_not_late()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);
        fixture.Suspend(session);

        Assert.False(fixture.Commit(session, first, 1000, 1000).Event!.ReservationSettled.Late);
        Assert.Equal(6_000_000, fixture.Release(session, second).Event!.ReservationReleased.ReleasedNanos);
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Nothing_below_a_suspended_session_can_spend_or_open_more()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long grandchild = fixture.OpenBelow(child);

        fixture.Suspend(child);

        LedgerEvent refused = fixture.Reserve(grandchild).Event!;
        Assert.Equal(Reason.SessionSuspended, refused.ReservationRefused.Reason);
        Assert.Equal($"sessions/s{child}", refused.ReservationRefused.Grain);
        Assert.Equal(Outcome.SessionSuspended, fixture.TryOpenBelow(grandchild).Outcome);
        Assert.Equal(State.Open, fixture.Session(grandchild).State);
        fixture.Hold(root);
        fixture.Resume(child);
        fixture.Hold(grandchild);
    }

    [Fact]
    public void A_whole_run_is_suspended_and_resumed_by_any_of_its_sessions()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long sibling = fixture.OpenBelow(root);

        fixture.Suspend(child, request => request.WholeRun = true);
        Assert.All(
            [root, child, sibling], session => Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session)));
        Assert.Equal(State.Suspended, fixture.Session(root).State);
        fixture.Resume(sibling, request => request.WholeRun = true);

        Assert.All([root, child, sibling], session => fixture.Hold(session));
    }

    [Fact]
    public void The_time_of_a_suspended_session_runs_on()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open(request => request.Ttl = new Duration { Seconds = 60 });
        long ended = fixture.Open();
        long renewed = fixture.Open(request => request.Ttl = new Duration { Seconds = 60 });
        foreach (long number in (long[])[session, ended, renewed]) fixture.Suspend(number);

        fixture.Renew(renewed);
        fixture.End(ended);
        fixture.Advance(60 * LedgerFixture.Second);

        Assert.Equal(State.Expired, fixture.Session(session).State);
        Assert.Equal(State.Ended, fixture.Session(ended).State);
        Assert.Equal(State.Suspended, fixture.Session(renewed).State);
        Assert.Equal(Reason.SessionExpired, fixture.RefusalOf(session));
        Assert.Equal(Outcome.SessionNotOpen, fixture.Resume(session).Outcome);
    }

    [Fact]
    public void Suspending_twice_and_resuming_what_is_not_suspended_are_refused_without_effect()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        Assert.Equal(Outcome.SessionNotSuspended, fixture.Resume(session).Outcome);
        long suspended = fixture.Suspend(session, request => request.RequestId = "stop").Event!.Sequence;

        Assert.Equal(Outcome.SessionSuspended, fixture.Suspend(session).Outcome);
        Assert.Equal(suspended, fixture.Suspend(session, request => request.RequestId = "stop").DuplicateOf);
        fixture.Resume(session, request => request.RequestId = "go");
        Assert.True(fixture.Resume(session, request => request.RequestId = "go").DuplicateOf > 0);
        fixture.End(session);

        Assert.Equal(Outcome.SessionNotOpen, fixture.Suspend(session).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Suspend(999).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Resume(999).Outcome);
    }

    [Fact]
    public void Suspended_sessions_are_listed_as_such_and_count_as_open()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Open();
        fixture.Suspend(session);

        Session listed = Assert.Single(fixture.Sessions(request => request.State = State.Suspended).Sessions);

        Assert.Equal($"sessions/s{session}", listed.Session_);
        Assert.Equal(2, fixture.Ledger.OpenSessions);
    }
}
