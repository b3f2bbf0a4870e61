namespace AgentBudget.Runtime.Tests;

/// <summary>Time that only the test moves: wall, steady clock and timers.</summary>
internal sealed class ManualTimeProvider : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _wall = new(2026, 11, 18, 10, 0, 0, TimeSpan.Zero);
    private long _steadyTicks;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public long NowNanos
    {
        get
        {
            lock (_gate) return (_wall.UtcTicks - DateTimeOffset.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        lock (_gate) return _wall;
    }

    public override long GetTimestamp()
    {
        lock (_gate) return _steadyTicks;
    }

    /// <summary>Sets the wall clock and leaves the steady clock.</summary>
    public void SetWall(TimeSpan change)
    {
        lock (_gate) _wall += change;
    }

    /// <summary>Moves both clocks and fires the timers that came due, in order.</summary>
    public void Advance(TimeSpan time)
    {
        long until;
        lock (_gate) until = _steadyTicks + time.Ticks;
        while (true)
        {
            ManualTimer? due;
            lock (_gate)
            {
                due = _timers.Where(timer => timer.DueTicks <= until).MinBy(timer => timer.DueTicks);
                long next = due is null ? until : Math.Max(due.DueTicks, _steadyTicks);
                _wall += TimeSpan.FromTicks(next - _steadyTicks);
                _steadyTicks = next;
                if (due is null) return;
                due.Rearm(_steadyTicks);
            }

            due.Fire();
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        lock (_gate) _timers.Add(timer);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class ManualTimer(ManualTimeProvider time, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan _period = Timeout.InfiniteTimeSpan;

        public long DueTicks { get; private set; } = long.MaxValue;

        public void Fire() => callback(state);

        public void Rearm(long now) =>
            DueTicks = _period == Timeout.InfiniteTimeSpan ? long.MaxValue : now + _period.Ticks;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (time._gate)
            {
                _period = period;
                DueTicks = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : time._steadyTicks + dueTime.Ticks;
            }

            return true;
        }

        public void Dispose()
        {
            lock (time._gate)
            {
                DueTicks = long.MaxValue;
                time._timers.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
