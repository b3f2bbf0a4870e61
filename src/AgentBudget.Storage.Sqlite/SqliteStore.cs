using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using AgentBudget.Storage.Sqlite.Engine;
using AgentBudget.Storage.Sqlite.Files;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Storage.Sqlite;

/// <summary>
/// The embedded store: one SQLite file in a folder of its own, held by one process. A group is durable when its append
/// is answered: log synced, completeness marker synced.
/// </summary>
public sealed class SqliteStore : ILedgerStore, IJournalImport
{
    private const int ProbeBytes = 256 * 1024; // More than the groups that wait usually need.

    private readonly StoreFolder _folder;
    private readonly SqliteEngine _engine;
    private readonly CompletenessMarker _marker;
    private readonly TenantTable _tenants;
    private readonly JournalTable _journal;
    private readonly SnapshotTable _snapshots;
    private readonly SqliteStatement _probe;
    private readonly SqliteStatement _unprobe;
    private readonly StoreThread _thread;

    private SqliteStore(
        StoreFolder folder,
        SqliteEngine engine,
        CompletenessMarker marker,
        TenantTable tenants,
        JournalTable journal,
        SqliteStoreOptions options,
        ILogger logger)
    {
        _folder = folder;
        _engine = engine;
        _marker = marker;
        _tenants = tenants;
        _journal = journal;
        _snapshots = new SnapshotTable(engine, tenants);
        _probe = engine.Prepare("INSERT OR REPLACE INTO probe (id, body) VALUES (1, zeroblob(?1))");
        _unprobe = engine.Prepare("DELETE FROM probe");
        _thread = new StoreThread(engine, journal, marker, options.OnFailed, logger);
    }

    /// <summary>
    /// Takes the folder and opens the store, or makes it. Throws <see cref="StoreException"/> with one sentence: the
    /// folder is in use, is not private, is a link or on a network; the file is not a ledger; or the journal ends
    /// before the last group that was reported durable.
    /// </summary>
    public static SqliteStore Open(SqliteStoreOptions options, ILoggerFactory loggers)
    {
        StoreFolder folder = StoreFolder.Take(options.Folder);
        SqliteEngine? engine = null;
        CompletenessMarker? marker = null;
        try
        {
            engine = SqliteEngine.Open(folder);
            var tenants = new TenantTable(engine);
            var journal = new JournalTable(engine, tenants);
            marker = OpenMarker(folder, journal);
            return new SqliteStore(
                folder, engine, marker, tenants, journal, options, loggers.CreateLogger<SqliteStore>());
        }
        catch (Exception exception)
        {
            marker?.Dispose();
            engine?.Dispose();
            folder.Dispose();
            if (exception is StoreException) throw;
            throw new StoreException($"cannot open the ledger in '{folder.Path}': {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
        await RunAsync(_tenants.List, cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        await RunAsync(() => _thread.RunWrite(() => _tenants.Acquire(tenant)), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
        await RunAsync(() => _journal.ReadHead(tenant), cancellationToken);

    /// <inheritdoc/>
    public void BeginAppend(JournalGroup group, IAppendCompletion completion) => _thread.Append(group, completion);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        await RunAsync(() => _journal.ReadGroups(tenant, fromEvent, bytesMax), cancellationToken);

    /// <inheritdoc/>
    public async ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> body = snapshot.Body;
        for (int chunk = 0; (long)chunk * SnapshotTable.ChunkLength < body.Length; chunk++)
        {
            int number = chunk;
            ReadOnlyMemory<byte> part = body[(number * SnapshotTable.ChunkLength)..];
            if (part.Length > SnapshotTable.ChunkLength) part = part[..SnapshotTable.ChunkLength];
            bool isWritten = await RunAsync(
                () => _thread.RunWrite(
                    () => _snapshots.WriteChunk(tenant, epoch, snapshot.Head.LastEvent, number, part.Span)),
                cancellationToken);
            if (!isWritten) return false;
        }

        var row = new SnapshotTable.Row(
            snapshot.Head, snapshot.NextDeadlineNanos, body.Length, ChainHash.Of(body.Span));
        return await RunAsync(
            () => _thread.RunWrite(() => _snapshots.WriteRow(tenant, epoch, row)), cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken)
    {
        while (true)
        {
            long newerThan = lastEventMax;
            SnapshotTable.Row? row = await RunAsync(
                () => _snapshots.FindNewest(tenant, newerThan), cancellationToken);
            if (row is null) return null;
            if (await TryReadBodyAsync(tenant, row, cancellationToken) is { } body)
                return new StoredSnapshot(row.Head, row.NextDeadlineNanos, body);
            lastEventMax = row.Head.LastEvent - 1;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken)
    {
        bool isOwner = true;
        bool isDone = false;
        while (isOwner && !isDone)
        {
            (isOwner, isDone) = await RunAsync(
                () => _thread.RunWrite(() => _snapshots.IsOwner(tenant, epoch)
                    ? (true, _snapshots.DropSomeBefore(tenant, lastEvent))
                    : (false, false)),
                cancellationToken);
        }

        return isOwner;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(
                () => _thread.RunWrite(() => _probe.Bind(1, ProbeBytes).Execute() == 1)
                    && _thread.RunWrite(() => _unprobe.Execute() == 1),
                cancellationToken);
        }
        catch (StoreException exception) when (exception.InnerException is SqliteFaultException
        {
            WriteFault: WriteFault.NoSpace,
        })
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask<bool> ImportAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return await RunAsync(() => _thread.RunWriteIf(() => Import(tenant, groups)), cancellationToken);
    }

    /// <summary>Finishes what is queued, closes the file and gives the folder free.</summary>
    public async ValueTask DisposeAsync()
    {
        _thread.Stop();
        await _thread.Ended;
        _thread.Dispose();
        _engine.Dispose();
        _marker.Dispose();
        _folder.Dispose();
    }

    private bool Import(string tenant, IReadOnlyList<StoredGroup> groups)
    {
        long number = _tenants.RaiseAbove(tenant, groups.Max(group => group.Epoch));
        return groups.All(group => _journal.Import(number, group));
    }

    private static CompletenessMarker OpenMarker(StoreFolder folder, JournalTable journal)
    {
        long lastPosition = journal.ReadLastPosition();
        CompletenessMarker? marker = CompletenessMarker.TryOpen(folder.Marker);
        if (marker is null)
        {
            return lastPosition == 0 ? CompletenessMarker.Create(folder) : throw new StoreException(
                $"the completeness marker '{folder.Marker}' is missing or unreadable, so nobody can say whether the "
                + "journal is whole; put back the marker that belongs to this ledger");
        }

        if (marker.Position == 0 || journal.IsAt(marker.Position, marker.Hash)) return marker;
        long position = marker.Position;
        marker.Dispose();
        throw new StoreException(lastPosition < position
            ? $"the ledger in '{folder.Path}' is incomplete: its journal ends at group {lastPosition} and was "
                + $"acknowledged up to {position}; restore the missing files, nothing was changed"
            : $"the ledger in '{folder.Path}' is not the one that its marker belongs to: group {position} differs; "
                + "restore ledger and marker from the same moment, nothing was changed");
    }

    private async ValueTask<byte[]?> TryReadBodyAsync(
        string tenant, SnapshotTable.Row row, CancellationToken cancellationToken)
    {
        if (row.Length is < 0 or > int.MaxValue) return null;
        byte[] body = new byte[row.Length];
        int length = 0;
        for (int chunk = 0; length < body.Length; chunk++)
        {
            int number = chunk;
            int from = length;
            int read = await RunAsync(
                () => _snapshots.ReadChunk(tenant, row.Head.LastEvent, number, body.AsSpan(from)), cancellationToken);
            if (read <= 0) return null;
            length += read;
        }

        return ChainHash.Of(body) == row.Checksum ? body : null;
    }

    private Task<T> RunAsync<T>(Func<T> run, CancellationToken cancellationToken)
    {
        var request = new StoreRequest<T>(run, cancellationToken);
        _thread.Enqueue(request);
        return request.Result;
    }
}
