using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Time;

/// <summary>
/// Log time, in nanos since the Unix epoch: the wall clock at the start, then the steady clock, corrected by the wall
/// once a second. It never goes back: a wall that was set back is not followed. A wall that jumped ahead, as after a
/// machine slept, is followed by at most <see cref="ForwardStepMax"/> a second, so that one wrong clock does not expire
/// everything at once; until then it <see cref="IsBehind"/>. One for a silo: what it mints and what it reads go by it.
/// Thread-safe.
/// </summary>
public sealed partial class LogClock : IDisposable
{
    /// <summary>The most that a jump of the wall clock is followed in one correction: a minute a second.</summary>
    public static readonly TimeSpan ForwardStepMax = TimeSpan.FromMinutes(1);

    /// <summary>How far log time may lag the wall before nothing new is decided by it.</summary>
    public static readonly TimeSpan LagMax = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan CorrectionInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan BackwardStepNoted = TimeSpan.FromSeconds(1); // Less is the clocks' own drift.

    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private Anchor _anchor;
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

    /// <summary>How far log time lags the wall clock; never negative.</summary>
    public TimeSpan Lag =>
        TimeSpan.FromTicks(Math.Max(0, ReadWallNanos() - NowNanos()) / TimeSpan.NanosecondsPerTick);

    /// <summary>Whether log time lags so far that nothing new may be decided by it.</summary>
    public bool IsBehind => Lag > LagMax;

    /// <summary>From now on it is corrected every second, also while nobody asks.</summary>
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
        lock (_gate)
        {
            long timestamp = _time.GetTimestamp();
            TimeSpan elapsed = _time.GetElapsedTime(_anchor.Timestamp, timestamp);
            long steady = _anchor.Nanos + ToNanos(elapsed);
            if (elapsed < CorrectionInterval) return steady;
            long ahead = ReadWallNanos() - steady;
            Note(ahead);
            long step = Math.Clamp(ahead, 0, ToNanos(ForwardStepMax));
            Volatile.Write(ref _anchor, new Anchor(steady + step, timestamp));
            return steady + step;
        }
    }

    private void Note(long ahead)
    {
        if (ahead > ToNanos(ForwardStepMax)) Log.JumpedAhead(_logger, ahead / TimeSpan.NanosecondsPerTick);
        bool isBehind = ahead < -ToNanos(BackwardStepNoted);
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
            "The wall clock is {Ticks} ticks of 100 ns ahead of log time; it is followed by a minute a second")]
        public static partial void JumpedAhead(ILogger logger, long ticks);

        [LoggerMessage(3002, LogLevel.Warning,
            "The wall clock is {Ticks} ticks of 100 ns behind log time; log time does not go back")]
        public static partial void SetBack(ILogger logger, long ticks);
    }
}
