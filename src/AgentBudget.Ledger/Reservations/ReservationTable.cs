using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// A tenant's holds: found by number, ordered by expiry, and linked from the newest of a session to its oldest. Structs
/// in blocks that stay where they are; a slot that was left is used again.
/// </summary>
internal sealed class ReservationTable
{
    /// <summary>No slot.</summary>
    public const int None = -1;

    // The first block is small, since most tenants have few holds.
    private const int SlotsInFirstBlock = 16;

    // Some 160 KiB, and never less than what the collector takes for a large object, which it does not move.
    private const int SlotsPerBlock = 1024;
    private const int LargeObjectBytesMin = 85_000;

    // What is kept when the last hold is gone, some MiB; more would only keep memory that a burst once needed.
    private const int SpareBlocksMax = 8;

    private readonly List<Slot[]> _blocks = [];
    private readonly PlacedHeap<Expiry, ExpiryOrder> _expiries;
    private readonly Dictionary<long, int> _slots = [];
    private int _slotsUsed;
    private int _firstFree = None;

    public ReservationTable()
    {
        Invariant.Holds(SlotsPerBlock * Unsafe.SizeOf<Slot>() >= LargeObjectBytesMin);
        _expiries = new PlacedHeap<Expiry, ExpiryOrder>(new ExpiryOrder(this));
    }

    private struct Slot
    {
        public Reservation Reservation;
        public int Newer;
        public int Older; // In a free slot: the next free one.
        public int ExpiryPlace;
    }

    private readonly record struct Expiry(long TimeNanos, long Number, int Slot);

    public int Count => _expiries.Count;

    /// <summary>Holds that fit before it takes more memory.</summary>
    public int Capacity => _blocks.Count == 0 ? 0 : SlotsInFirstBlock + ((_blocks.Count - 1) * SlotsPerBlock);

    /// <summary>When the first hold expires; <see cref="long.MaxValue"/> if there is none.</summary>
    public long NextExpiryNanos => Count == 0 ? long.MaxValue : _expiries[0].TimeNanos;

    /// <summary>The hold that expires first, the oldest of those. Only while there is one.</summary>
    public ref readonly Reservation First => ref At(_expiries[0].Slot).Reservation;

    /// <summary>The holds, in no order.</summary>
    public IEnumerable<Reservation> All => _slots.Values.Select(slot => At(slot).Reservation);

    /// <summary>Adds a hold, the newest of its session.</summary>
    public void Add(in Reservation reservation)
    {
        Invariant.Holds(reservation.IsHeld);
        int number = TakeSlot();
        _slots.Add(reservation.Number, number);
        SessionAccount session = reservation.Session;
        ref Slot slot = ref At(number);
        slot.Reservation = reservation;
        slot.Newer = None;
        slot.Older = session.LastHeld;
        if (session.LastHeld != None) At(session.LastHeld).Newer = number;
        session.LastHeld = number;
        session.OpenHolds++;
        session.Agent.OpenHolds++;
        _expiries.Add(new Expiry(reservation.ExpireNanos, reservation.Number, number));
    }

    /// <summary>Removes a hold that is there.</summary>
    public void Remove(long reservation)
    {
        bool isKnown = _slots.Remove(reservation, out int number);
        Invariant.Holds(isKnown);
        ref Slot slot = ref At(number);
        _expiries.RemoveAt(slot.ExpiryPlace);
        SessionAccount session = slot.Reservation.Session;
        if (slot.Newer == None) session.LastHeld = slot.Older;
        else At(slot.Newer).Older = slot.Older;
        if (slot.Older != None) At(slot.Older).Newer = slot.Newer;
        session.OpenHolds--;
        session.Agent.OpenHolds--;
        Invariant.Holds(session.OpenHolds >= 0);
        slot = default;
        slot.Older = _firstFree;
        _firstFree = number;
        if (Count == 0) Trim();
    }

    /// <summary>A hold that is there; it may be changed in its place, except for when it expires.</summary>
    public ref Reservation this[long reservation] => ref At(SlotOf(reservation)).Reservation;

    public bool TryGet(long reservation, out Reservation found)
    {
        bool isKnown = _slots.TryGetValue(reservation, out int slot);
        found = isKnown ? At(slot).Reservation : default;
        return isKnown;
    }

    /// <summary>The expiry of a hold was changed.</summary>
    public void MoveExpiry(long reservation)
    {
        int number = SlotOf(reservation);
        ref Slot slot = ref At(number);
        _expiries.RemoveAt(slot.ExpiryPlace);
        _expiries.Add(new Expiry(slot.Reservation.ExpireNanos, reservation, number));
    }

    /// <summary>A session's holds, the newest first.</summary>
    public IEnumerable<Reservation> Of(SessionAccount session)
    {
        for (int slot = session.LastHeld; slot != None; slot = At(slot).Older) yield return At(slot).Reservation;
    }

    /// <summary>Holds that settle with this price book.</summary>
    public int CountOf(PriceBook book) => All.Count(reservation => ReferenceEquals(reservation.Book, book));

    /// <summary>All holds as they are now, in no order: a copy.</summary>
    public Reservation[] Take()
    {
        var taken = new Reservation[Count];
        int count = 0;
        foreach (Slot[] block in _blocks)
        {
            foreach (ref readonly Slot slot in block.AsSpan())
            {
                if (slot.Reservation.IsHeld) taken[count++] = slot.Reservation;
            }
        }

        Invariant.Holds(count == taken.Length);
        return taken;
    }

    /// <summary>What the holds of each session come to.</summary>
    public Dictionary<SessionAccount, Total> SumBySession()
    {
        var sums = new Dictionary<SessionAccount, Total>(ReferenceEqualityComparer.Instance);
        int count = 0;
        foreach (Slot[] block in _blocks)
        {
            foreach (ref readonly Slot slot in block.AsSpan())
            {
                if (!slot.Reservation.IsHeld) continue;
                count++;
                ref Total sum = ref CollectionsMarshal.GetValueRefOrAddDefault(sums, slot.Reservation.Session, out _);
                sum += Total.Of(slot.Reservation.Held);
            }
        }

        Invariant.Holds(count == Count);
        return sums;
    }

    private int SlotOf(long reservation)
    {
        bool isKnown = _slots.TryGetValue(reservation, out int slot);
        Invariant.Holds(isKnown);
        return slot;
    }

    private ref Slot At(int slot)
    {
        Span<Slot[]> blocks = CollectionsMarshal.AsSpan(_blocks);
        if (slot < SlotsInFirstBlock) return ref blocks[0][slot];
        (int block, int place) = Math.DivRem(slot - SlotsInFirstBlock, SlotsPerBlock);
        return ref blocks[block + 1][place];
    }

    private int TakeSlot()
    {
        int slot = _firstFree;
        if (slot != None)
        {
            _firstFree = At(slot).Older;
            return slot;
        }

        if (_slotsUsed == Capacity) _blocks.Add(new Slot[_blocks.Count == 0 ? SlotsInFirstBlock : SlotsPerBlock]);
        return _slotsUsed++;
    }

    private void Trim()
    {
        if (_blocks.Count <= SpareBlocksMax) return;
        _blocks.RemoveRange(SpareBlocksMax, _blocks.Count - SpareBlocksMax);
        _blocks.TrimExcess();
        _slots.TrimExcess();
        _expiries.Trim();
        // No slot is taken, so they are given out from the first on again.
        _slotsUsed = 0;
        _firstFree = None;
    }

    private readonly struct ExpiryOrder(ReservationTable table) : IHeapOrder<Expiry>
    {
        public bool IsBefore(in Expiry item, in Expiry other) =>
            item.TimeNanos != other.TimeNanos ? item.TimeNanos < other.TimeNanos : item.Number < other.Number;

        public void Put(in Expiry item, int place) => table.At(item.Slot).ExpiryPlace = place;
    }
}
