using AgentBudget.Storage.Sqlite.Files;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>
/// The one connection, its settings, transactions and checkpoints. Every call comes from the store's thread.
/// </summary>
internal sealed class SqliteEngine : IDisposable
{
    private const long ApplicationId = 0x41_42_4c_31; // "ABL1", so that the file command can name the file.
    private const long SchemaVersion = 1;

    // The lock mode comes first: with it the log needs no shared memory file. Pages are written at commit only, in one
    // go. A checkpoint is ours to choose: it runs between groups, on this connection. So is the sync of a commit, since
    // SQLite syncs the log's times with its bytes, which is a second write one after the other (see Commit); NORMAL
    // still syncs the log before a checkpoint, and the database after it.
    private const string Settings = """
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA wal_autocheckpoint = 0;
        PRAGMA journal_size_limit = 16777216;
        PRAGMA cache_spill = OFF;
        PRAGMA temp_store = MEMORY;
        PRAGMA trusted_schema = OFF;
        """;

    private const string Schema = """
        CREATE TABLE tenant (
          id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch INTEGER NOT NULL, owner BLOB NOT NULL) STRICT;
        CREATE TABLE journal (
          position INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
          first_event INTEGER NOT NULL, events INTEGER NOT NULL, prev_hash BLOB NOT NULL, hash BLOB NOT NULL,
          body BLOB NOT NULL, UNIQUE (tenant, seq)) STRICT;
        CREATE TABLE snapshot (
          tenant INTEGER NOT NULL, last_event INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL,
          hash BLOB NOT NULL, next_deadline INTEGER NOT NULL, length INTEGER NOT NULL, checksum BLOB NOT NULL,
          PRIMARY KEY (tenant, last_event)) STRICT, WITHOUT ROWID;
        CREATE TABLE snapshot_chunk (
          id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, last_event INTEGER NOT NULL, chunk INTEGER NOT NULL,
          body BLOB NOT NULL, UNIQUE (tenant, last_event, chunk)) STRICT;
        CREATE TABLE probe (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
        """;

    private readonly SqliteConnection _connection;
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SafeFileHandle _log;
    private long _loggedPages;

    private SqliteEngine(SqliteConnection connection, StoreFolder folder)
    {
        _connection = connection;
        Database = connection.Handle ?? throw new StoreException("SQLite opened no database");
        _ = raw.sqlite3_extended_result_codes(Database, 1);
        Run(Settings);
        CheckSetting("journal_mode", "wal");
        CheckSetting("synchronous", "1");
        CheckSetting("locking_mode", "exclusive");
        CreateSchemaIfMissing();
        // There as long as the connection is open, since the lock mode is exclusive.
        _log = StoreFolder.Open(folder.WriteAheadLog, FileMode.Open, FileShare.ReadWrite, FileOptions.None);
        _begin = Prepare("BEGIN IMMEDIATE");
        _commit = Prepare("COMMIT");
        _rollback = Prepare("ROLLBACK");
    }

    public sqlite3 Database { get; }

    /// <summary>Opens the database of a folder. Throws <see cref="StoreException"/>.</summary>
    public static SqliteEngine Open(StoreFolder folder)
    {
        folder.CreateDatabaseIfMissing();
        var settings = new SqliteConnectionStringBuilder
        {
            DataSource = folder.Database,
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
        };
        var connection = new SqliteConnection(settings.ToString());
        try
        {
            connection.Open();
            return new SqliteEngine(connection, folder);
        }
        catch (Exception exception) when (exception is SqliteException or SqliteFaultException or StoreException
            or IOException or UnauthorizedAccessException)
        {
            connection.Dispose();
            throw new StoreException($"cannot open the ledger '{folder.Database}': {exception.Message}", exception);
        }
    }

    /// <summary>Prepares a statement that lives as long as the connection.</summary>
    public SqliteStatement Prepare(string sql)
    {
        var statement = new SqliteStatement(Database, sql);
        _statements.Add(statement);
        return statement;
    }

    public void Begin() => _begin.Execute();

    /// <summary>
    /// Durable when it returns. Throws <see cref="IOException"/> when the log could not be synced: whether the
    /// transaction is durable is not known then.
    /// </summary>
    public void Commit()
    {
        _commit.Execute();
        NativeFiles.SyncData(_log);
    }

    /// <summary>Undoes the transaction unless SQLite already has.</summary>
    public void Rollback()
    {
        if (raw.sqlite3_get_autocommit(Database) == 0) _rollback.Execute();
    }

    /// <summary>Pages that were written to the log since the last checkpoint.</summary>
    public long CountLoggedPages()
    {
        SqliteStatement.Check(Database, raw.sqlite3_db_status(
            Database, raw.SQLITE_DBSTATUS_CACHE_WRITE, out int pages, out _, resetFlg: 1));
        return _loggedPages += pages;
    }

    /// <summary>
    /// Moves the log into the database. With one connection nobody reads the log then, so the next write begins it
    /// anew; the file keeps its length, because writing over what is there is cheaper than growing.
    /// </summary>
    public void Checkpoint()
    {
        SqliteStatement.Check(
            Database, raw.sqlite3_wal_checkpoint_v2(Database, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out _, out _));
        _loggedPages = 0;
    }

    public void Dispose()
    {
        foreach (SqliteStatement statement in _statements) statement.Dispose();
        _log.Dispose();
        _connection.Dispose();
    }

    private void Run(string sql) => SqliteStatement.Check(Database, raw.sqlite3_exec(Database, sql));

    private string ReadSetting(string name)
    {
        using var statement = new SqliteStatement(Database, $"PRAGMA {name}");
        return statement.Step() ? statement.ReadText(0) : "";
    }

    private void CheckSetting(string name, string expected)
    {
        string value = ReadSetting(name);
        if (!string.Equals(value, expected, StringComparison.OrdinalIgnoreCase))
            throw new StoreException($"SQLite refuses {name} = {expected} and keeps {value}");
    }

    private void CreateSchemaIfMissing()
    {
        string version = ReadSetting("user_version");
        if (version == $"{SchemaVersion}") return;
        if (version != "0") throw new StoreException($"its schema version {version} is unknown to this release");
        Run($"""
            BEGIN IMMEDIATE;
            {Schema}
            PRAGMA application_id = {ApplicationId};
            PRAGMA user_version = {SchemaVersion};
            COMMIT;
            """);
    }
}
