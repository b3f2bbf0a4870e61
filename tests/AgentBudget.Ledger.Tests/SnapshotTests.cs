using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Snapshots made while the ledger goes on, and what they keep of holds that were given back.</summary>
public sealed class SnapshotTests
{
    [Fact]
    public void A_snapshot_is_of_the_moment_it_was_taken_though_the_ledger_went_on_before_its_bytes_were_made()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long kept = fixture.Hold(session);
        long late = fixture.Hold(session);
        fixture.Release(session, late);
        fixture.Commit(session, fixture.Hold(session), 10, 10);
        byte[] then = fixture.Ledger.Snapshot();
        LedgerSnapshot snapshot = fixture.Ledger.Capture();

        // More of everything than what there was has room for.
        for (int call = 0; call < 100; call++)
        {
            fixture.Commit(session, fixture.Hold(session), 10, 10);
            fixture.Release(session, fixture.Hold(session));
            fixture.Open();
        }

        fixture.Commit(session, late, 10, 10);
        fixture.Amend(session, kept, request => request.Ttl = new() { Seconds = 5 });
        fixture.Change(catalog => catalog.Prices[0].Rates.Input *= 2);
        fixture.Advance(LedgerFixture.Day);
        fixture.End(session);

        Assert.Equal(then, snapshot.ToBytes());
        Assert.NotEqual(then, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void The_bytes_of_a_snapshot_are_made_once()
    {
        LedgerSnapshot snapshot = new LedgerFixture().Ledger.Capture();
        snapshot.ToBytes();

        Assert.Throws<InvariantException>(snapshot.ToBytes);
    }

    [Fact]
    public void A_hold_that_was_given_back_before_a_restart_is_committed_late_at_the_price_it_was_held_at()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);
        fixture.Release(session, first);
        fixture.Release(session, second);
        long before = fixture.Commit(session, fixture.Hold(session), 1000, 500).Event!.ReservationSettled.CostNanos;
        fixture.Change(catalog =>
        {
            foreach (Price price in catalog.Prices)
            {
                price.Rates.Input *= 2;
                price.Rates.Output *= 2;
            }
        });
        fixture.Restart();

        ReservationSettled settled = fixture.Commit(session, second, 1000, 500).Event!.ReservationSettled;
        Assert.True(settled.Late);
        Assert.Equal((1, before), (settled.PriceVersion, settled.CostNanos));
        fixture.Restart();
        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, second, 1, 1).Outcome);
        fixture.Advance(30 * LedgerFixture.Day);
        Assert.Equal(Outcome.SessionNotFound, fixture.Commit(session, first, 1, 1).Outcome);
    }

    [Fact]
    public void A_hold_that_was_given_back_is_forgotten_after_its_retention_while_its_session_goes_on()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Release(session, reservation);
        Sessions.SessionAccount account = fixture.Ledger.Sessions[session];

        Assert.True(account.TryFindRetired(reservation, fixture.Now + (30 * LedgerFixture.Day) - 1, out _));
        Assert.False(account.TryFindRetired(reservation, fixture.Now + (30 * LedgerFixture.Day), out _));
    }
}
