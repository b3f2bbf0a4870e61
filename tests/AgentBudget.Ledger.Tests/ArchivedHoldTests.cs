using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>A hold whose session is forgotten can be committed late for 30 days, and then no more.</summary>
public sealed class ArchivedHoldTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(29)]
    public void A_hold_that_was_given_back_is_committed_days_after_its_session_is_forgotten(int days)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);
        fixture.Advance(days * LedgerFixture.Day);
        Assert.Equal(Outcome.SessionNotFound, fixture.Send(new SessionQuery(session)).Outcome);
        fixture.Restart();

        ReservationSettled settled = fixture.Commit(session, reservation, 1000, 500).Event!.ReservationSettled;

        Assert.True(settled.Late);
        Assert.Equal((3_500_000, 3_500_000), (settled.CostNanos, settled.OverrunNanos));
        Assert.Equal(3_500_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        Assert.NotEqual(Outcome.Done, fixture.Commit(session, reservation, 1000, 500).Outcome);
        fixture.Restart();
        Assert.NotEqual(Outcome.Done, fixture.Commit(session, reservation, 1000, 500).Outcome);
    }

    [Fact]
    public void A_charged_hold_is_corrected_days_after_its_session_is_forgotten()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.OnExpiry = OnExpiry.Charge);
        fixture.Advance(600 * LedgerFixture.Second);
        fixture.End(session);
        fixture.Advance(3 * LedgerFixture.Day);
        fixture.Restart();

        fixture.Commit(session, reservation, 1000, 500);

        Assert.Equal(3_500_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    [Fact]
    public void A_repeated_late_commit_is_answered_the_same()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);
        fixture.Sleep(3 * LedgerFixture.Day);

        Answer first = fixture.Commit(session, reservation, 1000, 500, request => request.RequestId = "batch");
        fixture.Restart();
        Answer again = fixture.Commit(session, reservation, 1000, 500, request => request.RequestId = "batch");

        Assert.Equal(first.Event!.Sequence, again.DuplicateOf);
        Assert.Equal(
            Outcome.KeyReused,
            fixture.Commit(session, reservation, 1000, 501, request => request.RequestId = "batch").Outcome);
    }

    [Fact]
    public void Thirty_days_after_it_was_given_back_a_hold_is_forgotten()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Release(session, reservation);
        fixture.End(session);
        fixture.Advance((30 * LedgerFixture.Day) - 1);
        Assert.Equal(Outcome.Done, fixture.Send(new CatalogQuery()).Outcome);
        fixture.Advance(1);

        Assert.Contains(
            fixture.Commit(session, reservation, 1, 1).Outcome,
            new[] { Outcome.ReservationNotFound, Outcome.SessionNotFound });
    }

    [Fact]
    public void A_hold_that_was_settled_is_not_committed_again_after_its_session()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long settled = fixture.Hold(session);
        long late = fixture.Hold(session);
        fixture.Commit(session, settled, 1, 1);
        fixture.End(session);
        fixture.Advance(60 * LedgerFixture.Second);
        fixture.Commit(session, late, 1, 1);
        fixture.Advance(2 * LedgerFixture.Day);

        Assert.Equal(Outcome.SessionNotFound, fixture.Commit(session, settled, 1, 1).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Commit(session, late, 1, 1).Outcome);
    }

    [Fact]
    public void A_subagents_late_commit_is_charged_to_the_sessions_above_it_and_all_are_forgotten_together()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long reservation = fixture.Hold(child);
        fixture.End(root);
        fixture.Advance(5 * LedgerFixture.Day);
        fixture.Restart();

        Assert.Equal(Outcome.Done, fixture.Commit(child, reservation, 1000, 500).Outcome);

        Assert.Equal(0, fixture.Ledger.KnownSessions);
        Assert.Equal(2, fixture.Ledger.SessionsAndArchived.Count());
        fixture.Advance(26 * LedgerFixture.Day);
        fixture.Extend("useCases/promo", amount: 1);
        Assert.Empty(fixture.Ledger.SessionsAndArchived);
    }

    [Fact]
    public void A_late_commit_says_what_is_left_by_the_ceilings_of_now()
    {
        var fixture = new LedgerFixture(
            catalog => catalog.Agents[0].Ceilings = new Ceilings { TokensPerSession = 9_000 });
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);
        fixture.Advance(2 * LedgerFixture.Day);
        fixture.Change(catalog => catalog.Agents[0].Ceilings.TokensPerSession = 7_000);
        fixture.Restart();

        Left left = fixture.Commit(session, reservation, 10, 10).Event!.ReservationSettled.Left;

        Assert.Equal("useCases/promo", left.Grain);
    }
}
