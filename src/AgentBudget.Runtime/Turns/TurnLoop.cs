using System.Diagnostics.CodeAnalysis;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Turns;

/// <summary>
/// One activation's turns as a synchronous state machine: commands and the store's answers go in, groups and durable
/// answers come out through ports. One group is in flight while the next is decided; what a turn answers waits for its
/// group. The append of a group proves that the tenant is still owned; a group without events is answered once the
/// journal's head was read again and is what it was. Not thread-safe.
/// <code>
/// Running ── append unknown ──► Resolving ── mine is there, or it is not and is appended again ──► Running
///    │                              └── fence lost, unreadable, too many attempts, another's head ──► Ended
///    ├── a bug in a turn ──► Draining ── what was decided before is durable ──► Ended
///    └── fence lost, no space ──► Ended
/// </code>
/// </summary>
internal sealed class TurnLoop : IDisposable
{
    /// <summary>Appends of one group before it is given up: each took a new epoch, so the store is not well.</summary>
    public const int AppendAttemptsMax = 3;

    private readonly ITurnLedger _ledger;
    private readonly ITurnPorts _ports;
    private readonly long _snapshotEveryEvents;
    private readonly List<LedgerEvent> _turn = [];
    private OpenGroup _open;
    private OpenGroup _spare;
    private OpenGroup? _inFlight;
    private int _attempts;
    private long _snapshotEvent;
    private long _snapshotInterval;

    /// <param name="tenant">Whose.</param>
    /// <param name="ledger">The state at <paramref name="head"/>.</param>
    /// <param name="head">Where the journal ends.</param>
    /// <param name="epoch">The epoch to append under.</param>
    /// <param name="snapshotEvent">Last event of the newest snapshot.</param>
    /// <param name="snapshotEveryEvents">Events after which the next is taken, at least.</param>
    /// <param name="ports">What comes out.</param>
    public TurnLoop(
        string tenant,
        ITurnLedger ledger,
        JournalHead head,
        long epoch,
        long snapshotEvent,
        long snapshotEveryEvents,
        ITurnPorts ports)
    {
        Invariant.Holds(ledger.Sequence == head.LastEvent);
        _ledger = ledger;
        _ports = ports;
        _snapshotEvent = snapshotEvent;
        _snapshotEveryEvents = snapshotEveryEvents;
        _snapshotInterval = snapshotEveryEvents;
        _open = new OpenGroup(tenant);
        _spare = new OpenGroup(tenant);
        Head = head;
        Epoch = epoch;
    }

    public TurnLoopState State { get; private set; }

    /// <summary>Where the journal ends, as far as it is known to be durable.</summary>
    public JournalHead Head { get; private set; }

    public long Epoch { get; private set; }

    public long NextDeadlineNanos => _ledger.NextDeadlineNanos;

    /// <summary>Whether another turn may be taken now.</summary>
    public bool HasRoom => State == TurnLoopState.Running && _open.HasRoom;

    /// <summary>Everything decided is durable and answered.</summary>
    public bool IsIdle => HasNothingToWrite && _open.Waiting.Count == 0;

    /// <summary>Everything decided is durable; queries may wait for the proof that the tenant is still owned.</summary>
    public bool HasNothingToWrite => _inFlight is null && _open.Events.Count == 0;

    /// <summary>Events since the newest snapshot.</summary>
    public long EventsSinceSnapshot => Head.LastEvent - _snapshotEvent;

    /// <summary>What went wrong, once it has ended.</summary>
    public string EndMessage { get; private set; } = "";

    /// <summary>Takes a turn. Only while <see cref="HasRoom"/> and no deadline is due.</summary>
    public void Handle(WaitingTurn turn, long nowNanos)
    {
        try
        {
            _turn.Clear();
            turn = turn with { Decided = _ledger.Handle(turn.Command, nowNanos, _turn) };
            AddTurn();
        }
        catch (Exception exception)
        {
            EndAfterDefect(exception);
            _ports.Fail(turn, TenantFault.Defect, "this request hit a defect and had no effect");
            return;
        }

        // Not with the group in flight: its proof of ownership may be older than this turn.
        _open.Waiting.Add(turn);
    }

    /// <summary>Handles some deadlines that are due. Only while <see cref="HasRoom"/>; false after a defect.</summary>
    public bool HandleDeadlines(long nowNanos)
    {
        try
        {
            _turn.Clear();
            _ledger.HandleDeadlines(nowNanos, _turn);
            AddTurn();
            return true;
        }
        catch (Exception exception)
        {
            EndAfterDefect(exception);
            return false;
        }
    }

    /// <summary>
    /// Takes a query at the log's own time, while nothing can be written; only while <see cref="HasNothingToWrite"/>.
    /// It is answered like any group without events. False, and the loop has ended, when it would have recorded
    /// something.
    /// </summary>
    public bool TryTakeWithoutTime(WaitingTurn query)
    {
        Invariant.Holds(HasNothingToWrite);
        try
        {
            _turn.Clear();
            Answer answer = _ledger.Handle(query.Command, _ledger.LogTimeNanos, _turn);
            if (_turn.Count == 0)
            {
                _open.Waiting.Add(query with { Decided = answer });
                return true;
            }
        }
        catch (Exception exception)
        {
            _ports.ReportDefect(exception);
        }

        FailAll(_open, TenantFault.NotReady, "the tenant is being loaded again");
        End(TurnLoopState.EndedForReload, "a query would have recorded something");
        return false;
    }

    /// <summary>Sends what was decided, if nothing is in flight and no more is coming to go with it.</summary>
    public void Send()
    {
        if (_inFlight is not null || State is not (TurnLoopState.Running or TurnLoopState.Draining)) return;
        if (HasRoom && _ports.IsMoreComing()) return;
        if (_open.Events.Count > 0)
        {
            _open.Group.Seal(Head, Epoch);
            Invariant.Holds(_open.Group.Head.LastEvent - Head.LastEvent == _open.Events.Count);
            if (Head.LastEvent + _open.Events.Count - _snapshotEvent >= _snapshotInterval) Capture();
            _attempts = 1;
            Depart();
            _ports.BeginAppend(_inFlight.Group);
        }
        else if (_open.Waiting.Count > 0)
        {
            Depart();
            _ports.BeginConfirm();
        }
        else if (State == TurnLoopState.Draining)
        {
            End(TurnLoopState.EndedForReload, "a defect was caught");
        }
    }

    /// <summary>For a group without events the journal's head was read: whoever else appended shows there.</summary>
    public void Confirmed(JournalHead head)
    {
        Invariant.Holds(_inFlight is { Events.Count: 0 });
        if (head == Head)
        {
            AnswerAll(_inFlight!);
            Arrive();
            return;
        }

        FailAll(TenantFault.NotReady, TenantFault.NotReady, "the tenant is being loaded again");
        if (head.Epoch > Epoch) End(TurnLoopState.EndedByFence, "another owner has appended");
        else End(TurnLoopState.EndedByDamage, $"the journal ends with group {head.Sequence} and not {Head.Sequence}");
    }

    /// <summary>The journal's head could not be read.</summary>
    public void ConfirmFailed()
    {
        FailAll(TenantFault.NotReady, TenantFault.NotReady, "the store could not be read; nothing was recorded");
        End(TurnLoopState.EndedForReload, "the store could not be read");
    }

    /// <summary>The store's answer to the group in flight.</summary>
    public void AppendCompleted(AppendOutcome outcome)
    {
        Invariant.Holds(_inFlight is not null);
        switch (outcome)
        {
            case AppendOutcome.Appended:
                GroupIsDurable();
                break;
            case AppendOutcome.FenceLost:
                FailAll(TenantFault.NotReady, TenantFault.NotReady, "the tenant moved; nothing was recorded");
                End(TurnLoopState.EndedByFence, "the epoch is not current");
                break;
            case AppendOutcome.NoSpace:
                FailAll(TenantFault.StoreFull, TenantFault.StoreFull, "the store has no space; nothing was recorded");
                End(TurnLoopState.EndedByNoSpace, "the store has no space");
                break;
            case AppendOutcome.Unknown:
                if (State == TurnLoopState.Running) State = TurnLoopState.Resolving;
                else State = TurnLoopState.ResolvingDraining;
                _ports.BeginResolve();
                break;
        }
    }

    /// <summary>
    /// After an unknown append: a new epoch was acquired (0: it was not), and then this head was read. A head of a
    /// later epoch is another owner's, who wrote between the two; whether the group is before it is not known.
    /// </summary>
    public void Resolved(long epoch, JournalHead head)
    {
        JournalGroup mine = _inFlight!.Group;
        const string Unknown = "the store did not say whether the request was recorded";
        if (epoch == 0 || head.Epoch > epoch)
        {
            FailAll(TenantFault.OutcomeUnknown, TenantFault.NotReady, Unknown);
            End(TurnLoopState.EndedByFence, "another owner has the tenant");
            return;
        }

        State = State == TurnLoopState.Resolving ? TurnLoopState.Running : TurnLoopState.Draining;
        long attemptedEpoch = Epoch;
        Epoch = epoch;
        if (head == mine.Head)
        {
            GroupIsDurable();
        }
        else if (head.Epoch > attemptedEpoch && head.Sequence > Head.Sequence)
        {
            FailAll(TenantFault.OutcomeUnknown, TenantFault.NotReady, Unknown);
            End(TurnLoopState.EndedForReload, "another owner had the tenant before this one acquired it again");
        }
        else if (head != Head)
        {
            FailAll(TenantFault.OutcomeUnknown, TenantFault.NotReady, Unknown);
            End(TurnLoopState.EndedByDamage,
                $"after an append of unknown outcome the journal ends with group {head.Sequence} of epoch "
                + $"{head.Epoch}, which is neither group {mine.Sequence} nor the one before it");
        }
        else if (_attempts >= AppendAttemptsMax)
        {
            FailAll(
                TenantFault.NotReady, TenantFault.NotReady, "the store does not take the group; nothing was recorded");
            End(TurnLoopState.EndedForReload, "the store did not take a group");
        }
        else
        {
            // The new epoch keeps the old attempt out for ever, so the same events are appended under the new one.
            _attempts++;
            mine.Seal(Head, Epoch);
            _ports.BeginAppend(mine);
        }
    }

    /// <summary>After an unknown append: the store could not be asked.</summary>
    public void ResolveFailed()
    {
        FailAll(
            TenantFault.OutcomeUnknown,
            TenantFault.NotReady,
            "the store did not say whether the request was recorded");
        End(TurnLoopState.EndedForReload, "the store could not be asked about an unknown append");
    }

    /// <summary>The state as a snapshot at <see cref="Head"/>; only while idle. Null after a defect.</summary>
    public CapturedState? TakeSnapshot()
    {
        Invariant.Holds(IsIdle);
        try
        {
            return CaptureAt(Head);
        }
        catch (Exception exception)
        {
            EndAfterDefect(exception);
            return null;
        }
    }

    public void Dispose()
    {
        _open.Dispose();
        if (!ReferenceEquals(_spare, _open)) _spare.Dispose();
        // The store owns the buffer of a group in flight; it is left to the garbage collector.
    }

    private void AddTurn()
    {
        long expected = Head.LastEvent + (_inFlight?.Events.Count ?? 0) + _open.Events.Count;
        foreach (LedgerEvent added in _turn) Invariant.Holds(added.Sequence == ++expected);
        Invariant.Holds(_ledger.Sequence == expected);
        _open.Add(_turn);
    }

    private void GroupIsDurable()
    {
        OpenGroup durable = _inFlight!;
        Head = durable.Group.Head;
        _ports.Publish(durable.Events.ToArray());
        AnswerAll(durable);
        // An append that was tried again has another head than the one that was captured with.
        if (durable.Captured is { } captured) _ports.SaveSnapshot(captured with { Head = Head }, Epoch);
        Arrive();
    }

    [MemberNotNull(nameof(_inFlight))]
    private void Depart()
    {
        _inFlight = _open;
        _open = _spare;
    }

    private void Arrive()
    {
        _spare = _inFlight!;
        _spare.Reset();
        _inFlight = null;
        Send();
    }

    private void Capture()
    {
        try
        {
            _open.Captured = CaptureAt(_open.Group.Head);
        }
        catch (Exception exception)
        {
            EndAfterDefect(exception);
        }
    }

    // Storing a snapshot takes time with its records; the next waits for as many events: a constant share of the work.
    private CapturedState CaptureAt(JournalHead head)
    {
        var captured = new CapturedState(head, _ledger.NextDeadlineNanos, _ledger.Capture());
        _snapshotEvent = head.LastEvent;
        _snapshotInterval = Math.Max(_snapshotEveryEvents, captured.Ledger.Records);
        return captured;
    }

    private void EndAfterDefect(Exception exception)
    {
        // The ledger's memory may be half-changed: no further turn. What was decided before is sound and is still sent.
        _ports.ReportDefect(exception);
        if (State == TurnLoopState.Running) State = TurnLoopState.Draining;
    }

    private void AnswerAll(OpenGroup group)
    {
        foreach (WaitingTurn turn in group.Waiting) _ports.Answer(turn);
        group.Waiting.Clear();
    }

    private void FailAll(TenantFault inFlight, TenantFault open, string message)
    {
        FailAll(_inFlight!, inFlight, message);
        const string NotSent = "the request was not recorded; the tenant is being loaded again";
        FailAll(_open, open, open == inFlight ? message : NotSent);
    }

    private void FailAll(OpenGroup group, TenantFault fault, string message)
    {
        foreach (WaitingTurn turn in group.Waiting)
        {
            // What a query saw is gone; it had no effect in any case.
            if (turn.Kind == CommandKind.Query) _ports.Fail(turn, TenantFault.NotReady, "the tenant is being loaded");
            else _ports.Fail(turn, fault, message);
        }

        group.Waiting.Clear();
    }

    private void End(TurnLoopState state, string message)
    {
        State = state;
        EndMessage = message;
    }
}

/// <summary>Where a turn loop stands.</summary>
internal enum TurnLoopState
{
    /// <summary>Takes turns.</summary>
    Running,

    /// <summary>An append's outcome is being found out; no turn, no answer.</summary>
    Resolving,

    /// <summary>After a bug: sends what was decided before it.</summary>
    Draining,

    /// <summary>Both: an append's outcome is being found out after a bug.</summary>
    ResolvingDraining,

    /// <summary>Ended: memory must be dropped and loaded again.</summary>
    EndedForReload,

    /// <summary>Ended: someone else may own the tenant.</summary>
    EndedByFence,

    /// <summary>Ended: nothing can be written for now.</summary>
    EndedByNoSpace,

    /// <summary>Ended: the journal is not what it should be.</summary>
    EndedByDamage,
}
