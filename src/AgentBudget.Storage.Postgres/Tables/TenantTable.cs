using System.Collections.Concurrent;
using System.Security.Cryptography;
using AgentBudget.Storage.Snapshots;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>The tenants: their numbers in this database, epochs and owner.</summary>
internal sealed class TenantTable(NpgsqlDataSource source, string ownerAddress)
{
    private const int OwnerLength = 16;

    // No lease: who should try is Orleans' to say, and whoever tries has it from then on.
    private const string Acquire = """
        INSERT INTO tenant AS t (name, epoch, owner_id, owner_address) VALUES ($1, 1, $2, $3)
        ON CONFLICT (name) DO UPDATE
          SET epoch = t.epoch + 1, owner_id = $2, owner_address = $3, acquired = clock_timestamp()
        RETURNING id, epoch
        """;

    private const string Find = "SELECT id FROM tenant WHERE name = $1";

    private const string List = """
        SELECT t.name, j.last_event, coalesce(s.last_event, 0), coalesce(s.next_deadline, $1)
          FROM tenant t
         CROSS JOIN LATERAL (SELECT first_event + events - 1 AS last_event
                               FROM journal WHERE tenant = t.id ORDER BY seq DESC LIMIT 1) j
          LEFT JOIN LATERAL (SELECT last_event, next_deadline
                               FROM snapshot WHERE tenant = t.id ORDER BY last_event DESC LIMIT 1) s ON true
        """;

    private readonly ConcurrentDictionary<string, long> _numbers = new(StringComparer.Ordinal);

    /// <summary>Who owns what this process acquires: one at each start, and never the same again.</summary>
    public Guid Owner { get; } = new(RandomNumberGenerator.GetBytes(OwnerLength));

    /// <summary>Whether this process knows the tenant's number; it knows that of each that it acquired.</summary>
    public bool TryGetNumber(string tenant, out long number) => _numbers.TryGetValue(tenant, out number);

    /// <summary>The tenant's number; 0 for one that nobody ever acquired.</summary>
    public async ValueTask<long> NumberOfAsync(string tenant, CancellationToken cancellationToken)
    {
        if (_numbers.TryGetValue(tenant, out long known)) return known;
        await using NpgsqlCommand command = source.CreateCommand(Find).With(tenant);
        if (await command.ExecuteScalarAsync(cancellationToken) is not long number) return 0;
        _numbers[tenant] = number;
        return number;
    }

    /// <summary>Raises the tenant's epoch and answers it.</summary>
    public async ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = source.CreateCommand(Acquire)
            .With(tenant).With(Owner).With(ownerAddress);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        _numbers[tenant] = reader.GetInt64(0);
        return reader.GetInt64(1);
    }

    /// <summary>Tenants with groups, in ordinal order.</summary>
    public async ValueTask<IReadOnlyList<StoredTenant>> ListAsync(CancellationToken cancellationToken)
    {
        List<StoredTenant> tenants = [];
        await using NpgsqlCommand command = source.CreateCommand(List).With(long.MaxValue);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            tenants.Add(new StoredTenant(
                reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3)));
        }

        tenants.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        return tenants;
    }
}
