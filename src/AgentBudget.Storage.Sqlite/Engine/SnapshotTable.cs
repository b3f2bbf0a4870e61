using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>
/// Snapshots, in chunks so that groups can be committed between them: a snapshot is there once its own row is, which is
/// written last. On the store's thread only.
/// </summary>
internal sealed class SnapshotTable(SqliteEngine engine, TenantTable tenants)
{
    /// <summary>About a millisecond of writing.</summary>
    public const int ChunkLength = 256 * 1024;

    private const int ChunksDroppedAtOnce = 4; // As much work as writing one or two.

    private readonly SqliteStatement _isOwner = engine.Prepare(
        "SELECT 1 FROM tenant WHERE id = ?1 AND epoch = ?2 AND owner = ?3");

    private readonly SqliteStatement _writeChunk = engine.Prepare("""
        INSERT INTO snapshot_chunk (tenant, last_event, chunk, body)
        SELECT id, ?4, ?5, ?6 FROM tenant WHERE id = ?1 AND epoch = ?2 AND owner = ?3
        ON CONFLICT (tenant, last_event, chunk) DO UPDATE SET body = excluded.body
        """);

    private readonly SqliteStatement _writeRow = engine.Prepare("""
        INSERT OR REPLACE INTO snapshot (tenant, last_event, seq, epoch, hash, next_deadline, length, checksum)
        SELECT id, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM tenant WHERE id = ?1 AND epoch = ?2 AND owner = ?3
        """);

    private readonly SqliteStatement _forget = engine.Prepare("""
        DELETE FROM snapshot WHERE tenant = ?1 AND last_event = ?4
           AND EXISTS (SELECT 1 FROM tenant WHERE id = ?1 AND epoch = ?2 AND owner = ?3)
        """);

    private readonly SqliteStatement _newest = engine.Prepare("""
        SELECT last_event, seq, epoch, hash, next_deadline, length, checksum
          FROM snapshot WHERE tenant = ?1 AND last_event <= ?2 ORDER BY last_event DESC LIMIT 1
        """);

    private readonly SqliteStatement _readChunk = engine.Prepare(
        "SELECT body FROM snapshot_chunk WHERE tenant = ?1 AND last_event = ?2 AND chunk = ?3");

    private readonly SqliteStatement _dropRows = engine.Prepare(
        "DELETE FROM snapshot WHERE tenant = ?1 AND last_event < ?2");

    private readonly SqliteStatement _dropChunks = engine.Prepare("""
        DELETE FROM snapshot_chunk WHERE id IN
          (SELECT id FROM snapshot_chunk WHERE tenant = ?1 AND last_event < ?2 LIMIT ?3)
        """);

    /// <summary>What is known of a snapshot before its chunks are read.</summary>
    public sealed record Row(JournalHead Head, long NextDeadlineNanos, long Length, ChainHash Checksum);

    public bool IsOwner(string tenant, long epoch)
    {
        try
        {
            return BindFence(_isOwner, tenant, epoch).Step();
        }
        finally
        {
            _isOwner.Reset();
        }
    }

    /// <summary>Writes one chunk inside a transaction; false when the epoch is not current.</summary>
    public bool WriteChunk(string tenant, long epoch, long lastEvent, int chunk, ReadOnlySpan<byte> body)
    {
        // A snapshot that is written again is not there until its last step.
        if (chunk == 0) BindFence(_forget, tenant, epoch).Bind(4, lastEvent).Execute();
        return BindFence(_writeChunk, tenant, epoch).Bind(4, lastEvent).Bind(5, chunk).Bind(6, body).Execute() == 1;
    }

    /// <summary>Makes the snapshot visible, inside a transaction; false when the epoch is not current.</summary>
    public bool WriteRow(string tenant, long epoch, Row row) =>
        BindFence(_writeRow, tenant, epoch)
            .Bind(4, row.Head.LastEvent).Bind(5, row.Head.Sequence).Bind(6, row.Head.Epoch).Bind(7, row.Head.Hash)
            .Bind(8, row.NextDeadlineNanos).Bind(9, row.Length).Bind(10, row.Checksum).Execute() == 1;

    public Row? FindNewest(string tenant, long lastEventMax)
    {
        try
        {
            if (!_newest.Bind(1, tenants.NumberOf(tenant)).Bind(2, lastEventMax).Step()) return null;
            var head = new JournalHead(
                _newest.ReadLong(1), _newest.ReadLong(2), _newest.ReadLong(0), _newest.ReadHash(3));
            return new Row(head, _newest.ReadLong(4), _newest.ReadLong(5), _newest.ReadHash(6));
        }
        finally
        {
            _newest.Reset();
        }
    }

    /// <summary>
    /// Copies a chunk to the destination; answers its length, or -1 when it is not there or does not fit.
    /// </summary>
    public int ReadChunk(string tenant, long lastEvent, int chunk, Span<byte> destination)
    {
        try
        {
            if (!_readChunk.Bind(1, tenants.NumberOf(tenant)).Bind(2, lastEvent).Bind(3, chunk).Step()) return -1;
            ReadOnlySpan<byte> body = _readChunk.ReadBytes(0);
            return body.TryCopyTo(destination) ? body.Length : -1;
        }
        finally
        {
            _readChunk.Reset();
        }
    }

    /// <summary>
    /// Drops older snapshots a few chunks at a time, inside a transaction; true when nothing is left to drop.
    /// </summary>
    public bool DropSomeBefore(string tenant, long lastEvent)
    {
        long number = tenants.NumberOf(tenant);
        _dropRows.Bind(1, number).Bind(2, lastEvent).Execute();
        return _dropChunks.Bind(1, number).Bind(2, lastEvent).Bind(3, ChunksDroppedAtOnce).Execute()
            < ChunksDroppedAtOnce;
    }

    private SqliteStatement BindFence(SqliteStatement statement, string tenant, long epoch) =>
        statement.Bind(1, tenants.NumberOf(tenant)).Bind(2, epoch).Bind(3, tenants.Owner);
}
