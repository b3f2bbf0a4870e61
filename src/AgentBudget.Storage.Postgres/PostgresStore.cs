using System.Data.Common;
using System.Security.Cryptography;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Postgres.Appends;
using AgentBudget.Storage.Postgres.Connections;
using AgentBudget.Storage.Postgres.Tables;
using AgentBudget.Storage.Secrets;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentBudget.Storage.Postgres;

/// <summary>
/// Ledgers in PostgreSQL, shared by any number of processes. A group is durable when its statement is answered: the
/// statement commits by itself, with the fence in it.
/// </summary>
public sealed class PostgresStore : ISharedStore
{
    private const int ProbeBytes = 256 * 1024; // More than the groups that wait usually need.

    private const string Probe = """
        INSERT INTO probe (id, body) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET body = excluded.body
        """;

    private const string Unprobe = "DELETE FROM probe WHERE id = $1";

    private readonly AppendQueues<GroupRow> _appends;
    private readonly PostgresConnections _connections;
    private readonly TenantTable _tenants;
    private readonly JournalTable _journal;
    private readonly SnapshotTable _snapshots;
    private readonly SecretTable _secrets;
    private readonly ImportTable _import;
    private readonly int _probe = RandomNumberGenerator.GetInt32(int.MaxValue); // A row of this process's own.
    private bool _isDisposed;

    private PostgresStore(
        PostgresConnections connections,
        Guid storeId,
        PostgresStoreOptions options,
        TimeProvider time,
        ILogger logger)
    {
        _connections = connections;
        StoreId = storeId;
        _tenants = new TenantTable(connections.Others, options.OwnerAddress);
        _journal = new JournalTable(connections.Others, _tenants);
        _snapshots = new SnapshotTable(connections.Others, _tenants);
        _secrets = new SecretTable(connections.Others);
        _import = new ImportTable(connections.Others, _tenants.Owner);
        _appends = new AppendQueues<GroupRow>(
            new GroupAppender(connections.Appends, _tenants.Owner, time, logger).AppendAsync);
    }

    /// <inheritdoc/>
    public Guid StoreId { get; }

    /// <summary>Connections for Orleans' membership and reminders, whose tables are beside the ledgers'.</summary>
    public DbDataSource Membership => _connections.Membership;

    /// <summary>
    /// Opens the store once it is what a ledger can be trusted to. Throws <see cref="StoreException"/> with one
    /// sentence: the database cannot be reached, its tables are of another release, its settings would lose what was
    /// acknowledged, the role may do too little or too much, or the clocks differ.
    /// </summary>
    public static async Task<PostgresStore> OpenAsync(
        PostgresStoreOptions options,
        TimeProvider time,
        ILoggerFactory loggers,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        PostgresConnections connections = PostgresConnections.Of(options.Connection);
        try
        {
            Guid storeId = await StoreChecks.CheckAsync(connections.Others, time, cancellationToken);
            return new PostgresStore(
                connections, storeId, options, time, loggers.CreateLogger<PostgresStore>());
        }
        catch (Exception fault)
        {
            await connections.DisposeAsync();
            if (PostgresConnections.IsStoreFault(fault)) throw PostgresConnections.Unreachable(fault);
            throw;
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
        RunAsync(() => _tenants.ListAsync(cancellationToken));

    /// <inheritdoc/>
    public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        RunAsync(() => _tenants.AcquireAsync(tenant, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
        RunAsync(() => _journal.ReadHeadAsync(tenant, cancellationToken));

    /// <inheritdoc/>
    public void BeginAppend(JournalGroup group, IAppendCompletion completion)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(completion);

        // One that this process never acquired is another's, or nobody's.
        _tenants.TryGetNumber(group.Tenant, out long tenant);
        _appends.Enqueue(group.Tenant, GroupRow.Of(tenant, group), completion);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        RunAsync(() => _journal.ReadGroupsAsync(tenant, fromEvent, bytesMax, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken) =>
        RunAsync(() => SaveSnapshotCoreAsync(tenant, epoch, snapshot, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken) =>
        RunAsync(() => ReadSnapshotCoreAsync(tenant, lastEventMax, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
        RunAsync(() => _snapshots.DropBeforeAsync(tenant, epoch, lastEvent, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) =>
        RunAsync(() => ProbeAsync(cancellationToken));

    /// <inheritdoc/>
    public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken) =>
        RunAsync(() => _secrets.ReadAsync(name, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        RunOnceAsync(_secrets.TryWriteAsync(name, version, bytes, cancellationToken));

    /// <inheritdoc/>
    public ValueTask<bool> ImportAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(groups);
        return RunOnceAsync(_import.ImportAsync(tenant, groups, cancellationToken));
    }

    /// <summary>Finishes what was begun and closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true)) return;
        await _appends.CloseAsync();
        await _connections.DisposeAsync();
    }

    private async ValueTask<bool> SaveSnapshotCoreAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> body = snapshot.Body;
        int chunks = 0;
        for (long from = 0; from < body.Length; from += SnapshotTable.ChunkLength, chunks++)
        {
            ReadOnlyMemory<byte> rest = body[(int)from..];
            byte[] part = rest[..Math.Min(rest.Length, SnapshotTable.ChunkLength)].ToArray();
            bool isWritten = await _snapshots.WriteChunkAsync(
                tenant, epoch, snapshot.Head.LastEvent, chunks, part, cancellationToken);
            if (!isWritten) return false;
        }

        var row = new SnapshotTable.Row(
            snapshot.Head, snapshot.NextDeadlineNanos, body.Length, ChainHash.Of(body.Span));
        return await _snapshots.WriteRowAsync(tenant, epoch, row, cancellationToken);
    }

    private async ValueTask<StoredSnapshot?> ReadSnapshotCoreAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken)
    {
        while (await _snapshots.FindNewestAsync(tenant, lastEventMax, cancellationToken) is { } row)
        {
            if (await TryReadBodyAsync(tenant, row, cancellationToken) is { } body)
                return new StoredSnapshot(row.Head, row.NextDeadlineNanos, body);
            lastEventMax = row.Head.LastEvent - 1;
        }

        return null;
    }

    private async ValueTask<byte[]?> TryReadBodyAsync(
        string tenant, SnapshotTable.Row row, CancellationToken cancellationToken)
    {
        if (row.Length is < 0 or > int.MaxValue) return null;
        byte[] body = new byte[row.Length];
        int length = 0;
        for (int chunk = 0; length < body.Length; chunk++)
        {
            byte[]? part = await _snapshots.ReadChunkAsync(tenant, row.Head.LastEvent, chunk, cancellationToken);
            if (part is null or { Length: 0 } || !part.AsSpan().TryCopyTo(body.AsSpan(length))) return null;
            length += part.Length;
        }

        return ChainHash.Of(body) == row.Checksum ? body : null;
    }

    private async ValueTask<bool> ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlCommand probe =
                _connections.Others.CreateCommand(Probe).With(_probe).With(new byte[ProbeBytes]);
            await probe.ExecuteNonQueryAsync(cancellationToken);
            await using NpgsqlCommand unprobe = _connections.Others.CreateCommand(Unprobe).With(_probe);
            return await unprobe.ExecuteNonQueryAsync(cancellationToken) == 1;
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.DiskFull)
        {
            return false;
        }
    }

    // Everything that may be done twice: after a restart of the server the connections that were kept are broken, and
    // with a new one it goes on.
    private async ValueTask<T> RunAsync<T>(Func<ValueTask<T>> run)
    {
        try
        {
            return await run();
        }
        catch (Exception fault) when (PostgresConnections.IsBroken(fault))
        {
            _connections.Others.Clear();
            return await RunOnceAsync(run());
        }
        catch (Exception fault) when (PostgresConnections.IsStoreFault(fault))
        {
            throw SentenceOf(fault);
        }
    }

    private static async ValueTask<T> RunOnceAsync<T>(ValueTask<T> run)
    {
        try
        {
            return await run;
        }
        catch (Exception fault) when (PostgresConnections.IsStoreFault(fault))
        {
            throw SentenceOf(fault);
        }
    }

    // What the database does not do is said as one sentence.
    private static StoreException SentenceOf(Exception fault) => fault is ObjectDisposedException
        ? new StoreException("the store is closed", fault)
        : PostgresConnections.Unreachable(fault);
}
