using AgentBudget.Protocol.V1;
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
    private const long Format = 5;

    private const string Settings = """
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        """;

    // STRICT: a sum beyond 64 bits would become a float and is an error instead.
    private const string Tables = """
        CREATE TABLE tenant (
          name TEXT PRIMARY KEY, position INTEGER NOT NULL, currency TEXT NOT NULL, time_zone TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE spend (
          tenant TEXT NOT NULL, quarter INTEGER NOT NULL, session TEXT NOT NULL, model TEXT NOT NULL,
          tool TEXT NOT NULL, sku TEXT NOT NULL, agent TEXT NOT NULL, use_case TEXT NOT NULL,
          business_unit TEXT NOT NULL,
          cost INTEGER NOT NULL, overrun INTEGER NOT NULL, calls INTEGER NOT NULL, refused INTEGER NOT NULL,
          input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,
          cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL, reasoning INTEGER NOT NULL,
          input_audio INTEGER NOT NULL, output_audio INTEGER NOT NULL, input_image INTEGER NOT NULL,
          quantity INTEGER NOT NULL, cache_read_audio INTEGER NOT NULL, cache_write_audio INTEGER NOT NULL,
          output_image INTEGER NOT NULL, cost_high INTEGER NOT NULL, overrun_high INTEGER NOT NULL,
          quantity_high INTEGER NOT NULL, user TEXT NOT NULL, tags TEXT NOT NULL,
          PRIMARY KEY (tenant, quarter, session, model, tool, sku, agent, use_case, business_unit, tags, user)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE tags (
          tenant TEXT NOT NULL, owner TEXT NOT NULL, tags TEXT NOT NULL, PRIMARY KEY (tenant, owner)
        ) STRICT, WITHOUT ROWID;
        """;

    private const string AddSpend = """
        INSERT INTO spend VALUES ($tenant, $quarter, $session, $model, $tool, $sku, $agent, $use_case, $business_unit,
          $cost, $overrun, $calls, $refused, $input, $output, $cache_read, $cache_write_5m, $cache_write_1h,
          $reasoning, $input_audio, $output_audio, $input_image, $quantity, $cache_read_audio, $cache_write_audio,
          $output_image, $cost_high, $overrun_high, $quantity_high, $user, $tags)
        ON CONFLICT DO UPDATE SET cost = cost + excluded.cost, overrun = overrun + excluded.overrun,
          calls = calls + excluded.calls, refused = refused + excluded.refused,
          input = input + excluded.input, output = output + excluded.output,
          cache_read = cache_read + excluded.cache_read, cache_write_5m = cache_write_5m + excluded.cache_write_5m,
          cache_write_1h = cache_write_1h + excluded.cache_write_1h, reasoning = reasoning + excluded.reasoning,
          input_audio = input_audio + excluded.input_audio, output_audio = output_audio + excluded.output_audio,
          input_image = input_image + excluded.input_image, quantity = quantity + excluded.quantity,
          cache_read_audio = cache_read_audio + excluded.cache_read_audio,
          cache_write_audio = cache_write_audio + excluded.cache_write_audio,
          output_image = output_image + excluded.output_image,
          cost_high = cost_high + excluded.cost_high, overrun_high = overrun_high + excluded.overrun_high,
          quantity_high = quantity_high + excluded.quantity_high
        """;

    private const string SetTenant = """
        INSERT INTO tenant VALUES ($tenant, $position, $currency, $time_zone)
        ON CONFLICT DO UPDATE SET
          position = excluded.position, currency = excluded.currency, time_zone = excluded.time_zone
        """;

    private const string SelectTenants = "SELECT name, position, currency, time_zone FROM tenant";
    private const string SelectPosition = "SELECT position FROM tenant WHERE name = $tenant";
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
        "$tenant", "$quarter", "$session", "$model", "$tool", "$sku", "$agent", "$use_case",
        "$business_unit",
        "$cost", "$overrun", "$calls", "$refused", "$input", "$output", "$cache_read", "$cache_write_5m",
        "$cache_write_1h", "$reasoning", "$input_audio", "$output_audio", "$input_image", "$quantity",
        "$cache_read_audio", "$cache_write_audio", "$output_image", "$cost_high", "$overrun_high", "$quantity_high",
        "$user", "$tags",
    ];

    private readonly SqliteConnection _connection;

    private ReportStore(SqliteConnection connection, string? rebuildReason)
    {
        _connection = connection;
        RebuildReason = rebuildReason;
    }

    public string? RebuildReason { get; }

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
                    name, reader.GetInt64(1), reader.GetString(2), reader.GetString(3), ReadBaselines(name)));
        }
        return tenants;
    }

    /// <summary>The position as written; 0 for a tenant that is not.</summary>
    public long ReadPosition(string tenant)
    {
        using var command = Command(SelectPosition);
        command.Parameters.AddWithValue("$tenant", tenant);
        return command.ExecuteScalar() is long position ? position : 0;
    }

    /// <summary>The baselines as written; none for a tenant that is not.</summary>
    public Baselines ReadBaselines(string tenant) => RunTables.ReadBaselines(_connection, tenant);

    /// <summary>Adds every pending sum and moves every position, all or nothing.</summary>
    public void Write(IEnumerable<TenantSums> tenants)
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
            foreach (var (key, spend) in sums.Pending) Add(addSpend, sums.Tenant, key, spend);
            runs.Write(sums);
            foreach ((string owner, string tags) in sums.Tags.Pending)
                WriteTags(transaction, sums.Tenant, owner, tags);
            setTenant.Parameters.Clear();
            setTenant.Parameters.AddWithValue("$tenant", sums.Tenant);
            setTenant.Parameters.AddWithValue("$position", sums.Position);
            setTenant.Parameters.AddWithValue("$currency", sums.Currency);
            setTenant.Parameters.AddWithValue("$time_zone", sums.TimeZone);
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

    public GetChargebackResponse Query(TenantSums sums, Chargeback chargeback) => chargeback.Run(_connection, sums);

    public GetUnitCostsResponse Query(TenantSums sums, UnitCosts unitCosts) => unitCosts.Run(_connection, sums);

    public void Dispose() => _connection.Dispose();

    private static void Add(SqliteCommand command, string tenant, in SpendKey key, in SpendSums sums)
    {
        var parameters = command.Parameters;
        parameters[0].Value = tenant;
        parameters[1].Value = key.Quarter;
        parameters[2].Value = key.Session;
        parameters[3].Value = key.Model;
        parameters[4].Value = key.Tool;
        parameters[5].Value = key.Sku;
        parameters[6].Value = key.Agent;
        parameters[7].Value = key.UseCase;
        parameters[8].Value = key.BusinessUnit;
        ReadOnlySpan<long> values =
        [
            WideColumn.Low(sums.CostNanos), WideColumn.Low(sums.OverrunNanos), sums.Calls, sums.Refused,
            sums.InputTokens, sums.OutputTokens,
            sums.CacheReadTokens, sums.CacheWrite5mTokens, sums.CacheWrite1hTokens, sums.ReasoningTokens,
            sums.InputAudioTokens, sums.OutputAudioTokens, sums.InputImageTokens,
            WideColumn.Low(sums.QuantityMillionths), sums.CacheReadAudioTokens, sums.CacheWriteAudioTokens,
            sums.OutputImageTokens, WideColumn.High(sums.CostNanos), WideColumn.High(sums.OverrunNanos),
            WideColumn.High(sums.QuantityMillionths),
        ];
        for (int i = 0; i < values.Length; i++) parameters[9 + i].Value = values[i];
        parameters[9 + values.Length].Value = key.User;
        parameters[10 + values.Length].Value = key.Tags;
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
            Execute(connection, $"BEGIN; {Tables} {RunTables.Tables} PRAGMA user_version = {Format}; COMMIT;");
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
