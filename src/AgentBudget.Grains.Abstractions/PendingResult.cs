using System.Threading.Tasks.Sources;

namespace AgentBudget.Grains.Abstractions;

/// <summary>
/// A pending command as a task. Reused: it goes back to its pool when its result is taken, so it is awaited exactly
/// once.
/// </summary>
/// <typeparam name="TSelf">The type itself, which has a pool of its own.</typeparam>
/// <typeparam name="TResult">What is waited for.</typeparam>
public abstract class PendingResult<TSelf, TResult> : PendingCommand, IValueTaskSource<TResult>
    where TSelf : PendingResult<TSelf, TResult>, new()
{
    private const int PooledPerThreadMax = 1024; // As many as one thread has calls in flight; the rest is garbage.

    [ThreadStatic]
    private static Stack<TSelf>? _pool;

    private ManualResetValueTaskSourceCore<bool> _core;

    /// <summary>One that is not in use.</summary>
    protected static TSelf Take() =>
        _pool is not null && _pool.TryPop(out TSelf? pooled) ? pooled : new TSelf();

    /// <summary>Completes with <see cref="Result"/>. Taken before the command is submitted.</summary>
    protected ValueTask<TResult> Completion => new(this, _core.Version);

    /// <summary>What came of the command; throws what its caller is to see instead.</summary>
    protected abstract TResult Result();

    /// <summary>What the waiter does next runs inside: never call it from a step.</summary>
    protected sealed override void Completed() => _core.SetResult(true);

    TResult IValueTaskSource<TResult>.GetResult(short token)
    {
        _core.GetResult(token);
        try
        {
            return Result();
        }
        finally
        {
            Clear();
            _core.Reset();
            Stack<TSelf> pool = _pool ??= new Stack<TSelf>();
            if (pool.Count < PooledPerThreadMax) pool.Push((TSelf)this);
        }
    }

    ValueTaskSourceStatus IValueTaskSource<TResult>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<TResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
