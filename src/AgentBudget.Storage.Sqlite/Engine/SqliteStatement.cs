using AgentBudget.Storage.Journal;
using SQLitePCL;

namespace AgentBudget.Storage.Sqlite.Engine;

/// <summary>
/// A prepared statement. Bind by position from 1, step, read columns from 0, then reset; errors are
/// <see cref="SqliteFaultException"/>. Values are copied by SQLite.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    public SqliteStatement(sqlite3 database, string sql)
    {
        _database = database;
        Check(database, raw.sqlite3_prepare_v3(database, sql, raw.SQLITE_PREPARE_PERSISTENT, out _statement));
    }

    public static void Check(sqlite3 database, int code)
    {
        if (code is not (raw.SQLITE_OK or raw.SQLITE_ROW or raw.SQLITE_DONE))
            throw new SqliteFaultException(code, raw.sqlite3_errmsg(database).utf8_to_string());
    }

    public SqliteStatement Bind(int index, long value)
    {
        Check(_database, raw.sqlite3_bind_int64(_statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, string value)
    {
        Check(_database, raw.sqlite3_bind_text(_statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, ReadOnlySpan<byte> value)
    {
        Check(_database, raw.sqlite3_bind_blob(_statement, index, value));
        return this;
    }

    public SqliteStatement Bind(int index, ChainHash value)
    {
        Span<byte> bytes = stackalloc byte[ChainHash.Length];
        value.CopyTo(bytes);
        return Bind(index, bytes);
    }

    /// <summary>True when there is a row to read.</summary>
    public bool Step()
    {
        int code = raw.sqlite3_step(_statement);
        Check(_database, code);
        return code == raw.SQLITE_ROW;
    }

    /// <summary>Steps to the end of a statement without rows and resets it; answers how many rows it changed.</summary>
    public int Execute()
    {
        try
        {
            Step();
            return raw.sqlite3_changes(_database);
        }
        finally
        {
            Reset();
        }
    }

    public long ReadLong(int column) => raw.sqlite3_column_int64(_statement, column);

    public string ReadText(int column) => raw.sqlite3_column_text(_statement, column).utf8_to_string();

    /// <summary>Valid until the next step or reset.</summary>
    public ReadOnlySpan<byte> ReadBytes(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <summary>A column of another length reads as no hash at all, which follows nothing.</summary>
    public ChainHash ReadHash(int column)
    {
        ReadOnlySpan<byte> bytes = ReadBytes(column);
        return bytes.Length == ChainHash.Length ? new ChainHash(bytes) : ChainHash.Of([]);
    }

    /// <summary>Makes it ready for the next use. The error of a failed step was thrown by it already.</summary>
    public void Reset()
    {
        _ = raw.sqlite3_reset(_statement);
        _ = raw.sqlite3_clear_bindings(_statement);
    }

    public void Dispose() => _statement.Dispose();
}
