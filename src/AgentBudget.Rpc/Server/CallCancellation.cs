namespace AgentBudget.Rpc.Server;

/// <summary>Why a call's cancellation fired.</summary>
internal enum CancellationCause
{
    None,
    Deadline,
    CallerReset,
    Drain,
    Refused,
}

/// <summary>
/// The cancellation of one call, made when something asks for it. It is never pooled: a timer or a reset that fires
/// late reaches the call that it belonged to and no other.
/// </summary>
internal sealed class CallCancellation : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly TimeProvider _time;
    private readonly ITimer? _deadline;
    private readonly CancellationTokenRegistration _reset;
    private int _cause;
    private long _firedTimestamp;

    /// <param name="time">The clock of the deadline.</param>
    /// <param name="remaining">What is left until the deadline; null when there is none.</param>
    /// <param name="aborted">Fires when the caller resets the call or its connection breaks.</param>
    internal CallCancellation(TimeProvider time, TimeSpan? remaining, CancellationToken aborted)
    {
        _time = time;
        if (remaining is TimeSpan left)
        {
            if (left <= TimeSpan.Zero)
                Fire(CancellationCause.Deadline);
            else
                _deadline = time.CreateTimer(OnDeadline, this, left, Timeout.InfiniteTimeSpan);
        }

        _reset = aborted.UnsafeRegister(OnReset, this);
    }

    internal CancellationToken Token => _source.Token;

    /// <summary>What fired first.</summary>
    internal CancellationCause Cause => (CancellationCause)Volatile.Read(ref _cause);

    /// <summary>How long ago it fired; zero when it has not.</summary>
    internal TimeSpan SinceFired => Volatile.Read(ref _firedTimestamp) is var fired && fired == 0
        ? TimeSpan.Zero
        : _time.GetElapsedTime(fired);

    /// <summary>With <see cref="CancellationCause.Refused"/>: the error that the stream ends with.</summary>
    internal RpcException? Refusal { get; private set; }

    /// <summary>Ends a stream whose caller may no longer call.</summary>
    internal void Refuse(RpcException refusal)
    {
        Refusal = refusal;
        Fire(CancellationCause.Refused);
    }

    internal void Fire(CancellationCause cause)
    {
        if (Interlocked.CompareExchange(ref _cause, (int)cause, (int)CancellationCause.None)
            != (int)CancellationCause.None)
        {
            return;
        }

        Volatile.Write(ref _firedTimestamp, _time.GetTimestamp());
        try
        {
            _source.Cancel();
        }
        catch (AggregateException)
        {
            // A callback that a handler registered failed; the handler's own await shows what matters.
        }
        catch (ObjectDisposedException)
        {
            // The call ended meanwhile.
        }
    }

    /// <summary>Fires on another thread: what handlers registered may run long, and neither a connection's own thread
    /// nor a lock may wait for that.</summary>
    internal void FireApart(CancellationCause cause) =>
        ThreadPool.UnsafeQueueUserWorkItem(
            static state => state.Cancellation.Fire(state.Cause),
            (Cancellation: this, Cause: cause),
            preferLocal: false);

    public void Dispose()
    {
        _deadline?.Dispose();
        _reset.Unregister();
        _source.Dispose();
    }

    private static void OnDeadline(object? state) => ((CallCancellation)state!).Fire(CancellationCause.Deadline);

    private static void OnReset(object? state) =>
        ((CallCancellation)state!).FireApart(CancellationCause.CallerReset);
}
