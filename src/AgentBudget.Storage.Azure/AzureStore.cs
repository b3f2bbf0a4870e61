using System.Collections.Concurrent;
using System.Security.Cryptography;
using AgentBudget.Storage.Azure.Appends;
using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Azure.Schema;
using AgentBudget.Storage.Azure.Segments;
using AgentBudget.Storage.Azure.Snapshots;
using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Secrets;
using AgentBudget.Storage.Snapshots;
using Azure;
using Azure.Data.Tables;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Storage.Azure;

/// <summary>
/// Ledgers in Azure Storage, shared by any number of processes. A group is one block of an append blob: durable when it
/// is answered, and appended only under the lease of its epoch.
/// </summary>
public sealed class AzureStore : ISharedStore
{
    private const int EndsReadAtOnce = 16; // When tenants are listed.
    private const int NonceLength = 8;

    private readonly AzureConnections _connections;
    private readonly TenantTable _tenants;
    private readonly SegmentBlobs _segments;
    private readonly JournalReader _reader;
    private readonly TenantOwners _owners;
    private readonly GroupAppender _appender;
    private readonly AppendQueues<PendingGroup> _appends;
    private readonly SnapshotStore _snapshots;
    private readonly SecretTable _secrets;

    // A blob of this process's own.
    private readonly string _probe = $"probe/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NonceLength))}";
    private bool _isDisposed;

    private AzureStore(AzureConnections connections, Guid storeId, AzureStoreOptions options, ILogger logger)
    {
        _connections = connections;
        StoreId = storeId;
        _tenants = new TenantTable(connections.Table, options.OwnerAddress);
        _segments = new SegmentBlobs(connections.Blobs);
        SegmentPlaces places = new();
        _reader = new JournalReader(_segments, _tenants, places);
        _owners = new TenantOwners(_tenants, _segments, new SegmentLeases(connections.Blobs));
        _appender = new GroupAppender(connections.Appends, _segments, _owners, places, options, logger);
        _appends = new AppendQueues<PendingGroup>(_appender.AppendAsync);
        _snapshots = new SnapshotStore(connections.Blobs, connections.Table, _tenants);
        _secrets = new SecretTable(connections.Secrets);
    }

    /// <inheritdoc/>
    public Guid StoreId { get; }

    /// <summary>For Orleans' membership and reminders, whose tables are beside the store's.</summary>
    public TableServiceClient Tables => _connections.Tables;

    /// <summary>
    /// Opens the store once it is what a ledger can be trusted to. Throws <see cref="StoreException"/> with one
    /// sentence: the account cannot be reached or does not accept the key, it has no store or one of another release,
    /// or the clocks differ.
    /// </summary>
    public static async Task<AzureStore> OpenAsync(
        AzureStoreOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        AzureConnections connections = AzureConnections.Of(options);
        try
        {
            Guid storeId = await StoreChecks.CheckAsync(connections, time, cancellationToken);
            return new AzureStore(connections, storeId, options, loggers.CreateLogger<AzureStore>());
        }
        catch (Exception fault)
        {
            connections.Dispose();
            if (AzureFaults.IsStoreFault(fault, cancellationToken)) throw AzureFaults.SentenceOf(fault);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
        RunAsync(() => ListTenantsCoreAsync(cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        RunAsync(() => _owners.AcquireAsync(tenant, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
        RunAsync(() => _reader.ReadHeadAsync(tenant, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public void BeginAppend(JournalGroup group, IAppendCompletion completion)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(completion);
        _appends.Enqueue(group.Tenant, PendingGroup.Of(group), completion);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        RunAsync(() => _reader.ReadGroupsAsync(tenant, fromEvent, bytesMax, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        return RunAsync(() => _snapshots.SaveAsync(tenant, epoch, snapshot, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken) =>
        RunAsync(() => _snapshots.ReadAsync(tenant, lastEventMax, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
        RunAsync(() => _snapshots.DropBeforeAsync(tenant, epoch, lastEvent, cancellationToken), cancellationToken);

    /// <summary>Whether a blob can be written: an account has no end that it fills up to.</summary>
    public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) =>
        RunAsync(
            async () =>
            {
                await _connections.Blobs.GetBlobClient(_probe).UploadAsync(
                    new BinaryData("probe"u8.ToArray()), overwrite: true, cancellationToken);
                await _connections.Blobs.GetBlobClient(_probe).DeleteIfExistsAsync(
                    cancellationToken: cancellationToken);
                return true;
            },
            cancellationToken);

    /// <inheritdoc/>
    public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken) =>
        RunAsync(() => _secrets.ReadAsync(name, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        RunAsync(() => _secrets.TryWriteAsync(name, version, bytes, cancellationToken), cancellationToken);

    /// <inheritdoc/>
    public ValueTask<bool> ImportAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return RunAsync(() => ImportCoreAsync(tenant, groups, cancellationToken), cancellationToken);
    }

    /// <summary>Finishes what was begun and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true)) return;
        await _appends.CloseAsync();
        _connections.Dispose();
    }

    private async Task<IReadOnlyList<StoredTenant>> ListTenantsCoreAsync(CancellationToken cancellationToken)
    {
        List<TenantRow> rows = [];
        Dictionary<string, SnapshotRow> newest = new(StringComparer.Ordinal);
        AsyncPageable<TableEntity> all = _connections.Table.QueryAsync<TableEntity>(
            $"RowKey eq '{TenantRow.RowKey}' or ({SnapshotRow.Filter})", cancellationToken: cancellationToken);
        await foreach (TableEntity row in all)
        {
            if (!SnapshotRow.Is(row)) rows.Add(TenantRow.Of(row));
            else if (SnapshotRow.Of(row) is { } snapshot && IsNewer(snapshot, row.PartitionKey))
                newest[row.PartitionKey] = snapshot;
        }

        ConcurrentBag<StoredTenant> tenants = [];
        ParallelOptions bounds = new()
        {
            MaxDegreeOfParallelism = EndsReadAtOnce,
            CancellationToken = cancellationToken,
        };
        await Parallel.ForEachAsync(rows.Where(row => row.Segment is not null), bounds, async (row, token) =>
        {
            JournalHead head = (await _segments.ReadLastAsync(row.Key, row.Segment!, token)).Head;
            SnapshotRow? snapshot = newest.GetValueOrDefault(row.Key);
            if (head.Sequence > 0)
            {
                tenants.Add(new StoredTenant(
                    row.Name,
                    head.LastEvent,
                    snapshot?.Head.LastEvent ?? 0,
                    snapshot?.NextDeadlineNanos ?? long.MaxValue));
            }
        });
        return [.. tenants.OrderBy(tenant => tenant.Name, StringComparer.Ordinal)];

        bool IsNewer(SnapshotRow snapshot, string key) =>
            !newest.TryGetValue(key, out SnapshotRow? other) || other.Head.LastEvent < snapshot.Head.LastEvent;
    }

    private async Task<bool> ImportCoreAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        // Looked at before anybody is fenced, and once more behind the fence.
        if (!Follow(await _reader.ReadHeadAsync(tenant, cancellationToken), groups)) return false;
        byte[] block = new byte[groups.Sum(group => group.Body.Length + Frame.ExtraLength)];
        int length = 0;
        foreach (StoredGroup group in groups) length += Frame.Write(block.AsSpan(length), group);
        StoredGroup last = groups[^1];
        JournalHead end = new(last.Sequence, last.Epoch, last.LastEvent, last.Hash);
        return await _owners.OwnForAsync(
            tenant,
            groups.Max(group => group.Epoch),
            async owned => Follow(owned.End.Head, groups)
                && await _appender.AppendBlockAsync(owned, block, end) switch
                {
                    AppendOutcome.Appended => true,
                    AppendOutcome.FenceLost or AppendOutcome.NoSpace => throw new StoreException(
                        $"tenant '{tenant}' was taken over by another owner while groups were imported"),
                    AppendOutcome.Unknown => throw new StoreException(
                        $"the account did not say whether groups of tenant '{tenant}' were imported; import again"),
                },
            cancellationToken);
    }

    private static bool Follow(JournalHead end, IReadOnlyList<StoredGroup> groups)
    {
        foreach (StoredGroup group in groups)
        {
            bool follows = group.Sequence == end.Sequence + 1
                && group.FirstEvent == end.LastEvent + 1
                && group.PreviousHash == end.Hash;
            if (!follows) return false;
            end = new JournalHead(group.Sequence, group.Epoch, group.LastEvent, group.Hash);
        }

        return groups.Count > 0;
    }

    private async ValueTask<T> RunAsync<T>(Func<Task<T>> run, CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _isDisposed)) throw new StoreException("the store is closed");
        try
        {
            return await run();
        }
        catch (ObjectDisposedException fault)
        {
            throw new StoreException("the store is closed", fault);
        }
        catch (Exception fault) when (AzureFaults.IsStoreFault(fault, cancellationToken))
        {
            throw AzureFaults.SentenceOf(fault);
        }
    }
}
