using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.Snapshot.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger.Budgets;

/// <summary>What an account settled in one slice of time. Its fields are its stored bytes.</summary>
/// <param name="Index">Which slice, counted from 1970 in slices of its level.</param>
/// <param name="Settled">Settled in it.</param>
/// <param name="Overrun">The part of that above what was held.</param>
internal readonly record struct SpendSlice(long Index, Spend Settled, Spend Overrun)
{
    /// <summary>Both together, at most 64 bits of each: no limit is higher.</summary>
    public SpendSlice Plus(in SpendSlice other) => new(
        Index, Settled.Plus(other.Settled), Overrun.Plus(other.Overrun));
}

/// <summary>What a window counts from its start on, slice by slice, oldest first.</summary>
/// <param name="LastNanos">The last instant of the slice.</param>
/// <param name="Settled">Settled in it.</param>
/// <param name="Overrun">The part of that above what was held.</param>
internal readonly record struct CountedSpend(long LastNanos, Spend Settled, Spend Overrun);

/// <summary>
/// What an account settled, by time: so that a window whose period is new counts what belongs to it. The further back,
/// the coarser the slices, and a slice that only partly belongs to a period is counted as a whole: never too little.
/// Slices are of log time alone, so every machine has the same.
/// <code>
/// quarters of an hour, 2 days ─► hours, 36 days ─► days, 100 days ─► 16 days, 400 days ─► all that was before
/// </code>
/// </summary>
internal sealed class SpendHistory
{
    private const long QuarterNanos = 900 * LogTime.NanosPerSecond; // Offsets of time zones are multiples of it.
    private const long HourNanos = 4 * QuarterNanos;
    private const long DayNanos = 24 * HourNanos;

    // The last level is one slice: everything before.
    private static readonly (long SpanNanos, long KeptNanos)[] Levels =
    [
        (QuarterNanos, 2 * DayNanos), (HourNanos, 36 * DayNanos), (DayNanos, 100 * DayNanos),
        (16 * DayNanos, 400 * DayNanos), (long.MaxValue, long.MaxValue),
    ];

    // By level; none before the first spend, because most accounts of a large catalog never have one.
    private List<SpendSlice>[] _slices = [];

    public bool IsEmpty => _slices.All(level => level.Count == 0);

    public void Add(long nowNanos, in Spend settled, in Spend overrun)
    {
        var added = new SpendSlice(nowNanos / QuarterNanos, settled, overrun);
        if (Append(level: 0, added)) Age(nowNanos);
    }

    /// <summary>Takes an amount back, from the newest slice on.</summary>
    public void Lower(in Spend amount)
    {
        Spend settled = amount;
        Spend overrun = amount;
        foreach (List<SpendSlice> level in _slices)
        {
            for (int place = level.Count - 1; place >= 0; place--)
            {
                if (settled == default && overrun == default) return;
                SpendSlice slice = level[place];
                level[place] = new SpendSlice(
                    slice.Index, slice.Settled.Above(settled), slice.Overrun.Above(overrun));
                settled = settled.Above(slice.Settled);
                overrun = overrun.Above(slice.Overrun);
            }
        }
    }

    /// <summary>What was settled since a time, oldest first. Since 1970, or longer ago than it tells: all.</summary>
    public IEnumerable<CountedSpend> Since(long startNanos, long nowNanos)
    {
        int coarsest = startNanos <= 0
            ? Levels.Length - 1
            : Array.FindIndex(Levels, level => nowNanos - startNanos < level.KeptNanos);
        for (int level = Math.Min(coarsest, _slices.Length - 1); level >= 0; level--)
        {
            foreach (SpendSlice slice in _slices[level])
            {
                long lastNanos = LastOf(slice.Index, level, coarsest);
                if (lastNanos >= startNanos)
                    yield return new CountedSpend(Math.Min(lastNanos, nowNanos), slice.Settled, slice.Overrun);
            }
        }
    }

    /// <summary>The same without what an earlier copy of it has.</summary>
    public IEnumerable<CountedSpend> SinceWithout(SpendHistory before, long startNanos, long nowNanos)
    {
        // Both tell slices of the same time by the same last instant, but one may have it in several.
        Dictionary<long, CountedSpend> without = [];
        foreach (CountedSpend slice in before.Since(startNanos, nowNanos))
        {
            CountedSpend sum = without.GetValueOrDefault(slice.LastNanos);
            without[slice.LastNanos] = new CountedSpend(
                slice.LastNanos, sum.Settled.Plus(slice.Settled), sum.Overrun.Plus(slice.Overrun));
        }

        foreach (CountedSpend slice in Since(startNanos, nowNanos))
        {
            CountedSpend taken = without.GetValueOrDefault(slice.LastNanos);
            Spend settled = slice.Settled.Above(taken.Settled);
            Spend overrun = slice.Overrun.Above(taken.Overrun);
            without[slice.LastNanos] = new CountedSpend(
                slice.LastNanos, taken.Settled.Above(slice.Settled), taken.Overrun.Above(slice.Overrun));
            yield return new CountedSpend(slice.LastNanos, settled, overrun);
        }
    }

    public SpendHistory Copy()
    {
        var copy = new SpendHistory();
        for (int level = 0; level < _slices.Length; level++) copy.Of(level).AddRange(_slices[level]);
        return copy;
    }

    public SpendHistoryState ToState(string account)
    {
        var state = new SpendHistoryState { Grain = account };
        for (int level = 0; level < Levels.Length; level++)
        {
            state.Levels.Add(ByteString.CopyFrom(
                MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(Of(level)))));
        }

        return state;
    }

    public void Restore(SpendHistoryState state)
    {
        Invariant.Holds(state.Levels.Count == Levels.Length);
        for (int level = 0; level < Levels.Length; level++)
        {
            ReadOnlySpan<byte> bytes = state.Levels[level].Span;
            Invariant.Holds(bytes.Length % Unsafe.SizeOf<SpendSlice>() == 0);
            if (bytes.Length > 0) Of(level).AddRange(MemoryMarshal.Cast<byte, SpendSlice>(bytes));
        }
    }

    private List<SpendSlice> Of(int level)
    {
        if (_slices.Length == 0) _slices = [.. Levels.Select(_ => new List<SpendSlice>())];
        return _slices[level];
    }

    // The last instant of the slice of the coarsest level that a slice is in.
    private static long LastOf(long index, int level, int coarsest)
    {
        if (coarsest == Levels.Length - 1) return long.MaxValue;
        long spanNanos = Levels[coarsest].SpanNanos;
        return (((index * Levels[level].SpanNanos / spanNanos) + 1) * spanNanos) - 1;
    }

    // Whether there is one slice more.
    private bool Append(int level, in SpendSlice slice)
    {
        List<SpendSlice> slices = Of(level);
        if (slices.Count > 0 && slices[^1].Index == slice.Index)
        {
            slices[^1] = slices[^1].Plus(slice);
            return false;
        }

        Invariant.Holds(slices.Count == 0 || slices[^1].Index < slice.Index);
        slices.Add(slice);
        return true;
    }

    // What is older than its level keeps goes to the next one, where it is a part of a longer slice.
    private void Age(long nowNanos)
    {
        for (int level = 0; level < Levels.Length - 1; level++)
        {
            (long spanNanos, long keptNanos) = Levels[level];
            List<SpendSlice> slices = Of(level);
            int aged = 0;
            while (aged < slices.Count && ((slices[aged].Index + 1) * spanNanos) + keptNanos <= nowNanos)
            {
                SpendSlice old = slices[aged++];
                bool isLast = level + 1 == Levels.Length - 1;
                long index = isLast ? 0 : old.Index * spanNanos / Levels[level + 1].SpanNanos;
                Append(level + 1, old with { Index = index });
            }

            slices.RemoveRange(0, aged);
        }
    }
}
