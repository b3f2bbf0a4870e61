namespace AgentBudget.Dashboard.Live;

/// <summary>Money over the last minutes, in steps: what a page draws, and how fast an account empties.</summary>
internal sealed class BurnRate
{
    /// <summary>The width of a step.</summary>
    internal static readonly TimeSpan Step = TimeSpan.FromSeconds(5);

    /// <summary>Ten minutes.</summary>
    internal const int Steps = 120;

    private readonly long[] _nanos = new long[Steps];
    private long _newest; // The number of the newest step since 1970.

    /// <summary>Adds what was spent at a time. What is older than all steps counts no more.</summary>
    internal void Add(DateTimeOffset time, long nanos)
    {
        long step = StepOf(time);
        Advance(step);
        if (step > _newest - Steps) _nanos[step % Steps] += nanos;
    }

    /// <summary>Nanos in the last seconds before a time, whole steps.</summary>
    internal long Within(DateTimeOffset now, TimeSpan span)
    {
        Advance(StepOf(now));
        int steps = Math.Clamp((int)(span / Step), 1, Steps);
        long sum = 0;
        for (int back = 0; back < steps; back++) sum += _nanos[(_newest - back) % Steps];
        return sum;
    }

    /// <summary>Nanos of each step, the oldest first.</summary>
    internal long[] Series(DateTimeOffset now)
    {
        Advance(StepOf(now));
        long[] series = new long[Steps];
        for (int index = 0; index < Steps; index++) series[index] = _nanos[(_newest + 1 + index) % Steps];
        return series;
    }

    private static long StepOf(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / (long)Step.TotalMilliseconds;

    private void Advance(long step)
    {
        if (step <= _newest) return;
        long first = Math.Max(_newest + 1, step - Steps + 1);
        for (long passed = first; passed <= step; passed++) _nanos[passed % Steps] = 0;
        _newest = step;
    }
}
