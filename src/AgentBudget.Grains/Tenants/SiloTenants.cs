using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Grains.Feeds;
using AgentBudget.Grains.Lanes;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Time;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Tenants;

/// <summary>
/// The tenants as this silo's callers see them, wherever their grains are: a lane to each for commands, a feed of each
/// that is watched.
/// </summary>
internal sealed partial class SiloTenants : ITenantHost, ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int EventsPerWatchBatchMax = 4096; // One group.

    private readonly ConcurrentDictionary<string, Lane> _lanes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, TenantFeed> _feeds = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private readonly IGrainFactory _grains;
    private readonly ILedgerStore _store;
    private readonly LaneOptions _options;
    private readonly HintSender _hints;
    private readonly LogClock _clock;
    private readonly ISiloPeers _peers;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private string[] _tenants = [];

    public SiloTenants(
        IGrainFactory grains,
        ILedgerStore store,
        LaneOptions options,
        HintSender hints,
        LogClock clock,
        ISiloPeers peers,
        [FromKeyedServices(TimeProviderNames.Grains)] TimeProvider time,
        ILogger<SiloTenants> logger)
    {
        options.Check();
        _grains = grains;
        _store = store;
        _options = options;
        _hints = hints;
        _clock = clock;
        _peers = peers;
        _time = time;
        _logger = logger;
    }

    /// <summary>Tenants that have a lane here.</summary>
    internal int Lanes => _lanes.Count;

    /// <summary>Cancelled when this silo begins to stop.</summary>
    internal CancellationToken Stopping => _stopping.Token;

    /// <inheritdoc/>
    public IReadOnlyList<string> Tenants => Volatile.Read(ref _tenants);

    /// <inheritdoc/>
    public void Submit(string tenant, Command command, PendingCommand pending)
    {
        ArgumentNullException.ThrowIfNull(pending);
        pending.Ask(command);
        if (_stopping.IsCancellationRequested)
            pending.Complete(new Reply(default, TenantFault.NotReady, "the silo is stopping"));
        else if (CommandKinds.Of(command) == CommandKind.Decision && _clock.IsBehind)
            pending.Complete(new Reply(default, TenantFault.NotReady, "log time catches up with the clock"));
        else if (_lanes.TryGetValue(tenant, out Lane? lane))
            lane.Submit(pending);
        else
            _ = SubmitFirstAsync(tenant, pending);
    }

    /// <inheritdoc/>
    public async ValueTask<long> DurableSequenceAsync(string tenant, CancellationToken cancellationToken)
    {
        try
        {
            return (await _store.ReadHeadAsync(tenant, cancellationToken)).LastEvent;
        }
        catch (StoreException exception)
        {
            throw new TenantException(TenantFault.NotReady, "the ledger cannot be read now", exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, int eventsMax, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(eventsMax, 1);
        long durable = await DurableSequenceAsync(tenant, cancellationToken);
        return await ReadAsync(tenant, fromSequence, durable, eventsMax, cancellationToken);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<IReadOnlyList<LedgerEvent>> WatchAsync(
        string tenant, long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        TenantFeed feed = _feeds.GetOrAdd(
            tenant, name => new TenantFeed(name, _grains, _time, _logger, _stopping.Token));
        if (!await TryBeginAsync(feed, tenant, cancellationToken)) yield break;
        using EventReader reader = feed.Hub.AddReader(fromSequence);
        long next = fromSequence;
        while (await IsThereAsync(feed.Hub, next, cancellationToken))
        {
            IReadOnlyList<LedgerEvent> batch;
            try
            {
                batch = await ReadAsync(
                    tenant, next, feed.Hub.DurableSequence, EventsPerWatchBatchMax, cancellationToken);
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

    /// <inheritdoc/>
    public IAsyncEnumerable<Reply> WatchSessionAsync(
        string tenant, long session, CancellationToken cancellationToken) =>
        this.FollowSessionAsync(tenant, session, _time, cancellationToken);

    /// <summary>Finds the tenants that have a ledger.</summary>
    internal async Task<IReadOnlyList<StoredTenant>> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredTenant> stored = await _store.ListTenantsAsync(cancellationToken);
        foreach (StoredTenant tenant in stored) AddTenant(tenant.Name);
        return stored;
    }

    // The last to start and so the first to stop, while all grains are there.
    void ILifecycleParticipant<ISiloLifecycle>.Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
        nameof(SiloTenants), ServiceLifecycleStage.Last, static _ => Task.CompletedTask, StopAsync);

    // Takes no more commands, ends all watches and sends no more hints.
    private async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_feeds.Values.Select(feed => feed.Following).Append(_hints.StopAsync()))
            .WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopping.Dispose();

    // False when it was cancelled before.
    private async ValueTask<bool> TryBeginAsync(TenantFeed feed, string tenant, CancellationToken cancellationToken)
    {
        try
        {
            feed.Begin(await DurableSequenceAsync(tenant, cancellationToken));
            return true;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private static async ValueTask<bool> IsThereAsync(
        EventHub hub, long sequence, CancellationToken cancellationToken)
    {
        try
        {
            return await hub.WaitAsync(sequence - 1, cancellationToken) && !cancellationToken.IsCancellationRequested;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    // A tenant begins with its catalog; nothing else leaves a trace of a name that nobody has.
    private async Task SubmitFirstAsync(string tenant, PendingCommand pending)
    {
        try
        {
            bool isThere = await DurableSequenceAsync(tenant, CancellationToken.None) > 0;
            if (!isThere && pending.Command is not ApplyCatalogCommand)
            {
                pending.Complete(new Reply(new Answer(Outcome.TenantNotFound)));
                return;
            }

            if (!isThere && Tenants.Count >= _options.TenantsMax)
            {
                pending.Complete(new Reply(default, TenantFault.Busy, "this silo has too many tenants"));
                return;
            }

            Lane lane = _lanes.GetOrAdd(tenant, LaneTo);
            if (isThere) AddTenant(tenant);
            lane.Submit(pending);
        }
        catch (Exception fault)
        {
            Log.NotFound(_logger, tenant, fault);
            pending.Complete(new Reply(default, TenantFault.NotReady, "the store cannot be read now"));
        }
    }

    private Lane LaneTo(string tenant)
    {
        ITenantGrain grain = _grains.GetGrain<ITenantGrain>(tenant);
        return new Lane(tenant, _options, CarryAsync, RunOnPool, _logger);

        async Task<Reply[]> CarryAsync(Command[] commands)
        {
            TurnReplies replies = await grain.Turn(new TurnBatch(commands));
            if (Array.Exists(replies.Replies, reply => reply.Answer.Event?.Sequence == 1))
            {
                AddTenant(tenant);
                await _peers.TenantAsync(tenant); // The next call may come to another silo.
            }

            return replies.Replies;
        }
    }

    private static void RunOnPool(IThreadPoolWorkItem work) =>
        ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);

    private async ValueTask<IReadOnlyList<LedgerEvent>> ReadAsync(
        string tenant, long fromSequence, long durable, int eventsMax, CancellationToken cancellationToken)
    {
        if (fromSequence > durable) return [];
        if (_feeds.TryGetValue(tenant, out TenantFeed? feed)
            && feed.Hub.TryRead(fromSequence, out ReadOnlyMemory<LedgerEvent> recent)
            && MemoryMarshal.TryGetArray(recent, out ArraySegment<LedgerEvent> segment))
        {
            return segment.Count <= eventsMax ? segment : segment[..eventsMax];
        }

        try
        {
            return await JournalReader.ReadAsync(_store, tenant, fromSequence, durable, eventsMax, cancellationToken);
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

    internal void AddTenant(string tenant)
    {
        lock (_gate)
        {
            int place = Array.BinarySearch(_tenants, tenant, StringComparer.Ordinal);
            if (place < 0) Volatile.Write(ref _tenants, [.. _tenants[..~place], tenant, .. _tenants[~place..]]);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3302, LogLevel.Warning, "Whether there is a tenant {Tenant} could not be read from the store")]
        public static partial void NotFound(ILogger logger, string tenant, Exception fault);
    }
}
