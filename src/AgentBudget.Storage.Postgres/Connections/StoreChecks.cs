using AgentBudget.Storage.Postgres.Schema;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Connections;

/// <summary>What is looked at once, before a store is used: its tables, our rights on them, its clock.</summary>
internal static class StoreChecks
{
    /// <summary>
    /// Clocks of one cluster are within a second of each other. Sessions and holds end by the silo's clock, so one that
    /// is far off would end or keep those of the others.
    /// </summary>
    private static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromSeconds(30);

    private const string Role = $"""
        SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = '{PostgresSchema.Name}'),
               EXISTS (SELECT FROM pg_roles WHERE rolname = '{PostgresSchema.SiloRole}'), current_user::text
        """;

    // Only where the role exists, and before anything is asked that a stranger may not ask.
    private const string Rights = $"SELECT pg_has_role(current_user, '{PostgresSchema.SiloRole}', 'USAGE')";

    private const string Store = """
        SELECT id, schema_version,
               has_table_privilege('journal', 'UPDATE') OR has_table_privilege('journal', 'DELETE')
          FROM store
        """;

    private const string Clock = "SELECT clock_timestamp()";

    /// <summary>Answers the store's id. Throws <see cref="StoreException"/> with one sentence.</summary>
    public static async Task<Guid> CheckAsync(
        NpgsqlDataSource source, TimeProvider time, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancellationToken);
        string user = await CheckRoleAsync(connection, cancellationToken);
        await CheckClockAsync(connection, time, cancellationToken);
        await using NpgsqlCommand command = new(Store, connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            throw Refused("its table store is empty; restore it");
        int version = reader.GetInt32(1);
        if (version < PostgresSchema.Version)
        {
            throw Refused(
                $"its tables have version {version} and this release needs {PostgresSchema.Version}; run --migrate");
        }

        if (version > PostgresSchema.Version)
        {
            throw Refused(
                $"its tables have version {version}, of a later release; this one knows {PostgresSchema.Version}");
        }

        if (reader.GetBoolean(2))
        {
            throw Refused(
                $"the role {user} may change what was written; log in with one that is only a member of "
                + PostgresSchema.SiloRole);
        }

        return reader.GetGuid(0);
    }

    private static async Task<string> CheckRoleAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        string user;
        await using (NpgsqlCommand command = new(Role, connection))
        await using (NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken))
        {
            await reader.ReadAsync(cancellationToken);
            user = reader.GetString(2);
            if (!reader.GetBoolean(0)) throw Refused("it has no tables of AgentBudget; make them with --migrate");
            if (!reader.GetBoolean(1))
                throw Refused($"the role {PostgresSchema.SiloRole} does not exist; make it with --migrate");
        }

        await using NpgsqlCommand rights = new(Rights, connection);
        return await rights.ExecuteScalarAsync(cancellationToken) is true
            ? user
            : throw Refused(
                $"the role {user} is no member of {PostgresSchema.SiloRole}; GRANT {PostgresSchema.SiloRole} TO "
                + $"\"{user}\"");
    }

    private static async Task CheckClockAsync(
        NpgsqlConnection connection, TimeProvider time, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(Clock, connection);
        DateTimeOffset before = time.GetUtcNow();
        var there = (DateTime)(await command.ExecuteScalarAsync(cancellationToken))!;
        DateTimeOffset after = time.GetUtcNow();
        TimeSpan ahead = before - there; // At least; what the way took is not counted against either.
        TimeSpan behind = there - after;
        TimeSpan difference = ahead > behind ? ahead : behind;
        if (difference <= ClockDifferenceMax) return;
        string how = ahead > behind ? "ahead of" : "behind";
        throw Refused(
            $"this machine's clock is {difference.TotalSeconds:F0} s {how} the database's; synchronize both");
    }

    private static StoreException Refused(string why) => new($"the PostgreSQL store cannot be used: {why}");
}
