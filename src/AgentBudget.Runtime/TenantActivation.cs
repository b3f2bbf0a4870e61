using System.Collections.Concurrent;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime;

/// <summary>
/// One tenant in memory, with the right to write its journal: loads it, takes its turns, appends in groups, handles its
/// deadlines, takes snapshots. Host-free: commands are data, time and the store are ports, and it runs a step when its
/// host says so.
/// <para>
/// Whatever arrives is put aside and one step is asked for; steps never overlap, so all below the intake is
/// single-threaded without a lock or a thread of its own.
/// </para>
/// <code>
/// Idle ── command, deadline ──► Loading ── loaded ──► Active ── stopped ──► Ended
///   ▲                              │  ▲                 ├── loop ended ──► Loading (Ended when the fence was lost)
///   └── could not be loaded ───────┘  └─────────────────┘
///                                  └── damage ──► Halted ── stopped ──► Ended
/// </code>
/// </summary>
public sealed partial class TenantActivation : IThreadPoolWorkItem, IAppendCompletion, IDisposable
{
    /// <summary>Turns between two looks at what else arrived: a group is on its way within a millisecond.</summary>
    private const int TurnsPerStep = 256;

    /// <summary>
    /// A group waits at most this long for commands that are arriving. A silo that is full answers more calls with
    /// larger groups, and sooner; one that is not finds nothing arriving and does not wait.
    /// </summary>
    private static readonly TimeSpan HoldBackMax = TimeSpan.FromMilliseconds(2);

    private const int NoOutcome = 0; // Otherwise the outcome's number plus one.

    private readonly ActivationServices _services;
    private readonly IActivationHost _host;
    private readonly ConcurrentQueue<CommandBatch> _arrived = new();
    private readonly ConcurrentQueue<Action> _inputs = new();
    private readonly Queue<CommandBatch> _backlog = new();
    private readonly ITimer _timer;
    private int _backlogPlace; // Of the next command in the first batch of the backlog.
    private int _appendOutcome;
    private int _tick;
    private int _isScheduled;
    private int _waitingCommands;
    private int _waitingSettlements;
    private long _armedFor = long.MaxValue;
    private long _heldBackSince; // Timestamp; 0 while nothing is held back.
    private long _appendBegan; // Timestamp of the append that is under way.
    private int _openSessions; // By what is durable.

    /// <summary>Makes one that loads with its first command, or when it is told to <see cref="Load"/>.</summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="services">What the silo's activations share.</param>
    /// <param name="host">Runs it.</param>
    public TenantActivation(string tenant, ActivationServices services, IActivationHost host)
        : this(tenant, services, host, new EventHub((services ?? throw new ArgumentNullException(nameof(services)))
            .Options.RecentEventsMax))
    {
    }

    internal TenantActivation(string tenant, ActivationServices services, IActivationHost host, EventHub recent)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        Tenant = tenant;
        _services = services;
        _host = host;
        Recent = recent;
        _timer = services.Time.CreateTimer(
            static activation => ((TenantActivation)activation!).Tick(), this, Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
        services.Began(this);
    }

    /// <summary>Whose it is.</summary>
    public string Tenant { get; }

    /// <summary>Sequence of the last durable event that this activation knows. Any thread.</summary>
    public long DurableSequence => Recent.DurableSequence;

    internal EventHub Recent { get; }

    /// <summary>Sessions that may spend, by what is durable. Any thread.</summary>
    internal int OpenSessions => Volatile.Read(ref _openSessions);

    /// <summary>Commands that wait, but for commits and releases. Any thread.</summary>
    internal int WaitingCommands => Volatile.Read(ref _waitingCommands);

    /// <summary>Commits and releases that wait. Any thread.</summary>
    internal int WaitingSettlements => Volatile.Read(ref _waitingSettlements);

    /// <summary>
    /// Durable events from <paramref name="fromSequence"/> on that are still in memory; false when they are older, or
    /// not there yet. Any thread. The events are shared: nobody changes them.
    /// </summary>
    public bool TryReadRecent(long fromSequence, out ReadOnlyMemory<LedgerEvent> events) =>
        Recent.TryRead(fromSequence, out events);

    /// <summary>
    /// Takes commands in; <see cref="CommandBatch.Answered"/> says what came of them. How many may wait is bounded by
    /// whoever sends them. Any thread.
    /// </summary>
    public void Submit(CommandBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        foreach (Command command in batch.Commands) Count(CommandKinds.Of(command), 1);
        _arrived.Enqueue(batch);
        Schedule();
    }

    /// <summary>The store's answer. Any thread; one append is under way at most.</summary>
    void IAppendCompletion.AppendCompleted(AppendOutcome outcome)
    {
        _services.Metrics.AppendEnded(outcome, _services.Time.GetElapsedTime(_appendBegan));
        Interlocked.Exchange(ref _appendOutcome, (int)outcome + 1);
        Schedule();
    }

    /// <summary>Asks for a step even though nothing arrived. Any thread.</summary>
    internal void Schedule()
    {
        // What arrived was published by an interlocked write, so a step that is not seen to have ended will see it.
        if (Volatile.Read(ref _isScheduled) == 0 && Interlocked.Exchange(ref _isScheduled, 1) == 0)
            _host.RunSoon(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        // One step at a time: behind it in the host's queue wait the calls that will fill the next.
        if (!Step())
        {
            Interlocked.Exchange(ref _isScheduled, 0);
            if (!HasInput() || Interlocked.Exchange(ref _isScheduled, 1) != 0) return;
        }

        _host.RunSoon(this);
    }

    private bool HasInput() =>
        !_arrived.IsEmpty
        || Volatile.Read(ref _appendOutcome) != NoOutcome
        || Volatile.Read(ref _tick) != 0
        || !_inputs.IsEmpty;

    /// <summary>Looks at the time again, and for how long to wait from now on. Any thread.</summary>
    internal void Tick()
    {
        Interlocked.Exchange(ref _tick, 1);
        Schedule();
    }

    private void Post(Action input)
    {
        _inputs.Enqueue(input);
        Schedule();
    }

    private void Count(CommandKind kind, int change)
    {
        if (kind == CommandKind.Settlement) Interlocked.Add(ref _waitingSettlements, change);
        else Interlocked.Add(ref _waitingCommands, change);
    }

    /// <summary>Handles what has arrived; true when there is more to do at once.</summary>
    private bool Step()
    {
        while (_inputs.TryDequeue(out Action? input)) input();
        if (Interlocked.Exchange(ref _tick, 0) != 0) _armedFor = long.MaxValue;
        int outcome = Interlocked.Exchange(ref _appendOutcome, NoOutcome);
        if (outcome != NoOutcome) _loop!.AppendCompleted((AppendOutcome)(outcome - 1));
        while (_arrived.TryDequeue(out CommandBatch? batch)) _backlog.Enqueue(batch);
        long now = _services.Clock.NowNanos();
        bool hasMore = StepState(now);
        if (_isStopping) StepStop();
        ArmTimer(now);
        return hasMore;
    }

    private bool TryTake(out WaitingTurn turn)
    {
        if (!_backlog.TryPeek(out CommandBatch? batch))
        {
            turn = default;
            return false;
        }

        turn = new WaitingTurn(batch, _backlogPlace++);
        if (_backlogPlace == batch.Commands.Count)
        {
            _backlog.Dequeue();
            _backlogPlace = 0;
        }

        return true;
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
