namespace AgentBudget.Rpc.Tests.Support;

/// <summary>A clock that stands still until a test moves it.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly List<ManualTimer> _timers = [];
    private long _ticks = TimeSpan.TicksPerHour;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddTicks(GetTimestamp());

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ManualTimer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        lock (_gate)
            _timers.Add(timer);
        return timer;
    }

    internal void Advance(TimeSpan by)
    {
        List<ManualTimer> due = [];
        lock (_gate)
        {
            _ticks += by.Ticks;
            foreach (ManualTimer timer in _timers)
            {
                if (timer.TakeDue(_ticks))
                    due.Add(timer);
            }
        }

        foreach (ManualTimer timer in due)
            timer.Fire();
    }

    private sealed class ManualTimer(ManualTime time, TimerCallback callback, object? state) : ITimer
    {
        private long _dueTicks = long.MaxValue;
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            _dueTicks = dueTime < TimeSpan.Zero ? long.MaxValue : time.GetTimestamp() + dueTime.Ticks;
            return true;
        }

        public void Dispose()
        {
            lock (time._gate)
                time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal bool TakeDue(long nowTicks)
        {
            if (nowTicks < _dueTicks)
                return false;
            _dueTicks = _period > TimeSpan.Zero ? nowTicks + _period.Ticks : long.MaxValue;
            return true;
        }

        internal void Fire() => callback(state);
    }
}
