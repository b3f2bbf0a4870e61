using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.InMemory;

/// <summary>
/// The faults of an <see cref="InMemoryStore"/>, to be set by tests. Thread-safe; hooks are called on the thread of the
/// call that they disturb.
/// </summary>
public sealed class InMemoryFaults : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<Action> _held = new();
    private readonly Queue<Action> _late = new();
    private readonly SemaphoreSlim _heldCount = new(0);
    private bool _isHolding;

    /// <summary>Asked before each append; null means none.</summary>
    public Func<JournalGroup, AppendFault>? OnAppend { get; set; }

    /// <summary>Asked before everything but appends, with the method's name; what it answers is thrown.</summary>
    public Func<string, Exception?>? OnCall { get; set; }

    /// <summary>Whether appends, snapshots and the probe find space.</summary>
    public bool HasSpace { get; set; } = true;

    /// <summary>From now on appends wait, unwritten, until they are released.</summary>
    public void HoldAppends()
    {
        lock (_gate) _isHolding = true;
    }

    /// <summary>Completes once an append is held that no earlier call has waited for.</summary>
    public Task AppendHeldAsync(TimeSpan timeout, CancellationToken cancellationToken) =>
        WaitAsync(timeout, cancellationToken);

    /// <summary>Lets the oldest held append go on; false when none is held.</summary>
    public bool ReleaseOne()
    {
        Action? held;
        lock (_gate)
        {
            if (!_held.TryDequeue(out held)) return false;
        }

        held();
        return true;
    }

    /// <summary>Holds no longer and lets all held appends go on, in order.</summary>
    public void ReleaseAppends()
    {
        lock (_gate) _isHolding = false;
        while (ReleaseOne())
        {
        }
    }

    /// <summary>Tries the writes that were to land late.</summary>
    public void LandLateWrites()
    {
        while (true)
        {
            Action? late;
            lock (_gate)
            {
                if (!_late.TryDequeue(out late)) return;
            }

            late();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _heldCount.Dispose();

    internal void Late(Action write)
    {
        lock (_gate) _late.Enqueue(write);
    }

    internal void RunOrHold(Action append)
    {
        lock (_gate)
        {
            if (_isHolding)
            {
                _held.Enqueue(append);
                _heldCount.Release();
                return;
            }
        }

        append();
    }

    internal void ThrowIfAsked(string method, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (OnCall?.Invoke(method) is { } exception) throw exception;
    }

    private async Task WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (!await _heldCount.WaitAsync(timeout, cancellationToken))
            throw new TimeoutException($"no append was held within {timeout}");
    }
}
