using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Tenants;

/// <summary>
/// A tenant's place on this silo: its intake and event hub for as long as the host lives, its turn loop while it is
/// active.
/// <para>
/// Whatever arrives is put aside and one step of the slot is scheduled on the thread pool; a step is never run twice at
/// once, so all below the intake is single-threaded without a lock or a thread of its own.
/// </para>
/// <code>
/// Passive ── command, deadline ──► Loading ── loaded ──► Active ── idle ──► Passive
///                                     │                    ├── loop ended ──► Loading (Passive when the fence was
///                                     lost) └── damage ──► Halted ◄── damage ──┘          any ── stop ──► Stopped
/// </code>
/// </summary>
internal sealed partial class TenantSlot : IThreadPoolWorkItem, IAppendCompletion, IDisposable
{
    /// <summary>Turns between two looks at what else arrived: a group is on its way within a millisecond.</summary>
    private const int TurnsPerStep = 256;

    /// <summary>
    /// A group waits at most this long for commands that are arriving. A silo that is full answers more calls with
    /// larger groups, and sooner; one that is not finds nothing arriving and does not wait.
    /// </summary>
    private static readonly TimeSpan HoldBackMax = TimeSpan.FromMilliseconds(2);

    private const int NoOutcome = 0; // Otherwise the outcome's number plus one.

    private readonly TenantServices _services;
    private readonly System.Collections.Concurrent.ConcurrentQueue<Action> _inputs = new();
    private readonly ITimer _timer;
    private PendingCommand? _intake; // The newest first; the step turns it around.
    private int _appendOutcome;
    private int _tick;
    private int _isScheduled;
    private int _waitingCommands;
    private int _waitingSettlements;
    private CommandList _backlog;
    private AnswerBatch? _answers;
    private long _armedFor = long.MaxValue;
    private long _heldBackSince; // Timestamp; 0 while nothing is held back.
    private long _appendBegan; // Timestamp of the append that is under way.
    private int _openSessions; // By what is durable.

    /// <param name="tenant">Whose.</param>
    /// <param name="services">What all tenants share.</param>
    /// <param name="durableSequence">Sequence of the last event in the journal.</param>
    /// <param name="passiveDeadlineNanos">When it is to be activated, command or not.</param>
    public TenantSlot(string tenant, TenantServices services, long durableSequence, long passiveDeadlineNanos)
    {
        Tenant = tenant;
        _services = services;
        _passiveDeadlineNanos = passiveDeadlineNanos;
        Hub = new EventHub(services.Options.RecentEventsMax);
        Hub.Loaded(durableSequence);
        _timer = services.Time.CreateTimer(
            static slot => ((TenantSlot)slot!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public string Tenant { get; }

    public EventHub Hub { get; }

    /// <summary>
    /// Sessions that may spend, by what is durable; of a tenant that left memory, as it left. Any thread.
    /// </summary>
    public int OpenSessions => Volatile.Read(ref _openSessions);

    /// <summary>Commands that wait, but for commits and releases. Any thread.</summary>
    public int WaitingCommands => Volatile.Read(ref _waitingCommands);

    /// <summary>Commits and releases that wait. Any thread.</summary>
    public int WaitingSettlements => Volatile.Read(ref _waitingSettlements);

    /// <summary>Takes a command in, or turns it away. Any thread.</summary>
    public void Submit(PendingCommand pending)
    {
        if (!TryEnter(pending.Kind))
        {
            pending.Complete(new TenantException(TenantFault.Busy, $"too many requests wait for tenant '{Tenant}'"));
            return;
        }

        PendingCommand? newest = Volatile.Read(ref _intake);
        while (true)
        {
            pending.Next = newest;
            PendingCommand? seen = Interlocked.CompareExchange(ref _intake, pending, newest);
            if (ReferenceEquals(seen, newest)) break;
            newest = seen;
        }

        Schedule();
    }

    /// <summary>The store's answer. Any thread; one append is under way at most.</summary>
    public void AppendCompleted(AppendOutcome outcome)
    {
        _services.Metrics.AppendEnded(outcome, _services.Time.GetElapsedTime(_appendBegan));
        Interlocked.Exchange(ref _appendOutcome, (int)outcome + 1);
        Schedule();
    }

    /// <summary>Takes a step even though nothing arrived. Any thread.</summary>
    public void Schedule()
    {
        // What arrived was published by an interlocked write, so a step that is not seen to have ended will see it.
        if (Volatile.Read(ref _isScheduled) == 0 && Interlocked.Exchange(ref _isScheduled, 1) == 0)
            _services.RunSoon(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        // One step at a time: behind it in the pool's queue wait the calls that will fill the next.
        if (!Step())
        {
            Interlocked.Exchange(ref _isScheduled, 0);
            if (!HasInput() || Interlocked.Exchange(ref _isScheduled, 1) != 0) return;
        }

        _services.RunSoon(this);
    }

    private bool HasInput() =>
        Volatile.Read(ref _intake) is not null
        || Volatile.Read(ref _appendOutcome) != NoOutcome
        || Volatile.Read(ref _tick) != 0
        || !_inputs.IsEmpty;

    private void Tick()
    {
        Interlocked.Exchange(ref _tick, 1);
        Schedule();
    }

    private void Post(Action input)
    {
        _inputs.Enqueue(input);
        Schedule();
    }

    private bool TryEnter(CommandKind kind)
    {
        bool isSettlement = kind == CommandKind.Settlement;
        ref int waiting = ref isSettlement ? ref _waitingSettlements : ref _waitingCommands;
        int bound = isSettlement
            ? _services.Options.WaitingSettlementsMax
            : _services.Options.WaitingCommandsMax;
        if (Interlocked.Increment(ref waiting) <= bound) return true;
        Interlocked.Decrement(ref waiting);
        return false;
    }

    private void Leave(CommandKind kind)
    {
        if (kind == CommandKind.Settlement) Interlocked.Decrement(ref _waitingSettlements);
        else Interlocked.Decrement(ref _waitingCommands);
    }

    /// <summary>Handles what has arrived; true when there is more to do at once.</summary>
    private bool Step()
    {
        while (_inputs.TryDequeue(out Action? input)) input();
        if (Interlocked.Exchange(ref _tick, 0) != 0) _armedFor = long.MaxValue;
        int outcome = Interlocked.Exchange(ref _appendOutcome, NoOutcome);
        if (outcome != NoOutcome) _loop!.AppendCompleted((AppendOutcome)(outcome - 1));
        SendAnswers();
        TakeIntake();
        long now = _services.Clock.NowNanos();
        bool hasMore = StepState(now);
        if (_isStopping) StepStop();
        SendAnswers();
        ArmTimer(now);
        return hasMore;
    }

    private void TakeIntake()
    {
        if (Volatile.Read(ref _intake) is null) return;
        PendingCommand? newest = Interlocked.Exchange(ref _intake, null);
        PendingCommand? oldest = null;
        while (newest is not null)
        {
            PendingCommand? next = newest.Next;
            newest.Next = oldest;
            oldest = newest;
            newest = next;
        }

        while (oldest is not null)
        {
            PendingCommand? next = oldest.Next;
            _backlog.Add(oldest);
            oldest = next;
        }
    }

    private void ArmTimer(long now)
    {
        long next = NextWakeNanos(now);
        if (next >= _armedFor) return;
        _armedFor = next;
        long delay = Math.Clamp((next - now) / 1_000_000, 0, TimerDelayMillisecondsMax) + 1;
        _timer.Change(TimeSpan.FromMilliseconds(delay), Timeout.InfiniteTimeSpan);
        // The clock may have gone on since, and a delay is counted from now.
        if (next > now && _services.Clock.NowNanos() >= next) Tick();
    }
}
