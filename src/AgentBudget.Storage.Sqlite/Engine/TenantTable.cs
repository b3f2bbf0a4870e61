using System.Security.Cryptography;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>The tenants: their numbers in this file, epochs and owner. On the store's thread only.</summary>
internal sealed class TenantTable(SqliteEngine engine)
{
    private const int OwnerLength = 16; // As many random bytes as a UUID has: one owner per process start.

    private readonly SqliteStatement _find = engine.Prepare("SELECT id FROM tenant WHERE name = ?1");

    private readonly SqliteStatement _acquire = engine.Prepare("""
        INSERT INTO tenant (name, epoch, owner) VALUES (?1, 1, ?2)
        ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1, owner = ?2
        RETURNING id, epoch
        """);

    private readonly SqliteStatement _raise = engine.Prepare("""
        INSERT INTO tenant (name, epoch, owner) VALUES (?1, ?3 + 1, ?2)
        ON CONFLICT (name) DO UPDATE SET epoch = max(epoch, ?3) + 1, owner = ?2
        RETURNING id
        """);

    private readonly SqliteStatement _list = engine.Prepare("""
        SELECT t.name, j.first_event + j.events - 1, coalesce(s.last_event, 0), coalesce(s.next_deadline, ?1)
          FROM tenant t
          JOIN journal j ON j.tenant = t.id AND j.seq = (SELECT max(seq) FROM journal WHERE tenant = t.id)
          LEFT JOIN snapshot s
            ON s.tenant = t.id AND s.last_event = (SELECT max(last_event) FROM snapshot WHERE tenant = t.id)
         ORDER BY t.name
        """);

    private readonly Dictionary<string, long> _numbers = [];

    /// <summary>Who owns what this process acquires.</summary>
    public byte[] Owner { get; } = RandomNumberGenerator.GetBytes(OwnerLength);

    /// <summary>The tenant's number; 0 for one that was never acquired.</summary>
    public long NumberOf(string tenant)
    {
        if (_numbers.TryGetValue(tenant, out long number)) return number;
        try
        {
            if (!_find.Bind(1, tenant).Step()) return 0;
            number = _find.ReadLong(0);
        }
        finally
        {
            _find.Reset();
        }

        _numbers.Add(tenant, number);
        return number;
    }

    /// <summary>Raises the tenant's epoch, inside a transaction, and answers it.</summary>
    public long Acquire(string tenant)
    {
        try
        {
            _acquire.Bind(1, tenant).Bind(2, Owner).Step();
            return _acquire.ReadLong(1);
        }
        finally
        {
            _acquire.Reset();
        }
    }

    /// <summary>Raises the tenant's epoch above one that is given, inside a transaction, and answers its number.
    /// </summary>
    public long RaiseAbove(string tenant, long epoch)
    {
        try
        {
            _raise.Bind(1, tenant).Bind(2, Owner).Bind(3, epoch).Step();
            return _raise.ReadLong(0);
        }
        finally
        {
            _raise.Reset();
        }
    }

    /// <summary>Tenants with groups. SQLite orders text by its UTF-8 bytes; the caller sorts.</summary>
    public List<StoredTenant> List()
    {
        var tenants = new List<StoredTenant>();
        try
        {
            _list.Bind(1, long.MaxValue);
            while (_list.Step())
            {
                tenants.Add(new StoredTenant(
                    _list.ReadText(0), _list.ReadLong(1), _list.ReadLong(2), _list.ReadLong(3)));
            }
        }
        finally
        {
            _list.Reset();
        }

        tenants.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        return tenants;
    }
}
