using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Time;

/// <summary>
/// Log time, in nanos since the Unix epoch: the wall clock at the start, then the steady clock, corrected by the wall
/// every half second. It never goes back: a wall that was set back is not followed. A wall that is ahead by up to
/// <see cref="StepMax"/> is followed at once. Of one that jumped further, as after a machine slept, what two
/// corrections in a row have seen is followed whole, up to <see cref="JumpMax"/>: a wall that lies once expires
/// nothing. Beyond that it is followed by a step a correction, which leaves hours to mend the wall. Until log time has
/// caught up it <see cref="IsBehind"/>. One for a silo: what it mints and what it reads go by it. Thread-safe.
/// </summary>
public sealed partial class LogClock : IDisposable
{
    /// <summary>How far ahead the wall is followed on its first word.</summary>
    public static readonly TimeSpan StepMax = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The furthest jump that is followed whole: no machine that serves sleeps longer, and a wall that is months or
    /// years ahead is a wrong one.
    /// </summary>
    public static readonly TimeSpan JumpMax = TimeSpan.FromDays(31);

    /// <summary>How far log time may lag the wall before nothing new is decided by it.</summary>
    public static readonly TimeSpan LagMax = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan CorrectionInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan DriftMax = TimeSpan.FromSeconds(1); // Less is the clocks' own.

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Anchor _anchor;
    private long _aheadNanos; // What the last correction left of the wall's lead.
    private bool _isAheadNoted;
    private bool _isBehindNoted;
    private ITimer? _catchUp;

    /// <summary>Log time that begins with the wall clock.</summary>
    /// <param name="time">Wall clock, steady clock and timers.</param>
    /// <param name="logger">Logs.</param>
    public LogClock(TimeProvider time, ILogger<LogClock> logger)
        : this(time, (ILogger)logger)
    {
    }

    internal LogClock(TimeProvider time, ILogger logger)
    {
        _time = time;
        _logger = logger;
        _anchor = new Anchor(ReadWallNanos(), time.GetTimestamp());
    }

    /// <summary>
    /// Log time went ahead of the steady clock, so what waits for a time by its steady distance waits too long.
    /// Raised on the thread that asked for the time.
    /// </summary>
    internal event Action? Jumped;

    /// <summary>How far log time lags the wall clock; never negative.</summary>
    public TimeSpan Lag =>
        TimeSpan.FromTicks(Math.Max(0, ReadWallNanos() - NowNanos()) / TimeSpan.NanosecondsPerTick);

    /// <summary>Whether log time lags so far that nothing new may be decided by it.</summary>
    public bool IsBehind => Lag > LagMax;

    /// <summary>From now on it is corrected every half second, also while nobody asks.</summary>
    public void CatchUpByItself() =>
        _catchUp ??= _time.CreateTimer(_ => NowNanos(), state: null, CorrectionInterval, CorrectionInterval);

    /// <summary>The same time for what asks a <see cref="TimeProvider"/> what time it is.</summary>
    public TimeProvider AsTimeProvider() => new OfLog(this);

    /// <inheritdoc/>
    public void Dispose() => _catchUp?.Dispose();

    /// <summary>Log time, in nanos since the Unix epoch.</summary>
    public long NowNanos()
    {
        Anchor anchor = Volatile.Read(ref _anchor);
        TimeSpan elapsed = _time.GetElapsedTime(anchor.Timestamp);
        return elapsed < CorrectionInterval ? anchor.Nanos + ToNanos(elapsed) : Correct();
    }

    private static long ToNanos(TimeSpan span) => span.Ticks * TimeSpan.NanosecondsPerTick;

    private long ReadWallNanos() =>
        (_time.GetUtcNow().UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;

    private long Correct()
    {
        long step;
        long now;
        lock (_gate)
        {
            long timestamp = _time.GetTimestamp();
            TimeSpan elapsed = _time.GetElapsedTime(_anchor.Timestamp, timestamp);
            long steady = _anchor.Nanos + ToNanos(elapsed);
            if (elapsed < CorrectionInterval) return steady;
            long ahead = ReadWallNanos() - steady;
            step = StepOf(ahead, _aheadNanos);
            now = steady + step;
            _aheadNanos = ahead - step;
            Note(ahead);
            Volatile.Write(ref _anchor, new Anchor(now, timestamp));
        }

        if (step > ToNanos(DriftMax)) Jumped?.Invoke();
        return now;
    }

    // Between two corrections log time and wall go on alike, so the smaller lead is what the wall has said twice.
    private static long StepOf(long aheadNanos, long aheadBeforeNanos)
    {
        long stepMax = ToNanos(StepMax);
        if (aheadNanos <= stepMax) return Math.Max(0, aheadNanos);
        long saidTwice = Math.Max(0, Math.Min(aheadNanos, aheadBeforeNanos));
        return saidTwice <= ToNanos(JumpMax) ? saidTwice : stepMax;
    }

    private void Note(long ahead)
    {
        bool isAhead = ahead > ToNanos(StepMax);
        if (isAhead && !_isAheadNoted) Log.JumpedAhead(_logger, ahead / TimeSpan.NanosecondsPerTick);
        _isAheadNoted = isAhead;
        bool isBehind = ahead < -ToNanos(DriftMax);
        if (isBehind && !_isBehindNoted) Log.SetBack(_logger, -ahead / TimeSpan.NanosecondsPerTick);
        _isBehindNoted = isBehind;
    }

    private sealed class OfLog(LogClock clock) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() =>
            DateTimeOffset.UnixEpoch.AddTicks(clock.NowNanos() / TimeSpan.NanosecondsPerTick);
    }

    private sealed record Anchor(long Nanos, long Timestamp);

    private static partial class Log
    {
        [LoggerMessage(3001, LogLevel.Warning,
            "The wall clock is {Ticks} ticks of 100 ns ahead of log time; it is followed if it says so again, beyond "
            + "31 days by a minute each half second: if it is wrong, set it right now")]
        public static partial void JumpedAhead(ILogger logger, long ticks);

        [LoggerMessage(3002, LogLevel.Warning,
            "The wall clock is {Ticks} ticks of 100 ns behind log time; log time does not go back")]
        public static partial void SetBack(ILogger logger, long ticks);
    }
}
