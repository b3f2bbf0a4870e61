using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// What was counted within a minute: six steps of ten seconds, the present one included. Changed by events only.
/// </summary>
internal sealed class MinuteRing
{
    private const int Steps = 6;
    private const long StepNanos = 10 * LogTime.NanosPerSecond;

    private readonly long[] _counts = new long[Steps];

    /// <summary>The last step in which something was counted, from 1970.</summary>
    public long Step { get; private set; }

    /// <summary>What was counted, by step, in a ring.</summary>
    public IReadOnlyList<long> Counts => _counts;

    public void Add(long count, long nowNanos)
    {
        long step = nowNanos / StepNanos;
        for (long passed = Math.Max(Step + 1, step - Steps + 1); passed <= step; passed++) _counts[passed % Steps] = 0;
        Step = step;
        ref long counted = ref _counts[step % Steps];
        counted = WideSum.Capped((Int128)counted + count);
    }

    /// <summary>What was counted within the minute of the last count.</summary>
    public long Sum() => SumFrom(Step);

    /// <summary>What was counted within the minute of a time.</summary>
    public long SumAt(long nowNanos) => SumFrom(Math.Max(Step, nowNanos / StepNanos));

    public void Clear() => Array.Clear(_counts);

    public void Restore(long step, IEnumerable<long> counts)
    {
        Step = step;
        int place = 0;
        foreach (long count in counts) _counts[place++] = count;
    }

    private long SumFrom(long last)
    {
        Int128 sum = 0;
        for (long step = Math.Max(0, last - Steps + 1); step <= Step; step++) sum += _counts[step % Steps];
        return WideSum.Capped(sum);
    }
}
