using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Tenants;

// Everything here runs in the slot's steps, unless it says otherwise.
internal sealed partial class TenantSlot
{
    private const long TimerDelayMillisecondsMax = 3_600_000; // An hour; a later deadline is looked at again by then.
    private const long RetryAfterNanos = 1_000_000_000; // A second between attempts that nobody waits for.
    private const long DeadlinesAfterDefectNanos = 5_000_000_000; // A defect at a deadline is not hit in a tight loop.

    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private SlotState _state;
    private TurnLoop? _loop;
    private TenantFault _haltFault;
    private string _haltMessage = "";
    private long _passiveDeadlineNanos;
    private long _deadlinesNotBeforeNanos;
    private long _lastUseNanos;
    private bool _isVerified;
    private bool _isSaving;
    private bool _isStopping;
    private bool _wasSnapshotTried;

    /// <summary>The words of <see cref="State"/>.</summary>
    public static IReadOnlyList<string> States { get; } =
        [.. Enum.GetNames<SlotState>().Select(name => name.ToLowerInvariant())];

    /// <summary>Where it stands now, in a word. Any thread.</summary>
    public string State => States[(int)_state];

    private enum SlotState
    {
        Passive,
        Loading,
        Active,
        Halted,
        Stopped,
    }

    /// <summary>Loads the tenant if it is not. Any thread.</summary>
    public void Activate() => Post(() =>
    {
        if (_state == SlotState.Passive) BeginLoad();
    });

    /// <summary>Leaves memory if it was idle for long enough. Any thread.</summary>
    public void ConsiderPassivation() => Post(() =>
    {
        if (!MayPassivate()) return;
        if (_loop!.EventsSinceSnapshot == 0 || _services.Space.IsFull) Passivate();
        else if (_loop.TakeSnapshot() is { } snapshot)
            SaveSnapshot(snapshot, _loop.Epoch, then: () =>
            {
                if (MayPassivate() && _loop!.Head == snapshot.Head) Passivate();
            });
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
            case SlotState.Active:
                if (_services.Space.IsFull) StepWithoutSpace();
                else StepTurns(now);
                if (_loop!.State >= TurnLoopState.EndedForReload) LoopEnded();
                return _state == SlotState.Active && !_backlog.IsEmpty && _loop.HasRoom && !_services.Space.IsFull;
            case SlotState.Passive:
                if (!_backlog.IsEmpty || now >= _passiveDeadlineNanos) BeginLoad();
                return false;
            case SlotState.Loading:
                return false;
            case SlotState.Halted:
                StepHalted();
                return false;
            case SlotState.Stopped:
                FailBacklog(TenantFault.NotReady, "the host is stopping");
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

            if (!_backlog.TryTake(out PendingCommand? command)) break;
            _lastUseNanos = now;
            loop.Handle(command, now);
        }

        loop.Send();
    }

    private void StepWithoutSpace()
    {
        TurnLoop loop = _loop!;
        loop.Send(); // What was decided before finds out for itself.
        while (loop.State == TurnLoopState.Running && loop.IsIdle && _backlog.TryTake(out PendingCommand? command))
        {
            if (command.Kind != CommandKind.Query)
                Fail(command, TenantFault.StoreFull, "the store has no space; nothing was recorded");
            else if (!loop.TryAnswerWithoutTime(command))
                Fail(command, TenantFault.StoreFull, "the store has no space and a deadline waits to be recorded");
        }
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
            case SlotState.Passive or SlotState.Halted when _loop is null:
                Stopped();
                break;
            case SlotState.Active when _backlog.IsEmpty && _loop!.IsIdle && !_isSaving:
                if (!_wasSnapshotTried && _loop.EventsSinceSnapshot > 0 && !_services.Space.IsFull
                    && _loop.TakeSnapshot() is { } snapshot)
                {
                    _wasSnapshotTried = true;
                    SaveSnapshot(snapshot, _loop.Epoch, then: null);
                    break;
                }

                DropLoop();
                Stopped();
                break;
        }
    }

    private void Stopped()
    {
        _state = SlotState.Stopped;
        Dispose();
        Hub.Complete();
        FailBacklog(TenantFault.NotReady, "the host is stopping");
        _stopped.TrySetResult();
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
                Halt(TenantFault.JournalDamaged, message);
                return;
            case TurnLoopState.EndedByFence:
                Log.FenceLost(_services.Logger, Tenant, message);
                _state = SlotState.Passive;
                _passiveDeadlineNanos = long.MaxValue; // Deadlines are the new owner's.
                return;
            case TurnLoopState.EndedByNoSpace:
                _services.Space.Ended();
                BeginLoad(heldEpoch: epoch);
                return;
            default:
                Log.Reloading(_services.Logger, Tenant, message);
                BeginLoad();
                return;
        }
    }

    /// <summary>Only when it is stopped, or was never used.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        DropLoop();
    }

    private void DropLoop()
    {
        _loop?.Dispose();
        _loop = null;
    }

    private void BeginLoad(long heldEpoch = 0)
    {
        _state = SlotState.Loading;
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
            _state = SlotState.Passive;
            _passiveDeadlineNanos = long.MaxValue;
            FailBacklog(TenantFault.NotReady, "another silo has the tenant");
            return;
        }

        _loop = new TurnLoop(
            Tenant, loaded.Ledger, loaded.Head, loaded.Epoch, loaded.SnapshotEvent,
            _services.Options.SnapshotEveryEvents, this);
        _state = SlotState.Active;
        _openSessions = loaded.Ledger.OpenSessions;
        _lastUseNanos = _services.Clock.NowNanos();
        Hub.Loaded(loaded.Head.LastEvent);
        if (loaded.Head.LastEvent > 0) _services.OnFirstEvent(Tenant);
        Log.Loaded(_services.Logger, Tenant, loaded.Head.LastEvent, loaded.Epoch);
        if (!_isVerified && loaded.Unverified != JournalHead.Empty) _ = VerifyAsync(loaded.Unverified);
        _isVerified = true;
    }

    private void NotLoaded(Exception exception)
    {
        Log.NotLoaded(_services.Logger, Tenant, exception);
        _state = SlotState.Passive;
        FailBacklog(TenantFault.NotReady, "the tenant could not be loaded");
        if (_passiveDeadlineNanos < long.MaxValue || Hub.DurableSequence > 0)
            _passiveDeadlineNanos = _services.Clock.NowNanos() + RetryAfterNanos;
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
        if (_state is SlotState.Halted or SlotState.Stopped) return;
        Log.Halted(_services.Logger, Tenant, message);
        _state = SlotState.Halted;
        _haltFault = fault;
        _haltMessage = message;
    }

    private bool MayPassivate()
    {
        if (_state != SlotState.Active || _isSaving || _isStopping || !_backlog.IsEmpty || !_loop!.IsIdle) return false;
        long now = _services.Clock.NowNanos();
        long idle = _services.Options.PassivateAfter.Ticks * TimeSpan.NanosecondsPerTick;
        return now - _lastUseNanos >= idle && _loop.NextDeadlineNanos - now > idle;
    }

    private void Passivate()
    {
        _passiveDeadlineNanos = _loop!.NextDeadlineNanos;
        DropLoop();
        Hub.Clear();
        _state = SlotState.Passive;
        Log.Passivated(_services.Logger, Tenant);
    }

    private void SaveSnapshot(CapturedState state, long epoch, Action? then)
    {
        _isSaving = true;
        _ = SaveAsync(state, epoch, then);
    }

    /// <summary>Leaves the step at once, since making bytes of a large state takes time; its end is posted.</summary>
    private async Task SaveAsync(CapturedState state, long epoch, Action? then)
    {
        await Task.Yield();
        await _services.Snapshots.SaveAsync(Tenant, epoch, state);
        Post(() =>
        {
            _isSaving = false;
            then?.Invoke();
        });
    }

    private void FailBacklog(TenantFault fault, string message)
    {
        while (_backlog.TryTake(out PendingCommand? command)) Fail(command, fault, message);
    }

    private long NextWakeNanos(long now)
    {
        if (_state == SlotState.Passive) return _passiveDeadlineNanos;
        if (_state != SlotState.Active || _services.Space.IsFull) return long.MaxValue;
        long next = Math.Max(_loop!.NextDeadlineNanos, _deadlinesNotBeforeNanos);
        // One that is due already waits for the group in flight, whose end is a step of its own.
        return next <= now && !_loop.IsIdle ? long.MaxValue : next;
    }
}
