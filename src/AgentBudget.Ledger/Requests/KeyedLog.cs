using System.Numerics;

namespace AgentBudget.Ledger.Requests;

/// <summary>An entry of a <see cref="KeyedLog{TKey,TEntry}"/>.</summary>
internal interface ILogEntry<TKey>
{
    /// <summary>What it is found by.</summary>
    TKey Key { get; }

    /// <summary>When it was added.</summary>
    long TimeNanos { get; }

    /// <summary>Spreads keys over places.</summary>
    static abstract uint HashOf(in TKey key);
}

/// <summary>
/// Entries in the order of their events, found by key, forgotten by log time from the oldest on. An entry never changes
/// and its array is only ever added to, so a snapshot takes a range of it without a copy; plain structs, so that a
/// million of them are two arrays. An entry is not found from its time on, and its place is taken back when the log is
/// full or a retention has passed since the last sweep.
/// </summary>
internal sealed class KeyedLog<TKey, TEntry>
    where TKey : struct, IEquatable<TKey>
    where TEntry : struct, ILogEntry<TKey>
{
    private const int FirstCapacity = 8;
    private const int PlacesPerEntry = 2; // At most half of the places are taken, so a search is short.

    private TEntry[] _entries = [];
    private int[] _places = []; // An entry's position plus one; 0 where there is none.
    private int _count;
    private long _sweepNanos = long.MaxValue;

    public int Count => _count;

    /// <summary>Entries that fit before the log grows or forgets.</summary>
    public int Capacity => _entries.Length;

    /// <summary>Finds an entry; one before <paramref name="forgetBeforeNanos"/> is forgotten.</summary>
    public bool TryFind(in TKey key, long forgetBeforeNanos, out TEntry entry)
    {
        entry = default;
        if (_count == 0) return false;
        int position = _places[Place(key)] - 1;
        if (position < 0 || _entries[position].TimeNanos < forgetBeforeNanos) return false;
        entry = _entries[position];
        return true;
    }

    /// <summary>
    /// The time of the first of so many newest entries; <see cref="long.MinValue"/> where there are fewer.
    /// </summary>
    public long TimeOfNewest(int entries) =>
        _count < entries ? long.MinValue : _entries[_count - entries].TimeNanos;

    /// <summary>Adds an entry that is not there, or forgotten, and not older than the last.</summary>
    public void Add(in TEntry entry, long forgetBeforeNanos)
    {
        Invariant.Holds(_count == 0 || entry.TimeNanos >= _entries[_count - 1].TimeNanos);
        if (_count == _entries.Length || forgetBeforeNanos > _sweepNanos) Sweep(forgetBeforeNanos, entry.TimeNanos);
        ref int place = ref _places[Place(entry.Key)];
        Invariant.Holds(place == 0 || _entries[place - 1].TimeNanos < forgetBeforeNanos);
        _entries[_count] = entry;
        place = ++_count;
    }

    /// <summary>Takes entries back, in their order; only while there are none.</summary>
    public void Restore(ReadOnlySpan<TEntry> entries)
    {
        Invariant.Holds(_count == 0);
        if (!entries.IsEmpty) Keep(entries);
    }

    /// <summary>What is not forgotten, in order. It stays as it is.</summary>
    public ReadOnlyMemory<TEntry> Take(long forgetBeforeNanos)
    {
        int first = FirstKept(forgetBeforeNanos);
        return _entries.AsMemory(first, _count - first);
    }

    private void Sweep(long forgetBeforeNanos, long nowNanos)
    {
        Keep(Take(forgetBeforeNanos).Span);
        _sweepNanos = nowNanos;
    }

    private void Keep(ReadOnlySpan<TEntry> kept)
    {
        // A third or more is free then, so the next sweep is many entries away.
        uint capacity = BitOperations.RoundUpToPowerOf2((uint)(kept.Length + (kept.Length / 2) + 1));
        _entries = new TEntry[Math.Max(FirstCapacity, capacity)];
        _places = new int[_entries.Length * PlacesPerEntry];
        kept.CopyTo(_entries);
        _count = 0;
        foreach (ref readonly TEntry entry in kept)
        {
            ref int place = ref _places[Place(entry.Key)];
            Invariant.Holds(place == 0);
            place = ++_count;
        }
    }

    private int FirstKept(long forgetBeforeNanos)
    {
        int low = 0;
        int high = _count;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            if (_entries[middle].TimeNanos < forgetBeforeNanos) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    // The key's place, or the free place where it would go. There are powers of two of them, never all taken.
    private int Place(in TKey key)
    {
        int mask = _places.Length - 1;
        int place = (int)TEntry.HashOf(key) & mask;
        while (_places[place] is var taken && taken != 0 && !_entries[taken - 1].Key.Equals(key))
            place = (place + 1) & mask;
        return place;
    }
}
