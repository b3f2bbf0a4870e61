using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.Snapshot.V1;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger.Tests;

public sealed class ReservationTableTests
{
    private readonly LedgerFixture _fixture = new();
    private readonly ReservationTable _table = new();

    [Fact]
    public void Holds_are_found_expire_and_are_linked_as_a_plain_list_of_them_says()
    {
        const int Steps = 30_000;
        var random = new Random(20261122);
        SessionAccount[] sessions = [NewSession(), NewSession(), NewSession()];
        var held = new List<Reservation>();
        var expiries = new SortedSet<(long Expire, long Number)>();
        for (int step = 1; step <= Steps; step++)
        {
            // Grows to thousands of holds, then shrinks to none, and again.
            bool grows = step / 6_000 % 2 == 0;
            if (held.Count == 0 || random.Next(100) < (grows ? 70 : 25))
            {
                Reservation added = NewHold(step, sessions[random.Next(3)], expireNanos: random.Next(500));
                _table.Add(added);
                held.Add(added);
                expiries.Add((added.ExpireNanos, added.Number));
            }
            else
            {
                int index = random.Next(held.Count);
                _table.Remove(held[index].Number);
                expiries.Remove((held[index].ExpireNanos, held[index].Number));
                held.RemoveAt(index);
            }

            Assert.Equal(held.Count, _table.Count);
            Assert.Equal(held.Count == 0 ? long.MaxValue : expiries.Min.Expire, _table.NextExpiryNanos);
            if (held.Count > 0) Assert.Equal(expiries.Min.Number, _table.First.Number);
            if (step % 500 == 0) CheckAll(held, sessions);
        }
    }

    [Fact]
    public void A_hold_whose_expiry_moved_has_its_turn_then()
    {
        SessionAccount session = NewSession();
        foreach (long number in new long[] { 1, 2, 3 }) _table.Add(NewHold(number, session, expireNanos: number));

        Reservation later = NewHold(1, session, expireNanos: 2_000_000_000);
        _table[1] = later;
        _table.MoveExpiry(1);

        Assert.Equal(2, _table.First.Number);
        _table.Remove(2);
        _table.Remove(3);
        Assert.Equal(2_000_000_000, _table.NextExpiryNanos);
    }

    [Fact]
    public void Memory_of_a_burst_of_holds_is_given_back_when_the_last_is_gone()
    {
        const int Burst = 50_000;
        SessionAccount session = NewSession();
        for (int round = 0; round < 2; round++)
        {
            for (long number = 1; number <= Burst; number++) _table.Add(NewHold(number, session, expireNanos: number));
            Assert.True(_table.Capacity >= Burst);
            for (long number = 1; number <= Burst; number++) _table.Remove(number);
            Assert.InRange(_table.Capacity, 1, 8_192);
            Assert.Equal((0, ReservationTable.None), (session.OpenHolds, session.LastHeld));
        }
    }

    [Fact]
    public void A_hold_that_is_not_there_is_not_found_and_not_removed()
    {
        Assert.False(_table.TryGet(7, out _));
        Assert.Throws<InvariantException>(() => _table.Remove(7));
        Assert.Throws<InvariantException>(() => _table[7].Number);
    }

    private void CheckAll(List<Reservation> held, SessionAccount[] sessions)
    {
        Assert.Equal(held.Select(hold => hold.Number).Order(), _table.All.Select(hold => hold.Number).Order());
        foreach (SessionAccount session in sessions)
        {
            // They are added in the order of their numbers.
            IEnumerable<long> newestFirst =
                held.Where(hold => hold.Session == session).Select(hold => hold.Number).OrderDescending();
            Assert.Equal(newestFirst, _table.Of(session).Select(hold => hold.Number));
            Assert.Equal(newestFirst.Count(), session.OpenHolds);
        }

        foreach (Reservation hold in held) Assert.Equal(hold.ExpireNanos, _table[hold.Number].ExpireNanos);
    }

    private SessionAccount NewSession() => _fixture.Ledger.Sessions[_fixture.Open()];

    private Reservation NewHold(long number, SessionAccount session, long expireNanos) => new(
        new ReservationState { Number = number, ExpireNanos = expireNanos }, session, _fixture.Ledger.Catalog.Book);
}
