using AgentBudget.Storage.Secrets;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>What all silos share, sealed.</summary>
internal sealed class SecretTable(NpgsqlDataSource source)
{
    private const string Read = "SELECT version, bytes FROM secret WHERE name = $1";

    private const string Insert =
        "INSERT INTO secret (name, version, bytes) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING";

    private const string Update =
        "UPDATE secret SET version = version + 1, bytes = $2 WHERE name = $1 AND version = $3";

    public async ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand read = source.CreateCommand(Read).With(name);
        await using NpgsqlDataReader reader = await read.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new SealedSecret(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1))
            : null;
    }

    public async ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        NpgsqlCommand write = source.CreateCommand(version == 0 ? Insert : Update).With(name).With(bytes.ToArray());
        await using (write)
        {
            if (version > 0) write.With(version);
            return await write.ExecuteNonQueryAsync(cancellationToken) == 1;
        }
    }
}
