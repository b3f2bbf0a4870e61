using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Lanes;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Time;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime.Tests;

/// <summary>Bounds of a host of activations.</summary>
internal sealed record ActivationHostOptions
{
    public ActivationOptions Activations { get; init; } = new();

    /// <summary>Null: each command reaches its activation at once and alone, instead of through a lane.</summary>
    public LaneOptions? Lanes { get; init; }

    /// <summary>A tenant that was not used for as long leaves memory.</summary>
    public TimeSpan PassivateAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Whether log time is corrected while nobody asks, too.</summary>
    public bool CatchesUpByItself { get; init; } = true;
}

/// <summary>
/// Hosts activations in one process without Orleans: the second of their two hosts, for the simulator and for tests of
/// the runtime alone. A tenant is activated by its first command or deadline and leaves memory when it is idle.
/// </summary>
internal sealed class ActivationHost : ITenantHost, IAsyncDisposable
{
    private const int SweepsPerIdleTime = 4;
    private const int EventsPerWatchBatchMax = 4096;

    private readonly ConcurrentDictionary<string, HostedTenant> _hosted = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _tenants = new(StringComparer.Ordinal);
    private readonly ILedgerStore _store;
    private readonly ActivationHostOptions _options;
    private readonly LogClock _clock;
    private readonly ActivationServices _services;
    private readonly TimeProvider _time;
    private readonly Action<IThreadPoolWorkItem> _runSoon;
    private readonly ILogger _logger;
    private readonly ITimer _sweep;
    private bool _isStopping;

    /// <param name="store">Where the ledgers are.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">Clocks and timers.</param>
    /// <param name="loggers">Logs.</param>
    /// <param name="ledgers">Makes ledgers; the real ones when null.</param>
    /// <param name="runSoon">Runs steps and answers; the thread pool when null.</param>
    internal ActivationHost(
        ILedgerStore store,
        ActivationHostOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        ITurnLedgers? ledgers = null,
        Action<IThreadPoolWorkItem>? runSoon = null)
    {
        options.Lanes?.Check();
        _store = store;
        _options = options;
        _time = time;
        _logger = loggers.CreateLogger<ActivationHost>();
        _runSoon = runSoon ?? (static work => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false));
        _clock = new LogClock(time, loggers.CreateLogger<LogClock>());
        if (options.CatchesUpByItself) _clock.CatchUpByItself();
        _services = new ActivationServices(
            store, options.Activations, time, loggers, ledgers ?? new TenantLedgers(), _clock);
        _sweep = time.CreateTimer(
            static host => ((ActivationHost)host!).Sweep(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public IReadOnlyList<string> Tenants
    {
        get
        {
            lock (_tenants) return [.. _tenants];
        }
    }

    public Meter Meter => _services.Meter;

    public bool IsRunning { get; private set; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (StoredTenant stored in await _store.ListTenantsAsync(cancellationToken))
        {
            bool isDeadlineKnown = stored.SnapshotEvent == stored.LastEvent;
            Host(stored.Name).Stored(stored.LastEvent, isDeadlineKnown ? stored.NextDeadlineNanos : 0);
        }

        TimeSpan interval = _options.PassivateAfter / SweepsPerIdleTime;
        _sweep.Change(interval, interval);
        IsRunning = true;
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        IsRunning = false;
        _isStopping = true;
        await _sweep.DisposeAsync();
        Task[] stops = [.. _hosted.Values.Select(hosted => hosted.StopAsync())];
        foreach (Task stop in stops) await stop.WaitAsync(cancellationToken);
        foreach (HostedTenant hosted in _hosted.Values) hosted.Recent.Complete();
        _services.Dispose();
        _clock.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    public void Submit(string tenant, Command command, PendingCommand pending)
    {
        pending.Ask(command);
        if (!IsRunning)
            pending.Complete(new Reply(default, TenantFault.NotReady, "the host is starting or stopping"));
        else if (_hosted.TryGetValue(tenant, out HostedTenant? hosted))
            hosted.Submit(pending);
        else if (command is ApplyCatalogCommand)
            Host(tenant).Submit(pending);
        else
            _ = SubmitFirstAsync(tenant, pending);
    }

    // A tenant begins with its catalog, which another host may have taken.
    private async Task SubmitFirstAsync(string tenant, PendingCommand pending)
    {
        try
        {
            JournalHead head = await _store.ReadHeadAsync(tenant, CancellationToken.None);
            if (head == JournalHead.Empty) pending.Complete(new Reply(new Answer(Outcome.TenantNotFound)));
            else Host(tenant).Submit(pending);
        }
        catch (StoreException exception)
        {
            pending.Complete(new Reply(default, TenantFault.NotReady, exception.Message));
        }
    }

    public ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken) =>
        ValueTask.FromResult(_hosted.TryGetValue(tenant, out HostedTenant? hosted) ? hosted.Recent.DurableSequence : 0);

    public async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        return _hosted.TryGetValue(tenant, out HostedTenant? hosted)
            ? await ReadAsync(hosted, fromSequence, eventsMax, cancellationToken)
            : [];
    }

    public IAsyncEnumerable<Reply> WatchSessionAsync(
        string tenant, long session, CancellationToken cancellationToken) =>
        this.FollowSessionAsync(tenant, session, _services.Time, cancellationToken);

    public async IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
        string tenant, long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        HostedTenant hosted = Host(tenant);
        using EventReader reader = hosted.Recent.AddReader(fromSequence);
        long next = fromSequence;
        while (await IsThereAsync(hosted.Recent, next, cancellationToken))
        {
            IReadOnlyList<LedgerEvent> batch =
                await ReadAsync(hosted, next, EventsPerWatchBatchMax, cancellationToken);
            yield return batch;
            next += batch.Count;
            reader.NextSequence = next;
        }
    }

    private static async ValueTask<bool> IsThereAsync(
        EventHub recent, long sequence, CancellationToken cancellationToken)
    {
        try
        {
            return await recent.WaitAsync(sequence - 1, cancellationToken)
                && !cancellationToken.IsCancellationRequested;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        HostedTenant hosted, long fromSequence, int eventsMax, CancellationToken cancellationToken)
    {
        long durable = hosted.Recent.DurableSequence;
        if (fromSequence > durable) return [];
        if (hosted.Recent.TryRead(fromSequence, out ReadOnlyMemory<LedgerEvent> recent))
            return recent.Length <= eventsMax ? recent.ToArray() : recent[..eventsMax].ToArray();
        try
        {
            return await JournalReader.ReadAsync(
                _store, hosted.Tenant, fromSequence, durable, eventsMax, cancellationToken);
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

    private HostedTenant Host(string tenant) => _hosted.GetOrAdd(tenant, name => new HostedTenant(this, name));

    private void Sweep()
    {
        foreach (HostedTenant hosted in _hosted.Values) hosted.LeaveIfIdle();
    }

    /// <summary>A tenant's place here: its lane and recent events stay, its activation comes and goes.</summary>
    private sealed class HostedTenant : IActivationHost
    {
        private readonly Lock _gate = new();
        private readonly ActivationHost _host;
        private readonly Lane? _lane;
        private readonly ITimer _wake;
        private TenantActivation? _activation;
        private long _deadlineNanos = long.MaxValue;
        private long _lastUseNanos;

        public HostedTenant(ActivationHost host, string tenant)
        {
            _host = host;
            Tenant = tenant;
            Recent = new EventHub(host._options.Activations.RecentEventsMax);
            if (host._options.Lanes is { } lanes)
                _lane = new Lane(tenant, lanes, CarryAsync, host._runSoon, host._logger);
            _wake = host._time.CreateTimer(
                static hosted => ((HostedTenant)hosted!).Wake(), this, Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }

        public string Tenant { get; }

        public EventHub Recent { get; }

        /// <summary>It is in the store, and is to be woken at a time.</summary>
        public void Stored(long lastEvent, long deadlineNanos)
        {
            Published(lastEvent);
            Recent.Loaded(lastEvent);
            if (deadlineNanos > _host._services.NowNanos) WakeAt(deadlineNanos);
            else Activate()?.Load();
        }

        public void Submit(PendingCommand pending)
        {
            Volatile.Write(ref _lastUseNanos, _host._services.NowNanos);
            if (_lane is null) _ = CarryAsync(pending);
            else _lane.Submit(pending);
        }

        /// <summary>As the runtime of grains does it: by the last call, whatever the deadlines are.</summary>
        public void LeaveIfIdle()
        {
            if (_host._services.NowNanos - Volatile.Read(ref _lastUseNanos)
                >= _host._options.PassivateAfter.Ticks * TimeSpan.NanosecondsPerTick)
            {
                _ = Present()?.StopAsync();
            }
        }

        public Task StopAsync()
        {
            _wake.Dispose();
            return Present()?.StopAsync() ?? Task.CompletedTask;
        }

        public void RunSoon(IThreadPoolWorkItem step) => _host._runSoon(step);

        public void Published(long durableSequence)
        {
            if (durableSequence == 0) return;
            lock (_host._tenants) _host._tenants.Add(Tenant);
        }

        public void Ended()
        {
            long deadlineNanos;
            lock (_gate)
            {
                deadlineNanos = _activation!.NextDeadlineNanos;
                _activation = null;
            }

            Recent.Clear();
            if (!_host._isStopping) WakeAt(deadlineNanos);
        }

        private async Task CarryAsync(PendingCommand pending)
        {
            Reply[] replies = await CarryAsync([pending.Command]);
            pending.Complete(replies[0]);
        }

        private async Task<Reply[]> CarryAsync(Command[] commands)
        {
            var batch = new CommandBatch(commands);
            if (Activate() is not { } activation)
                return [.. commands.Select(_ => new Reply(default, TenantFault.NotReady, "the host is stopping"))];
            activation.Submit(batch);
            return await batch.Answered;
        }

        private TenantActivation? Present()
        {
            lock (_gate) return _activation;
        }

        private TenantActivation? Activate()
        {
            lock (_gate)
            {
                if (_host._isStopping && _activation is null) return null;
                if (_activation is null) Volatile.Write(ref _lastUseNanos, _host._services.NowNanos);
                return _activation ??= new TenantActivation(Tenant, _host._services, this, Recent);
            }
        }

        private void Wake()
        {
            if (Present() is null && _host._services.NowNanos < _deadlineNanos) WakeAt(_deadlineNanos);
            else Activate()?.Load();
        }

        private void WakeAt(long deadlineNanos)
        {
            _deadlineNanos = deadlineNanos;
            if (deadlineNanos == long.MaxValue) return;
            long delay = Math.Clamp((deadlineNanos - _host._services.NowNanos) / 1_000_000, 0, 3_600_000) + 1;
            _wake.Change(TimeSpan.FromMilliseconds(delay), Timeout.InfiniteTimeSpan);
        }
    }
}
