using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Adjacency;
using AgentBudget.Reporting.Anomalies;
using AgentBudget.Reporting.Focus;
using AgentBudget.Reporting.Forecasts;
using AgentBudget.Reporting.Initiatives;
using AgentBudget.Reporting.Runs;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting;

/// <summary>
/// The sums' own SQLite file: one process, one connection, never pooled, exclusively locked. It may lose its last
/// writes with the power (synchronous NORMAL), but only sums and position together, so nothing is lost that the ledger
/// does not have.
/// </summary>
internal sealed class ReportStore : IDisposable
{
    // Raise it with every change of the tables or of what is counted; a file of another format is made anew.
    private const long Format = 7;

    private const string Settings = """
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        """;

    // STRICT: a sum beyond 64 bits would become a float and is an error instead.
    private const string Tables = """
        CREATE TABLE tenant (
          name TEXT PRIMARY KEY, position INTEGER NOT NULL, time INTEGER NOT NULL, catalog BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE spend (
          tenant TEXT NOT NULL, quarter INTEGER NOT NULL, session TEXT NOT NULL, item INTEGER NOT NULL,
          agent TEXT NOT NULL, use_case TEXT NOT NULL, business_unit TEXT NOT NULL, tags TEXT NOT NULL,
          user TEXT NOT NULL, run TEXT NOT NULL,
          cost INTEGER NOT NULL, cost_high INTEGER NOT NULL, overrun INTEGER NOT NULL, overrun_high INTEGER NOT NULL,
          calls INTEGER NOT NULL, refused INTEGER NOT NULL, tokens INTEGER NOT NULL,
          quantity INTEGER NOT NULL, quantity_high INTEGER NOT NULL, lines INTEGER NOT NULL,
          unpriced INTEGER NOT NULL, last_sequence INTEGER NOT NULL,
          PRIMARY KEY (tenant, quarter, session, item, agent, use_case, business_unit, tags, user, run)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE tags (
          tenant TEXT NOT NULL, owner TEXT NOT NULL, tags TEXT NOT NULL, PRIMARY KEY (tenant, owner)
        ) STRICT, WITHOUT ROWID;
        """;

    private const string AddSpend = """
        INSERT INTO spend VALUES ($tenant, $quarter, $session, $item, $agent, $use_case, $business_unit, $tags, $user,
          $run, $cost, $cost_high, $overrun, $overrun_high, $calls, $refused, $tokens, $quantity, $quantity_high,
          $lines, $unpriced, $last_sequence)
        ON CONFLICT DO UPDATE SET cost = cost + excluded.cost, cost_high = cost_high + excluded.cost_high,
          overrun = overrun + excluded.overrun, overrun_high = overrun_high + excluded.overrun_high,
          calls = calls + excluded.calls, refused = refused + excluded.refused, tokens = tokens + excluded.tokens,
          quantity = quantity + excluded.quantity, quantity_high = quantity_high + excluded.quantity_high,
          lines = lines + excluded.lines, unpriced = unpriced + excluded.unpriced,
          last_sequence = excluded.last_sequence
        """;

    private const string SetTenant = """
        INSERT INTO tenant VALUES ($tenant, $position, $time, $catalog)
        ON CONFLICT DO UPDATE SET position = excluded.position, time = excluded.time, catalog = excluded.catalog
        """;

    private const string SelectTenants = "SELECT name, position, time, catalog FROM tenant";
    private const string SelectTenant = SelectTenants + " WHERE name = $tenant";
    private const string SelectTags = "SELECT tags FROM tags WHERE tenant = $tenant AND owner = $owner";
    private const string SelectAnyTags = "SELECT 1 FROM tags WHERE tenant = $tenant LIMIT 1";
    private const string SetTags = """
        INSERT INTO tags VALUES ($tenant, $owner, $tags) ON CONFLICT DO UPDATE SET tags = excluded.tags
        """;

    private const string DeleteTags = "DELETE FROM tags WHERE tenant = $tenant AND owner = $owner AND $tags = ''";
    private const string DeleteTenant =
        "DELETE FROM spend WHERE tenant = $tenant; DELETE FROM tenant WHERE name = $tenant;"
        + "DELETE FROM tags WHERE tenant = $tenant;" + RunTables.DeleteTenant;

    private static readonly string[] SpendParameters =
    [
        "$tenant", "$quarter", "$session", "$item", "$agent", "$use_case", "$business_unit", "$tags", "$user", "$run",
        "$cost", "$cost_high", "$overrun", "$overrun_high", "$calls", "$refused", "$tokens", "$quantity",
        "$quantity_high", "$lines", "$unpriced", "$last_sequence",
    ];

    private readonly SqliteConnection _connection;

    private ReportStore(SqliteConnection connection, string? rebuildReason)
    {
        _connection = connection;
        RebuildReason = rebuildReason;
    }

    public string? RebuildReason { get; }

    /// <summary>What was paid for.</summary>
    public SpendItems Items { get; } = new();

    public static ReportStore Open(string path)
    {
        string? reason = null;
        if (File.Exists(path))
        {
            var connection = Connect(path);
            try
            {
                Execute(connection, Settings);
                long format = ReadFormat(connection);
                if (format == Format) return new ReportStore(connection, null);
                reason = $"the file has format {format}, not {Format}";
            }
            catch (SqliteException exception) when (IsDamage(exception))
            {
                reason = $"the file was damaged ({exception.Message})";
            }
            catch
            {
                connection.Dispose();
                throw;
            }
            connection.Dispose();
        }
        return new ReportStore(Create(path), reason);
    }

    public Dictionary<string, TenantSums> ReadTenants()
    {
        var tenants = new Dictionary<string, TenantSums>(StringComparer.Ordinal);
        using var command = Command(SelectTenants);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            string name = reader.GetString(0);
            tenants.Add(
                name,
                TenantSums.Restore(
                    name, Items, reader.GetInt64(1), reader.GetInt64(2), CatalogNames.Read((byte[])reader[3])));
        }
        return tenants;
    }

    /// <summary>Takes a tenant back to what is written: nothing, for one that is not.</summary>
    public void Rewind(TenantSums sums)
    {
        using var command = Command(SelectTenant);
        command.Parameters.AddWithValue("$tenant", sums.Tenant);
        using var reader = command.ExecuteReader();
        if (reader.Read()) sums.Rewind(reader.GetInt64(1), reader.GetInt64(2), CatalogNames.Read((byte[])reader[3]));
        else sums.Rewind(toPosition: 0, timeSeconds: 0, CatalogNames.None);
    }

    /// <summary>Adds every pending sum and moves every position, all or nothing.</summary>
    public void Write(IEnumerable<TenantSums> tenants)
    {
        try
        {
            WriteCore(tenants);
            Items.Trim();
        }
        catch
        {
            Items.Clear(); // Some of their numbers may be undone.
            throw;
        }
    }

    private void WriteCore(IEnumerable<TenantSums> tenants)
    {
        using var transaction = _connection.BeginTransaction();
        using var addSpend = Command(AddSpend, transaction);
        foreach (string name in SpendParameters)
            addSpend.Parameters.Add(new SqliteParameter { ParameterName = name });
        using var runs = new RunWriter(_connection, transaction);
        using var setTenant = Command(SetTenant, transaction);
        foreach (var sums in tenants)
        {
            if (!sums.IsChanged) continue;
            foreach (var (key, spend) in sums.Pending)
                Add(addSpend, sums.Tenant, key, Items.NumberOf(key.Item, _connection, transaction), spend);
            runs.Write(sums);
            foreach ((string owner, string tags) in sums.Tags.Pending)
                WriteTags(transaction, sums.Tenant, owner, tags);
            setTenant.Parameters.Clear();
            setTenant.Parameters.AddWithValue("$tenant", sums.Tenant);
            setTenant.Parameters.AddWithValue("$position", sums.Position);
            setTenant.Parameters.AddWithValue("$time", sums.Time.Seconds);
            setTenant.Parameters.AddWithValue("$catalog", sums.Names.ToBytes());
            setTenant.ExecuteNonQuery();
        }
        transaction.Commit();
    }

    /// <summary>The tags of a session, hold or dispute as written; null for none.</summary>
    public string? ReadTags(string tenant, string owner)
    {
        using var command = Command(SelectTags);
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$owner", owner);
        return command.ExecuteScalar() as string;
    }

    /// <summary>Whether tags of anything are written.</summary>
    public bool HasTags(string tenant)
    {
        using var command = Command(SelectAnyTags);
        command.Parameters.AddWithValue("$tenant", tenant);
        return command.ExecuteScalar() is not null;
    }

    private void WriteTags(SqliteTransaction transaction, string tenant, string owner, string tags)
    {
        using var command = Command(tags.Length > 0 ? SetTags : DeleteTags, transaction);
        command.Parameters.AddWithValue("$tenant", tenant);
        command.Parameters.AddWithValue("$owner", owner);
        command.Parameters.AddWithValue("$tags", tags);
        command.ExecuteNonQuery();
    }

    public void Delete(string tenant)
    {
        using var transaction = _connection.BeginTransaction();
        using var command = Command(DeleteTenant, transaction);
        command.Parameters.AddWithValue("$tenant", tenant);
        command.ExecuteNonQuery();
        transaction.Commit();
    }

    /// <summary>The rows of a FOCUS export as they are now, on the side; dispose it.</summary>
    public FocusTable OpenFocus(TenantSums sums, FocusRequest request) =>
        FocusTable.Open(_connection, sums, request);

    public HourlySpend QueryHours(TenantSums sums, ReportFilter filter, DateTimeOffset now) =>
        HourlySpend.Read(_connection, sums, filter, now);

    /// <summary>A report with its days and runs read.</summary>
    public AnomalyReport ReadAnomalies(TenantSums sums, AnomalyQuery query)
    {
        var report = new AnomalyReport(_connection, sums, query);
        report.Read();
        return report;
    }

    /// <summary>A report with all that it compares read.</summary>
    public AdjacencyReport ReadAdjacency(TenantSums sums, AdjacencyQuery query)
    {
        var report = new AdjacencyReport(_connection, sums, query);
        report.Read();
        return report;
    }

    public GetRunCostsResponse? QueryRun(TenantSums sums, string run) => new RunCosts(_connection, sums, run).Run();

    public GetInitiativeResponse QueryInitiative(
        TenantSums sums, InitiativeQuery query, IEnumerable<WindowForecast> windows) =>
        new Initiative(_connection, sums, query).Run(windows);

    public GetChargebackResponse Query(TenantSums sums, Chargeback chargeback) => chargeback.Run(_connection, sums);

    public GetUnitCostsResponse Query(TenantSums sums, UnitCosts unitCosts) => unitCosts.Run(_connection, sums);

    public void Dispose() => _connection.Dispose();

    private static void Add(SqliteCommand command, string tenant, in SpendKey key, long item, in SpendSums sums)
    {
        ReadOnlySpan<object> values =
        [
            tenant, key.Quarter, key.Session, item, key.Agent, key.UseCase, key.BusinessUnit, key.Tags, key.User,
            key.Run,
            WideColumn.Low(sums.CostNanos), WideColumn.High(sums.CostNanos),
            WideColumn.Low(sums.OverrunNanos), WideColumn.High(sums.OverrunNanos),
            sums.Calls, sums.Refused, sums.Tokens,
            WideColumn.Low(sums.QuantityMillionths), WideColumn.High(sums.QuantityMillionths),
            sums.Lines, sums.Unpriced, sums.LastSequence,
        ];
        for (int i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
        command.ExecuteNonQuery();
    }

    private static SqliteConnection Connect(string path)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Pooling = false,
        }.ToString());
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static SqliteConnection Create(string path)
    {
        foreach (string suffix in (ReadOnlySpan<string>)["", "-wal", "-shm", "-journal"]) File.Delete(path + suffix);
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            File.Open(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = OwnerOnly,
            }).Dispose();
        }
        var connection = Connect(path);
        try
        {
            Execute(connection, Settings);
            Execute(connection, $"BEGIN; {Tables} {SpendItems.Table} {RunTables.Tables}");
            Execute(connection, $"PRAGMA user_version = {Format}; COMMIT;");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static long ReadFormat(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA user_version";
        return (long)command.ExecuteScalar()!;
    }

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    // SQLITE_CORRUPT and SQLITE_NOTADB; anything else is not mended by making the file anew.
    private static bool IsDamage(SqliteException exception) => exception.SqliteErrorCode is 11 or 26;

    private SqliteCommand Command(string sql, SqliteTransaction? transaction = null)
    {
        var command = _connection.CreateCommand();
#pragma warning disable CA2100 // Every text is a constant above; values are parameters.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.Transaction = transaction;
        return command;
    }
}
