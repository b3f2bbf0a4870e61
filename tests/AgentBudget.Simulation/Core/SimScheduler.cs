namespace AgentBudget.Simulation.Core;

/// <summary>
/// One thread, one queue, and a time that only the queue moves: what is due first runs first, and of the same time
/// what was asked for first.
/// </summary>
internal sealed class SimScheduler
{
    /// <summary>Ticks (100 ns) in a millisecond.</summary>
    public const long Millisecond = TimeSpan.TicksPerMillisecond;

    /// <summary>Ticks in a second.</summary>
    public const long Second = TimeSpan.TicksPerSecond;

    private const int StepsAtOneTimeMax = 100_000; // More without time passing is a loop that makes no progress.

    private readonly PriorityQueue<Action, Due> _queue = new(DueComparer.Instance);
    private long _order;
    private int _stepsAtThisTime;

    private readonly record struct Due(long Ticks, long Order);

    /// <summary>Since the beginning of the run.</summary>
    public long NowTicks { get; private set; }

    /// <summary>Set when one moment had more steps than any sound run needs.</summary>
    public bool IsStuck { get; private set; }

    public void Soon(Action action) => After(0, action);

    public void After(long delayTicks, Action action) =>
        _queue.Enqueue(action, new Due(NowTicks + delayTicks, _order++));

    /// <summary>Completes after some time of the run.</summary>
    public Task DelayAsync(long delayTicks)
    {
        var over = new TaskCompletionSource();
        After(delayTicks, over.SetResult);
        return over.Task;
    }

    /// <summary>Runs what is due until a time, or until nothing is left to wait for.</summary>
    public void RunUntil(long untilTicks, Func<bool> isOver)
    {
        while (!isOver() && !IsStuck && _queue.TryPeek(out Action? action, out Due due) && due.Ticks <= untilTicks)
        {
            _queue.Dequeue();
            if (due.Ticks > NowTicks)
            {
                NowTicks = due.Ticks;
                _stepsAtThisTime = 0;
            }

            IsStuck = ++_stepsAtThisTime > StepsAtOneTimeMax;
            action();
        }

        if (!isOver() && !IsStuck) NowTicks = Math.Max(NowTicks, untilTicks);
    }

    private sealed class DueComparer : IComparer<Due>
    {
        public static readonly DueComparer Instance = new();

        public int Compare(Due left, Due right)
        {
            int byTime = left.Ticks.CompareTo(right.Ticks);
            return byTime != 0 ? byTime : left.Order.CompareTo(right.Order);
        }
    }
}
