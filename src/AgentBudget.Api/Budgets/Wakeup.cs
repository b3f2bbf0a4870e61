using System.Threading.Tasks.Sources;

namespace AgentBudget.Api.Budgets;

/// <summary>
/// Wakes one waiter, who then looks by itself at what there is to do. A set that nobody waits for is kept for the next
/// wait; several are one. A wait allocates nothing. Any thread sets, one at a time waits.
/// <code>
/// Idle ── set ──► Set ── wait ──► Idle          Idle ── wait ──► Awaited ── set ──► Idle, and the waiter goes on
/// </code>
/// </summary>
internal sealed class Wakeup : IValueTaskSource
{
    private const int Idle = 0;
    private const int IsSet = 1;
    private const int IsAwaited = 2;

    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _state;

    // Interlocked in every case: what the caller wrote before must be seen by a waiter that takes an older set.
    internal void Set()
    {
        if (Interlocked.CompareExchange(ref _state, IsSet, Idle) == IsAwaited
            && Interlocked.CompareExchange(ref _state, Idle, IsAwaited) == IsAwaited)
        {
            _core.SetResult(true);
        }
    }

    internal ValueTask WaitAsync()
    {
        if (Interlocked.CompareExchange(ref _state, Idle, IsSet) == IsSet)
            return ValueTask.CompletedTask;
        _core.Reset();
        if (Interlocked.CompareExchange(ref _state, IsAwaited, Idle) == Idle)
            return new ValueTask(this, _core.Version);

        // It was set between the look and the wait.
        Volatile.Write(ref _state, Idle);
        return ValueTask.CompletedTask;
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
