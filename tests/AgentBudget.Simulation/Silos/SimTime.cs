using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Silos;

/// <summary>A process's clocks and timers: the steady one is the run's, the wall is moved by faults.</summary>
internal sealed class SimTime(SimScheduler scheduler, SimProcess process, SimWall wall) : TimeProvider
{
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => new(wall.NowTicks(scheduler), TimeSpan.Zero);

    public override long GetTimestamp() => scheduler.NowTicks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimTimer(scheduler, process, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimTimer(SimScheduler scheduler, SimProcess process, Action callback) : ITimer
    {
        private int _armed; // A number for each arming: what was armed before does nothing.
        private TimeSpan _period;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _armed++;
            _period = period;
            if (dueTime != Timeout.InfiniteTimeSpan) Arm(dueTime);
            return true;
        }

        public void Dispose() => _armed++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Arm(TimeSpan dueTime)
        {
            int armed = _armed;
            scheduler.After(dueTime.Ticks, () => Fire(armed));
        }

        private void Fire(int armed)
        {
            if (armed != _armed || !process.IsAlive) return;
            if (_period != Timeout.InfiniteTimeSpan) Arm(_period);
            process.Run(callback);
        }
    }
}

/// <summary>A machine's wall clock. It survives the processes on it.</summary>
internal sealed class SimWall
{
    /// <summary>Wall time at the beginning of every run.</summary>
    public static readonly DateTime Start = new(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc);

    /// <summary>How far it is from the true time.</summary>
    public long OffsetTicks { get; set; }

    /// <summary>By how much it lies just now.</summary>
    public long LieTicks { get; set; }

    public long NowTicks(SimScheduler scheduler) => Start.Ticks + scheduler.NowTicks + OffsetTicks + LieTicks;

    public long NowNanos(SimScheduler scheduler) =>
        (NowTicks(scheduler) - DateTimeOffset.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;
}
