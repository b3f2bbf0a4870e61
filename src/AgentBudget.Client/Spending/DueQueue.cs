namespace AgentBudget.Client;

/// <summary>Calls that wait for their retry, by when it is due, with one timer for all of them.</summary>
internal sealed class DueQueue : IDisposable
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<SpendCall, long> _waiting = new();
    private readonly TimeProvider _time;
    private readonly Action<SpendCall> _isDue;
    private readonly ITimer _timer;
    private long _armedTicks = long.MaxValue;

    public DueQueue(TimeProvider time, Action<SpendCall> isDue)
    {
        _time = time;
        _isDue = isDue;
        _timer = time.CreateTimer(_ => Release(), state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Add(SpendCall call, TimeSpan pause)
    {
        long due = _time.GetTimestamp() + (long)(pause.TotalSeconds * _time.TimestampFrequency);
        lock (_gate)
        {
            _waiting.Enqueue(call, due);
            if (due >= _armedTicks) return;
            _armedTicks = due;
            _timer.Change(pause, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Release()
    {
        List<SpendCall> due = [];
        lock (_gate)
        {
            long now = _time.GetTimestamp();
            while (_waiting.TryPeek(out SpendCall? next, out long ticks) && ticks <= now)
            {
                _waiting.Dequeue();
                due.Add(next);
            }

            _armedTicks = _waiting.TryPeek(out _, out long first) ? first : long.MaxValue;
            if (_armedTicks < long.MaxValue) _timer.Change(PauseUntil(_armedTicks, now), Timeout.InfiniteTimeSpan);
        }

        foreach (SpendCall call in due) _isDue(call);
    }

    // A timer counts whole milliseconds: one that fires early is armed again.
    private TimeSpan PauseUntil(long ticks, long now) =>
        TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling((ticks - now) * 1000d / _time.TimestampFrequency)));
}
