using AgentBudget.Storage.Journal;
using SQLitePCL;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>The journal's rows: one a group. On the store's thread only.</summary>
internal sealed class JournalTable(SqliteEngine engine, TenantTable tenants)
{
    // The fence and the end of the journal are compared by the statement that writes. A group that is there already
    // conflicts and is not written again.
    private readonly SqliteStatement _append = engine.Prepare("""
        INSERT INTO journal (tenant, seq, epoch, first_event, events, prev_hash, hash, body)
        SELECT t.id, ?2, ?3, ?4, ?5, ?6, ?7, ?8
          FROM tenant t
         WHERE t.id = ?1 AND t.epoch = ?3 AND t.owner = ?9
           AND (EXISTS (SELECT 1 FROM journal p
                         WHERE p.tenant = ?1 AND p.seq = ?2 - 1 AND p.hash = ?6 AND p.first_event + p.events = ?4)
                OR (?2 = 1 AND ?4 = 1 AND ?6 = zeroblob(32)))
        ON CONFLICT DO NOTHING
        """);

    private readonly SqliteStatement _import = engine.Prepare("""
        INSERT INTO journal (tenant, seq, epoch, first_event, events, prev_hash, hash, body)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE EXISTS (SELECT 1 FROM journal p
                        WHERE p.tenant = ?1 AND p.seq = ?2 - 1 AND p.hash = ?6 AND p.first_event + p.events = ?4)
            OR (?2 = 1 AND ?4 = 1 AND ?6 = zeroblob(32))
        ON CONFLICT DO NOTHING
        """);

    private readonly SqliteStatement _head = engine.Prepare("""
        SELECT seq, epoch, first_event + events - 1, hash FROM journal WHERE tenant = ?1 ORDER BY seq DESC LIMIT 1
        """);

    private readonly SqliteStatement _lastEvent = engine.Prepare(
        "SELECT first_event + events - 1 FROM journal WHERE tenant = ?1 AND seq = ?2");

    private readonly SqliteStatement _read = engine.Prepare("""
        SELECT seq, epoch, first_event, events, prev_hash, hash, body
          FROM journal WHERE tenant = ?1 AND seq >= ?2 ORDER BY seq
        """);

    private readonly SqliteStatement _atPosition = engine.Prepare("SELECT hash FROM journal WHERE position = ?1");

    private readonly SqliteStatement _lastPosition = engine.Prepare("SELECT coalesce(max(position), 0) FROM journal");

    /// <summary>Row of the journal's last group, of whatever tenant; 0 when there is none.</summary>
    public long ReadLastPosition()
    {
        try
        {
            _lastPosition.Step();
            return _lastPosition.ReadLong(0);
        }
        finally
        {
            _lastPosition.Reset();
        }
    }

    /// <summary>Whether the group with this hash is the one in this row.</summary>
    public bool IsAt(long position, ChainHash hash)
    {
        try
        {
            return _atPosition.Bind(1, position).Step() && _atPosition.ReadHash(0) == hash;
        }
        finally
        {
            _atPosition.Reset();
        }
    }

    /// <summary>
    /// Writes a group inside a transaction; answers its row, or 0 when the fence or the chain does not fit.
    /// </summary>
    public long Append(JournalGroup group)
    {
        long tenant = tenants.NumberOf(group.Tenant);
        if (tenant == 0) return 0;
        _append.Bind(1, tenant).Bind(2, group.Sequence).Bind(3, group.Epoch).Bind(4, group.FirstEvent)
            .Bind(5, group.Events).Bind(6, group.PreviousHash).Bind(7, group.Hash).Bind(8, group.Body)
            .Bind(9, tenants.Owner);
        return _append.Execute() == 1 ? raw.sqlite3_last_insert_rowid(engine.Database) : 0;
    }

    /// <summary>
    /// Writes a group of another store inside a transaction, as it is; false when it does not follow.
    /// </summary>
    public bool Import(long tenant, StoredGroup group) =>
        _import.Bind(1, tenant).Bind(2, group.Sequence).Bind(3, group.Epoch).Bind(4, group.FirstEvent)
            .Bind(5, group.Events).Bind(6, group.PreviousHash).Bind(7, group.Hash).Bind(8, group.Body.Span)
            .Execute() == 1;

    public JournalHead ReadHead(string tenant)
    {
        try
        {
            return _head.Bind(1, tenants.NumberOf(tenant)).Step()
                ? new JournalHead(_head.ReadLong(0), _head.ReadLong(1), _head.ReadLong(2), _head.ReadHash(3))
                : JournalHead.Empty;
        }
        finally
        {
            _head.Reset();
        }
    }

    public List<StoredGroup> ReadGroups(string tenant, long fromEvent, int bytesMax)
    {
        long number = tenants.NumberOf(tenant);
        var page = new List<StoredGroup>();
        long bytes = 0;
        long from = FindGroup(number, fromEvent, ReadHead(tenant).Sequence);
        try
        {
            _read.Bind(1, number).Bind(2, from);
            while (_read.Step())
            {
                ReadOnlySpan<byte> body = _read.ReadBytes(6);
                bytes += body.Length;
                if (page.Count > 0 && bytes > bytesMax) break;
                page.Add(new StoredGroup(
                    _read.ReadLong(0),
                    _read.ReadLong(1),
                    _read.ReadLong(2),
                    (int)_read.ReadLong(3),
                    _read.ReadHash(4),
                    _read.ReadHash(5),
                    body.ToArray()));
            }

            return page;
        }
        finally
        {
            _read.Reset();
        }
    }

    /// <summary>
    /// The first group whose last event is not before the one asked for. Groups are ordered by their events, so halving
    /// needs no index beside that of the group numbers.
    /// </summary>
    private long FindGroup(long tenant, long fromEvent, long lastGroup)
    {
        long low = 1;
        long high = lastGroup + 1;
        while (low < high)
        {
            long middle = low + ((high - low) / 2);
            if (ReadLastEvent(tenant, middle) >= fromEvent) high = middle;
            else low = middle + 1;
        }

        return low;
    }

    /// <summary>
    /// A group that is missing is left for the reader to find: the one after it is given out in its place.
    /// </summary>
    private long ReadLastEvent(long tenant, long sequence)
    {
        try
        {
            return _lastEvent.Bind(1, tenant).Bind(2, sequence).Step() ? _lastEvent.ReadLong(0) : 0;
        }
        finally
        {
            _lastEvent.Reset();
        }
    }
}
