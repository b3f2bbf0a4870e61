using AgentBudget.Ledger;
using AgentBudget.Runtime.Metrics;
using AgentBudget.Runtime.Tenants;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime;

// Everything here runs in steps, unless it says otherwise.
public sealed partial class TenantActivation
{
    private const long TimerDelayMillisecondsMax = 3_600_000; // An hour; a later deadline is looked at again by then.
    private const long RetryAfterNanos = 1_000_000_000; // A second between attempts that nobody waits for.
    private const long DeadlinesAfterDefectNanos = 5_000_000_000; // A defect at a deadline is not hit in a tight loop.

    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ActivationState _state;
    private TurnLoop? _loop;
    private TenantFault _haltFault;
    private string _haltMessage = "";
    private string _endedMessage = "";
    private long _loadNotBeforeNanos = long.MaxValue; // When an idle one loads by itself.
    private long _nextDeadlineNanos = long.MaxValue; // As it was when the loop ended.
    private long _deadlinesNotBeforeNanos;
    private long _loadBegan; // Timestamp of the load that is under way.
    private bool _isVerified;
    private bool _isSaving;
    private bool _isStopping;
    private bool _wasSnapshotTried;

    /// <summary>The words of <see cref="State"/>.</summary>
    internal static IReadOnlyList<string> States { get; } =
        [.. Enum.GetNames<ActivationState>().Select(name => name.ToLowerInvariant())];

    /// <summary>Where it stands now, in a word. Any thread.</summary>
    internal string State => States[(int)_state];

    /// <summary>Nothing is in memory and nothing was asked that would bring it there. Any thread.</summary>
    public bool IsAsleep => _state == ActivationState.Idle && !HasInput();

    /// <summary>
    /// When the state next changes by itself, for whoever wakes the tenant after this activation;
    /// <see cref="long.MaxValue"/> for never. Of an ended one, or inside of a step.
    /// </summary>
    public long NextDeadlineNanos => _loop?.NextDeadlineNanos ?? _nextDeadlineNanos;

    private enum ActivationState
    {
        Idle,
        Loading,
        Active,
        Halted,
        Ended,
    }

    /// <summary>Loads the tenant without waiting for a command, so that its deadlines are handled. Any thread.
    /// </summary>
    public void Load() => Post(() =>
    {
        if (_state == ActivationState.Idle) BeginLoad();
    });

    /// <summary>Lets what waits finish, takes a snapshot, and ends. Any thread.</summary>
    public Task StopAsync()
    {
        Post(() => _isStopping = true);
        return _stopped.Task;
    }

    /// <summary>True when more turns can be taken at once.</summary>
    private bool StepState(long now)
    {
        switch (_state)
        {
            case ActivationState.Active:
                if (_services.Space.IsFull) StepWithoutSpace();
                else StepTurns(now);
                if (_loop!.State >= TurnLoopState.EndedForReload) LoopEnded();
                return _state == ActivationState.Active
                    && _backlog.Count > 0
                    && _loop.HasRoom
                    && !_services.Space.IsFull;
            case ActivationState.Idle:
                if (!_isStopping && (_backlog.Count > 0 || now >= _loadNotBeforeNanos)) BeginLoad();
                return false;
            case ActivationState.Loading:
                return false;
            case ActivationState.Halted:
                StepHalted();
                return false;
            case ActivationState.Ended:
                FailBacklog(TenantFault.NotReady, _endedMessage);
                return false;
        }

        return false;
    }

    private void StepTurns(long now)
    {
        TurnLoop loop = _loop!;
        for (int turns = 0; turns < TurnsPerStep && loop.HasRoom; turns++)
        {
            if (loop.NextDeadlineNanos <= now && now >= _deadlinesNotBeforeNanos)
            {
                if (!loop.HandleDeadlines(now)) _deadlinesNotBeforeNanos = now + DeadlinesAfterDefectNanos;
                continue;
            }

            if (!TryTake(out WaitingTurn turn)) break;
            loop.Handle(turn, now);
        }

        loop.Send();
    }

    private void StepWithoutSpace()
    {
        TurnLoop loop = _loop!;
        loop.Send(); // What was decided before finds out for itself.
        while (loop.State == TurnLoopState.Running && loop.HasNothingToWrite && TryTake(out WaitingTurn turn))
        {
            if (turn.Kind != CommandKind.Query)
                Fail(turn, TenantFault.StoreFull, "the store has no space; nothing was recorded");
            else if (!loop.TryTakeWithoutTime(turn))
                Fail(turn, TenantFault.StoreFull, "the store has no space and a deadline waits to be recorded");
        }

        loop.Send(); // Queries are answered once the head shows that nobody else has written.
    }

    private void StepHalted()
    {
        _loop?.Send();
        if (_loop is { IsIdle: true } or { State: >= TurnLoopState.EndedForReload }) DropLoop();
        FailBacklog(_haltFault, _haltMessage);
    }

    private void StepStop()
    {
        switch (_state)
        {
            case ActivationState.Idle or ActivationState.Halted when _loop is null:
                End("the silo is stopping");
                break;
            case ActivationState.Active when _backlog.Count == 0 && _loop!.IsIdle && !_isSaving:
                if (!_wasSnapshotTried && _loop.EventsSinceSnapshot > 0 && !_services.Space.IsFull
                    && _loop.TakeSnapshot() is { } snapshot)
                {
                    _wasSnapshotTried = true;
                    SaveSnapshot(snapshot, _loop.Epoch);
                    break;
                }

                Log.LeftMemory(_services.Logger, Tenant);
                DropLoop();
                End("the tenant is leaving memory");
                break;
        }
    }

    private void End(string message)
    {
        _state = ActivationState.Ended;
        _endedMessage = message;
        Dispose();
        FailBacklog(TenantFault.NotReady, message);
        _stopped.TrySetResult();
        _host.Ended();
    }

    private void LoopEnded()
    {
        TurnLoopState end = _loop!.State;
        string message = _loop.EndMessage;
        long epoch = _loop.Epoch;
        DropLoop();
        switch (end)
        {
            case TurnLoopState.EndedByDamage:
                _services.Metrics.Dropped(DropCause.Damage);
                Halt(TenantFault.JournalDamaged, message);
                return;
            case TurnLoopState.EndedByFence:
                _services.Metrics.Dropped(DropCause.FenceLost);
                Log.FenceLost(_services.Logger, Tenant, message);
                _nextDeadlineNanos = long.MaxValue; // Deadlines are the new owner's.
                End("the tenant moved");
                return;
            case TurnLoopState.EndedByNoSpace:
                _services.Metrics.Dropped(DropCause.NoSpace);
                _services.Space.Ended();
                BeginLoad(heldEpoch: epoch);
                return;
            default:
                _services.Metrics.Dropped(DropCause.Reload);
                Log.Reloading(_services.Logger, Tenant, message);
                BeginLoad();
                return;
        }
    }

    /// <summary>Frees what one holds that has ended or was never used. Repeated, it does nothing.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        DropLoop();
        _services.Ended(this);
    }

    private void DropLoop()
    {
        if (_loop is null) return;
        _nextDeadlineNanos = _loop.NextDeadlineNanos;
        _loop.Dispose();
        _loop = null;
    }

    private void BeginLoad(long heldEpoch = 0)
    {
        _state = ActivationState.Loading;
        _loadBegan = _services.Time.GetTimestamp();
        _ = LoadAsync(_isVerified, heldEpoch);
    }

    /// <summary>Starts in a step and goes on elsewhere; what it finds is posted.</summary>
    private async Task LoadAsync(bool isVerified, long heldEpoch)
    {
        await _services.Loads.WaitAsync();
        try
        {
            LoadedTenant? loaded = await _services.Loader.LoadAsync(Tenant, isVerified, heldEpoch);
            Post(() => Loaded(loaded));
        }
        catch (JournalDamagedException damage)
        {
            Post(() => Halt(TenantFault.JournalDamaged, damage.Message));
        }
        catch (Exception exception)
        {
            Post(() => NotLoaded(exception));
        }
        finally
        {
            _services.Loads.Release();
        }
    }

    private void Loaded(LoadedTenant? loaded)
    {
        if (loaded is null)
        {
            const string Taken = "another silo has the tenant";
            _services.Metrics.Dropped(DropCause.FenceLost);
            Log.FenceLost(_services.Logger, Tenant, Taken);
            End(Taken);
            return;
        }

        _loop = new TurnLoop(
            Tenant, loaded.Ledger, loaded.Head, loaded.Epoch, loaded.SnapshotEvent,
            _services.Options.SnapshotEveryEvents, this);
        _state = ActivationState.Active;
        _openSessions = loaded.Ledger.OpenSessions;
        _services.Metrics.Loaded(_services.Time.GetElapsedTime(_loadBegan));
        Recent.Loaded(loaded.Head.LastEvent);
        _host.Published(loaded.Head.LastEvent);
        Log.Loaded(_services.Logger, Tenant, loaded.Head.LastEvent, loaded.Epoch);
        if (!_isVerified && loaded.Unverified != JournalHead.Empty) _ = VerifyAsync(loaded.Unverified);
        _isVerified = true;
    }

    private void NotLoaded(Exception exception)
    {
        Log.NotLoaded(_services.Logger, Tenant, exception);
        _state = ActivationState.Idle;
        FailBacklog(TenantFault.NotReady, "the tenant could not be loaded");
        _loadNotBeforeNanos = _services.Clock.NowNanos() + RetryAfterNanos;
    }

    private async Task VerifyAsync(JournalHead upTo)
    {
        try
        {
            await _services.Loader.VerifyAsync(Tenant, upTo);
        }
        catch (JournalDamagedException damage)
        {
            Post(() => Halt(TenantFault.JournalDamaged, damage.Message));
        }
        catch (Exception exception)
        {
            Post(() =>
            {
                Log.NotVerified(_services.Logger, Tenant, exception);
                _isVerified = false;
            });
        }
    }

    private void Halt(TenantFault fault, string message)
    {
        if (_state is ActivationState.Halted or ActivationState.Ended) return;
        Log.Halted(_services.Logger, Tenant, message);
        _state = ActivationState.Halted;
        _haltFault = fault;
        _haltMessage = message;
    }

    private void SaveSnapshot(CapturedState state, long epoch)
    {
        _isSaving = true;
        _ = SaveAsync(state, epoch);
    }

    /// <summary>Leaves the step at once, since making bytes of a large state takes time; its end is posted.</summary>
    private async Task SaveAsync(CapturedState state, long epoch)
    {
        await Task.Yield();
        await _services.Snapshots.SaveAsync(Tenant, epoch, state);
        Post(() => _isSaving = false);
    }

    private void FailBacklog(TenantFault fault, string message)
    {
        while (TryTake(out WaitingTurn turn)) Fail(turn, fault, message);
    }

    private long NextWakeNanos(long now)
    {
        if (_state == ActivationState.Idle) return _loadNotBeforeNanos;
        if (_state != ActivationState.Active || _services.Space.IsFull) return long.MaxValue;
        long next = Math.Max(_loop!.NextDeadlineNanos, _deadlinesNotBeforeNanos);
        // One that is due already waits for the group in flight, whose end is a step of its own.
        return next <= now && !_loop.IsIdle ? long.MaxValue : next;
    }
}
