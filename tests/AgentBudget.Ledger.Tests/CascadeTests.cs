using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

/// <summary>What ends takes everything below it along.</summary>
public sealed class CascadeTests
{
    [Theory]
    [InlineData(State.Ended, Reason.SessionClosed)]
    [InlineData(State.Revoked, Reason.SessionRevoked)]
    [InlineData(State.Expired, Reason.SessionExpired)]
    public void The_end_expiry_or_revocation_of_a_session_ends_everything_below_it_at_once(State state, Reason reason)
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request => request.Ttl = new Duration { Seconds = 600 });
        long child = fixture.OpenBelow(root);
        long grandchild = fixture.OpenBelow(child);
        long sibling = fixture.Open();
        // The parent's time is cut short, so that it is the end of the parent that reaches the others.
        fixture.Renew(root, ttlSeconds: 60);

        switch (state)
        {
            case State.Ended:
                fixture.End(root);
                break;
            case State.Revoked:
                fixture.Revoke(root);
                break;
            default:
                fixture.Sleep(60 * LedgerFixture.Second);
                break;
        }

        Assert.All([root, child, grandchild], session => Assert.Equal(reason, fixture.RefusalOf(session)));
        Assert.All([child, grandchild], session => Assert.Equal(state, fixture.Session(session).State));
        Assert.Equal(State.Open, fixture.Session(sibling).State);
        Assert.Equal(1, fixture.Ledger.OpenSessions);
        LedgerEvent[] ends = [.. fixture.Journal.Where(entry => entry.SessionEnded is not null)];
        Assert.Equal(
            [$"sessions/s{root}", $"sessions/s{grandchild}", $"sessions/s{child}"],
            ends.Select(entry => entry.Spender.Session));
        Assert.Equal(
            ["", $"sessions/s{root}", $"sessions/s{root}"], ends.Select(entry => entry.SessionEnded.EndedWith));
        Assert.Single(ends.Select(entry => entry.Time).Distinct());
        Assert.All(ends.Skip(1), entry => Assert.Equal("", entry.RequestId));
    }

    [Fact]
    public void The_end_of_a_subagent_leaves_its_parent_and_siblings_open()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long below = fixture.OpenBelow(child);
        long sibling = fixture.OpenBelow(root);

        fixture.Revoke(child);

        Assert.Equal(Reason.SessionRevoked, fixture.RefusalOf(below));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(sibling));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(root));
        Assert.Equal((3L, 1L), (fixture.Session(root).Subagents, fixture.Session(root).OpenSubagents));
    }

    [Fact]
    public void A_call_in_flight_below_an_ended_session_can_still_commit_for_the_grace()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long hold = fixture.Hold(child);
        long kept = fixture.Hold(child);
        fixture.End(root);
        fixture.Advance((30 * LedgerFixture.Second) - 1);

        LedgerEvent settled = fixture.Commit(child, hold, 1000, 1000).Event!;
        fixture.Advance(1);

        Assert.True(settled.ReservationSettled.Late);
        Assert.Equal([kept], ClosingRecord(fixture, child).Released);
        Assert.Equal(0, fixture.Ledger.OpenReservations);
    }

    [Fact]
    public void Every_session_of_a_run_writes_its_own_closing_record_and_those_below_come_first()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        fixture.Commit(root, fixture.Hold(root), 1000, 1000);
        fixture.Commit(child, fixture.Hold(child), 1000, 1000);
        fixture.Hold(child);
        fixture.Hold(root);
        fixture.End(root, request => request.Outcome.Metrics["quotesBound"] = 131);

        fixture.Advance(30 * LedgerFixture.Second);

        Assert.Equal(
            [$"sessions/s{child}", $"sessions/s{root}"],
            fixture.Journal.Where(entry => entry.SessionClosed is not null).Select(entry => entry.Spender.Session));
        SessionClosed ofChild = ClosingRecord(fixture, child);
        SessionClosed ofRoot = ClosingRecord(fixture, root);
        Assert.Equal((6_000_000, 6_000_000, 2), (ofChild.SettledNanos, ofChild.ReleasedNanos, ofChild.Steps));
        Assert.Equal((12_000_000, 6_000_000, 2), (ofRoot.SettledNanos, ofRoot.ReleasedNanos, ofRoot.Steps));
        Assert.Equal((0L, 1L), (ofChild.Subagents, ofRoot.Subagents));
        Assert.Equal(131, ofRoot.Outcome.Metrics["quotesBound"]);
        Assert.Null(ofChild.Outcome);
    }

    [Fact]
    public void A_run_of_5000_ends_in_turns_of_a_bounded_number_and_no_command_sees_it_half_done()
    {
        var fixture = new LedgerFixture(comparesEachTurn: false);
        long root = fixture.Open();
        long last = 0;
        for (int child = 0; child < 5000; child++) last = fixture.OpenBelow(child % 2 == 0 ? root : last);
        int before = fixture.Journal.Count;

        fixture.End(root);
        int ended = fixture.Journal.Count - before;
        fixture.Restart();
        Reason reason = fixture.RefusalOf(last);

        Assert.Equal(1 + TenantLedger.DeadlinesPerTurnMax, ended);
        Assert.Equal(Reason.SessionClosed, reason);
        Assert.Equal(0, fixture.Ledger.OpenSessions);
        Assert.Equal(
            5001, fixture.Journal.Skip(before).Count(entry => entry.SessionEnded is { State: State.Ended }));
        fixture.Compare();
    }

    [Fact]
    public void A_run_is_forgotten_24_hours_after_its_end_with_everything_below_it()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        fixture.OpenBelow(child);
        fixture.Hold(child);
        fixture.End(root);
        fixture.Advance(30 * LedgerFixture.Second);
        Assert.Equal(3, fixture.Ledger.KnownSessions);

        fixture.Sleep(LedgerFixture.Day);
        fixture.Open();

        Assert.Equal(1, fixture.Ledger.KnownSessions);
    }

    private static SessionClosed ClosingRecord(LedgerFixture fixture, long session) => fixture.Journal
        .Single(entry => entry.SessionClosed is not null && entry.Spender.Session == $"sessions/s{session}")
        .SessionClosed;
}
