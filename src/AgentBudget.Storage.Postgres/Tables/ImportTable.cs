using AgentBudget.Storage.Journal;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>Groups of another store, written as they are.</summary>
internal sealed class ImportTable(NpgsqlDataSource source, Guid owner)
{
    // Locks the tenant's row, so that of two imports one waits, and an owner's append finds another epoch.
    private const string Raise = """
        INSERT INTO tenant AS t (name, epoch, owner_id, owner_address) VALUES ($1, $2 + 1, $3, 'import')
        ON CONFLICT (name) DO UPDATE
          SET epoch = greatest(t.epoch, $2) + 1, owner_id = $3, owner_address = 'import', acquired = clock_timestamp()
        RETURNING id
        """;

    private const string Insert = """
        INSERT INTO journal (tenant, seq, epoch, first_event, events, prev_hash, hash, body)
        SELECT $1, $2, $3, $4, $5, $6, $7, $8
         WHERE EXISTS (SELECT FROM journal p
                        WHERE p.tenant = $1 AND p.seq = $2 - 1 AND p.hash = $6 AND p.first_event + p.events = $4)
            OR ($2 = 1 AND $4 = 1 AND $6 = decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING
        """;

    public async ValueTask<bool> ImportAsync(
        string tenant, IReadOnlyList<StoredGroup> groups, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using NpgsqlCommand raise = new NpgsqlCommand(Raise, connection, transaction)
            .With(tenant).With(groups.Max(group => group.Epoch)).With(owner);
        long number = (long)(await raise.ExecuteScalarAsync(cancellationToken))!;
        foreach (StoredGroup group in groups)
        {
            await using NpgsqlCommand insert = new NpgsqlCommand(Insert, connection, transaction)
                .With(number).With(group.Sequence).With(group.Epoch).With(group.FirstEvent).With(group.Events)
                .With(group.PreviousHash).With(group.Hash).With(group.Body.ToArray());
            if (await insert.ExecuteNonQueryAsync(cancellationToken) != 1) return false; // And nothing is committed.
        }

        await transaction.CommitAsync(cancellationToken);
        return true;
    }
}
