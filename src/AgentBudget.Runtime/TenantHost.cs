using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Metrics;
using AgentBudget.Runtime.Tenants;
using AgentBudget.Runtime.Time;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime;

/// <summary>
/// The tenants of one silo. A tenant is activated by its first command or deadline and leaves memory when it is idle.
/// Start it, use it, stop it; the store outlives it and is closed by who opened it.
/// </summary>
public sealed partial class TenantHost : ITenantHost, IAsyncDisposable
{
    /// <summary>Length of a tenant's name in UTF-16 units: room for any id of the catalog.</summary>
    public const int TenantLengthMax = 256;

    private const int SweepsPerIdleTime = 4; // An idle tenant stays at most a quarter longer than it should.

    private readonly ConcurrentDictionary<string, TenantSlot> _slots = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();
    private readonly TenantServices _services;
    private readonly ITimer _sweep;
    private string[] _tenants = [];
    private volatile HostState _state;

    /// <summary>Makes a host. Throws <see cref="ArgumentOutOfRangeException"/> for options out of range.</summary>
    /// <param name="store">Where the ledgers are; not disposed by the host.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">Wall clock, steady clock and timers.</param>
    /// <param name="loggers">Logs.</param>
    public TenantHost(ILedgerStore store, TenantHostOptions options, TimeProvider time, ILoggerFactory loggers)
        : this(store, options, time, loggers, new TenantLedgers())
    {
    }

    /// <param name="store">Where the ledgers are.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">Clocks and timers.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="ledgers">Makes ledgers.</param>
    /// <param name="runSoon">Runs slots' steps and answers; the thread pool when null. A test steps on one thread.
    /// </param>
    internal TenantHost(
        ILedgerStore store,
        TenantHostOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        ITurnLedgers ledgers,
        Action<IThreadPoolWorkItem>? runSoon = null)
    {
        options.Check();
        ILogger logger = loggers.CreateLogger<TenantHost>();
        _services = new TenantServices(
            store,
            new LedgerLoader(store, ledgers, logger),
            new SnapshotKeeper(store, ledgers, options.SnapshotRestoredBytesMax, logger),
            new StoreSpace(store, time, StepAll, logger),
            new SemaphoreSlim(options.LoadsAtOnceMax),
            new LogClock(time, logger),
            time,
            options,
            runSoon ?? RunOnPool,
            AddTenant,
            new RuntimeMetrics(() => _slots.Select(slot => slot.Value)),
            logger);
        _sweep = time.CreateTimer(
            static host => ((TenantHost)host!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    private enum HostState
    {
        Starting,
        Running,
        Stopping,
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Tenants => Volatile.Read(ref _tenants);

    /// <summary>
    /// What is measured here: ledger events, decisions, appends, tenants, sessions, queues. Nothing of a spend is in it
    /// before it is durable. Ends when the host has stopped.
    /// </summary>
    public Meter Meter => _services.Metrics.Meter;

    /// <summary>Whether commands are taken.</summary>
    public bool IsRunning => _state == HostState.Running;

    /// <summary>
    /// Finds the tenants and begins to take commands. Tenants whose next deadline is not known are loaded in the
    /// background. Throws <see cref="StoreException"/>.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredTenant> tenants = await _services.Store.ListTenantsAsync(cancellationToken);
        lock (_gate) _tenants = [.. tenants.Select(tenant => tenant.Name)];
        foreach (StoredTenant tenant in tenants)
        {
            bool isDeadlineKnown = tenant.SnapshotEvent == tenant.LastEvent;
            var slot = new TenantSlot(
                tenant.Name,
                _services,
                tenant.LastEvent,
                isDeadlineKnown ? tenant.NextDeadlineNanos : 0);
            _slots[tenant.Name] = slot;
            slot.Schedule();
        }

        TimeSpan interval = _services.Options.PassivateAfter / SweepsPerIdleTime;
        _sweep.Change(interval, interval);
        _state = HostState.Running;
        Log.Started(_services.Logger, tenants.Count);
    }

    /// <summary>
    /// Takes no new commands, lets those in flight finish, takes snapshots and ends watches. Cancelling stops the
    /// waiting only: nothing acknowledged depends on what is left undone.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _state = HostState.Stopping;
        await _sweep.DisposeAsync();
        // All begin to stop before any is waited for; one after the other, so that a host on one thread stays on it.
        Task[] stops = [.. _slots.Values.Select(slot => slot.StopAsync())];
        foreach (Task stop in stops) await stop.WaitAsync(cancellationToken);
        _services.Space.Dispose();
        _services.Metrics.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    /// <inheritdoc/>
    public void Submit(string tenant, Command command, PendingCommand pending)
    {
        ArgumentNullException.ThrowIfNull(pending);
        pending.Ask(command);
        // A tenant begins with its catalog; nothing else leaves a trace of a name that nobody has.
        if (_state != HostState.Running)
            TurnAway(pending, TenantFault.NotReady, "the host is starting or stopping");
        else if (_slots.TryGetValue(tenant, out TenantSlot? slot))
            slot.Submit(pending);
        else if (command is not ApplyCatalogCommand)
            pending.Complete(new Answer(Outcome.TenantNotFound));
        else if (TryAddSlot(tenant) is { } added)
            added.Submit(pending);
        else
            TurnAway(pending, TenantFault.Busy, "this host has too many tenants");
    }

    private static void TurnAway(PendingCommand pending, TenantFault fault, string message) =>
        pending.Complete(new TenantException(fault, message));

    /// <inheritdoc/>
    public ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_slots.TryGetValue(tenant, out TenantSlot? slot) ? slot.Hub.DurableSequence : 0);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(eventsMax, 1);
        return _slots.TryGetValue(tenant, out TenantSlot? slot)
            ? await ReadAsync(slot, fromSequence, eventsMax, cancellationToken)
            : [];
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
        string tenant, long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        TenantSlot slot = TryAddSlot(tenant)
            ?? throw new TenantException(TenantFault.Busy, "this host has too many tenants");
        using EventReader reader = slot.Hub.AddReader(fromSequence);
        long next = fromSequence;
        while (await IsThereAsync(slot, next, cancellationToken))
        {
            IReadOnlyList<LedgerEvent> batch;
            try
            {
                batch = await ReadAsync(slot, next, EventsPerWatchBatchMax, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                yield break;
            }

            yield return batch;
            next += batch.Count;
            reader.NextSequence = next;
        }
    }

    private const int EventsPerWatchBatchMax = 4096; // One group.

    private static async ValueTask<bool> IsThereAsync(
        TenantSlot slot, long sequence, CancellationToken cancellationToken)
    {
        try
        {
            return await slot.Hub.WaitAsync(sequence - 1, cancellationToken)
                && !cancellationToken.IsCancellationRequested;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        TenantSlot slot, long fromSequence, int eventsMax, CancellationToken cancellationToken)
    {
        long durable = slot.Hub.DurableSequence;
        if (fromSequence > durable) return [];
        if (slot.Hub.TryRead(fromSequence, out ReadOnlyMemory<LedgerEvent> recent))
            return Slice(recent, eventsMax);
        try
        {
            return await JournalReader.ReadAsync(
                _services.Store, slot.Tenant, fromSequence, durable, eventsMax, cancellationToken);
        }
        catch (JournalDamagedException damage)
        {
            throw new TenantException(TenantFault.JournalDamaged, damage.Message, damage);
        }
        catch (StoreException exception)
        {
            throw new TenantException(TenantFault.NotReady, "the ledger cannot be read now", exception);
        }
    }

    private static ArraySegment<LedgerEvent> Slice(ReadOnlyMemory<LedgerEvent> events, int eventsMax)
    {
        bool isArray = System.Runtime.InteropServices.MemoryMarshal.TryGetArray(
            events, out ArraySegment<LedgerEvent> segment);
        Invariant.Holds(isArray);
        return segment.Count <= eventsMax ? segment : segment[..eventsMax];
    }

    private TenantSlot? TryAddSlot(string tenant)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tenant.Length, TenantLengthMax);
        if (_slots.TryGetValue(tenant, out TenantSlot? slot)) return slot;
        lock (_gate)
        {
            if (_slots.TryGetValue(tenant, out slot)) return slot;
            if (_slots.Count >= _services.Options.TenantsMax) return null;
            slot = new TenantSlot(tenant, _services, durableSequence: 0, passiveDeadlineNanos: long.MaxValue);
            _slots[tenant] = slot;
        }

        // One that comes while the host stops is stopped as well, so that nobody waits for it.
        if (_state == HostState.Stopping) _ = slot.StopAsync();
        return slot;
    }

    private static void RunOnPool(IThreadPoolWorkItem work) =>
        ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);

    private void AddTenant(string tenant)
    {
        lock (_gate)
        {
            int place = Array.BinarySearch(_tenants, tenant, StringComparer.Ordinal);
            if (place < 0) Volatile.Write(ref _tenants, [.. _tenants[..~place], tenant, .. _tenants[~place..]]);
        }
    }

    private void StepAll()
    {
        foreach (TenantSlot slot in _slots.Values) slot.Schedule();
    }

    private void Sweep()
    {
        foreach (TenantSlot slot in _slots.Values) slot.ConsiderPassivation();
    }

    private static partial class Log
    {
        [LoggerMessage(3301, LogLevel.Information, "Serving {Tenants} tenants")]
        public static partial void Started(ILogger logger, int tenants);
    }
}
