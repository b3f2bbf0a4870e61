using System.Diagnostics;

namespace AgentBudget.Bench.Http2;

/// <summary>A schedule of calls: a burst every millisecond, which is as fine as a poll of a socket waits.</summary>
internal sealed class Pace(long startTicks, long endTicks, double callsPerSecond)
{
    private readonly double _ticksPerCall = Stopwatch.Frequency / callsPerSecond;
    private readonly long _tick = Stopwatch.Frequency / 1000;

    public long EndTicks { get; } = endTicks;

    /// <summary>How many calls should have been sent by now.</summary>
    public long DueBy(long nowTicks)
    {
        if (nowTicks < startTicks) return 0;
        long wholeTicks = (nowTicks - startTicks) / _tick * _tick;
        return (long)(wholeTicks / _ticksPerCall) + 1;
    }

    /// <summary>When the call with this number is due: its time, moved on to the next burst.</summary>
    public long DueTicks(long call)
    {
        long exact = (long)Math.Ceiling(call * _ticksPerCall);
        return startTicks + ((exact + _tick - 1) / _tick * _tick);
    }
}
