namespace AgentBudget.Silo.Edge;

/// <summary>
/// How much control frames may cost: so many units a second (see <see cref="ControlFrames"/>), and what was not
/// taken is kept up to a bound. Who takes when it is used up waits for it, and is told how long.
/// </summary>
internal sealed class ControlBudget(TimeProvider time, int unitsPerSecond, int unitsKeptMax)
{
    // What all connections have together: of ten million, which one core has, a tenth. 5,000 calls reset a second, or
    // 100,000 pings.
    internal const int UnitsPerSecond = 1_000_000;

    // A caller who ends hundreds of calls at once waits for nothing.
    internal const int UnitsKeptMax = UnitsPerSecond / 10;

    // Attackers on many connections cannot make others wait longer than this for a reset of theirs.
    internal static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly long _keptTicks = time.TimestampFrequency * unitsKeptMax / unitsPerSecond;
    private readonly long _waitMaxTicks = time.TimestampFrequency * WaitMax.Ticks / TimeSpan.TicksPerSecond;
    private long _takenUntilTimestamp = long.MinValue;

    /// <summary>Takes, and returns how long to wait before it may be spent.</summary>
    internal TimeSpan Take(int units)
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            _takenUntilTimestamp = Math.Min(Until(units, now), now + _waitMaxTicks);
            return _takenUntilTimestamp > now ? time.GetElapsedTime(now, _takenUntilTimestamp) : TimeSpan.Zero;
        }
    }

    /// <summary>Takes what is there; false when it is not, and then nothing is taken.</summary>
    internal bool TryTake(int units)
    {
        lock (_gate)
        {
            long now = time.GetTimestamp();
            long until = Until(units, now);
            if (until > now)
                return false;
            _takenUntilTimestamp = until;
            return true;
        }
    }

    private long Until(int units, long now) =>
        Math.Max(_takenUntilTimestamp, now - _keptTicks) + (units * time.TimestampFrequency / unitsPerSecond);
}
