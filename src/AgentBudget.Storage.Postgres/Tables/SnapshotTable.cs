using AgentBudget.Storage.Journal;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>
/// Snapshots, in chunks: each is one statement with the fence in it, so that no owner that was frozen between two of
/// them stands in its successor's way. A snapshot is there once its own row is, which is written last.
/// </summary>
internal sealed class SnapshotTable(NpgsqlDataSource source, TenantTable tenants)
{
    /// <summary>Some milliseconds of writing; a row of PostgreSQL may have a gigabyte.</summary>
    public const int ChunkLength = 4 * 1024 * 1024;

    // The same in every statement below: the tenant's row, if the epoch is this process's own and current.
    private const string Fence = "SELECT id FROM tenant WHERE id = $1 AND epoch = $2 AND owner_id = $3 FOR SHARE";

    private const string WriteChunk = $"""
        WITH fence AS MATERIALIZED ({Fence})
        INSERT INTO snapshot_chunk (tenant, last_event, chunk, body) SELECT id, $4, $5, $6 FROM fence
        ON CONFLICT (tenant, last_event, chunk) DO UPDATE SET body = excluded.body
        """;

    private const string WriteRow = $"""
        WITH fence AS MATERIALIZED ({Fence})
        INSERT INTO snapshot (tenant, last_event, seq, epoch, hash, next_deadline, length, checksum)
        SELECT id, $4, $5, $6, $7, $8, $9, $10 FROM fence
        ON CONFLICT (tenant, last_event) DO UPDATE
          SET seq = excluded.seq, epoch = excluded.epoch, hash = excluded.hash, length = excluded.length,
              next_deadline = excluded.next_deadline, checksum = excluded.checksum
        """;

    // A snapshot that is written again is not there until its last step.
    private const string Forget = $"""
        WITH fence AS MATERIALIZED ({Fence})
        DELETE FROM snapshot s USING fence f WHERE s.tenant = f.id AND s.last_event = $4
        """;

    private const string Drop = $"""
        WITH fence AS MATERIALIZED ({Fence}),
        rows AS (DELETE FROM snapshot s USING fence f WHERE s.tenant = f.id AND s.last_event < $4),
        chunks AS (DELETE FROM snapshot_chunk c USING fence f WHERE c.tenant = f.id AND c.last_event < $4)
        SELECT count(*) FROM fence
        """;

    private const string Newest = """
        SELECT last_event, seq, epoch, hash, next_deadline, length, checksum
          FROM snapshot WHERE tenant = $1 AND last_event <= $2 ORDER BY last_event DESC LIMIT 1
        """;

    private const string ReadChunk =
        "SELECT body FROM snapshot_chunk WHERE tenant = $1 AND last_event = $2 AND chunk = $3";

    /// <summary>What is known of a snapshot before its chunks are read.</summary>
    public sealed record Row(JournalHead Head, long NextDeadlineNanos, long Length, ChainHash Checksum);

    /// <summary>Writes one chunk; false when the epoch is not current.</summary>
    public async ValueTask<bool> WriteChunkAsync(
        string tenant, long epoch, long lastEvent, int chunk, byte[] body, CancellationToken cancellationToken)
    {
        if (chunk == 0)
        {
            await using NpgsqlCommand forget = Fenced(Forget, tenant, epoch).With(lastEvent);
            await forget.ExecuteNonQueryAsync(cancellationToken);
        }

        await using NpgsqlCommand write = Fenced(WriteChunk, tenant, epoch).With(lastEvent).With(chunk).With(body);
        return await write.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    /// <summary>Makes the snapshot visible; false when the epoch is not current.</summary>
    public async ValueTask<bool> WriteRowAsync(
        string tenant, long epoch, Row row, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand write = Fenced(WriteRow, tenant, epoch)
            .With(row.Head.LastEvent).With(row.Head.Sequence).With(row.Head.Epoch).With(row.Head.Hash)
            .With(row.NextDeadlineNanos).With(row.Length).With(row.Checksum);
        return await write.ExecuteNonQueryAsync(cancellationToken) == 1;
    }

    public async ValueTask<Row?> FindNewestAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken)
    {
        long number = await tenants.NumberOfAsync(tenant, cancellationToken);
        if (number == 0) return null;
        await using NpgsqlCommand newest = source.CreateCommand(Newest).With(number).With(lastEventMax);
        await using NpgsqlDataReader reader = await newest.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken)) return null;
        JournalHead head = new(reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(0), reader.Hash(3));
        return new Row(head, reader.GetInt64(4), reader.GetInt64(5), reader.Hash(6));
    }

    /// <summary>A chunk's bytes; null when it is not there.</summary>
    public async ValueTask<byte[]?> ReadChunkAsync(
        string tenant, long lastEvent, int chunk, CancellationToken cancellationToken)
    {
        long number = await tenants.NumberOfAsync(tenant, cancellationToken);
        await using NpgsqlCommand read = source.CreateCommand(ReadChunk).With(number).With(lastEvent).With(chunk);
        return await read.ExecuteScalarAsync(cancellationToken) as byte[];
    }

    /// <summary>Drops older snapshots; false when the epoch is not current.</summary>
    public async ValueTask<bool> DropBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand drop = Fenced(Drop, tenant, epoch).With(lastEvent);
        return await drop.ExecuteScalarAsync(cancellationToken) is 1L;
    }

    // A tenant that this process never acquired has no number here, and no row has the number 0.
    private NpgsqlCommand Fenced(string sql, string tenant, long epoch)
    {
        tenants.TryGetNumber(tenant, out long number);
        return source.CreateCommand(sql).With(number).With(epoch).With(tenants.Owner);
    }
}
