using AgentBudget.Storage.Journal;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Tables;

/// <summary>Short forms of statements and their values.</summary>
internal static class Statements
{
    public static NpgsqlCommand With<T>(this NpgsqlCommand command, T value)
    {
        command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = value });
        return command;
    }

    public static NpgsqlCommand With(this NpgsqlCommand command, ChainHash hash)
    {
        byte[] bytes = new byte[ChainHash.Length];
        hash.CopyTo(bytes);
        return command.With(bytes);
    }

    /// <summary>A hash; zero where the bytes are none, so that whoever compares it finds that it does not fit.
    /// </summary>
    public static ChainHash Hash(this NpgsqlDataReader reader, int column)
    {
        byte[] bytes = reader.GetFieldValue<byte[]>(column);
        return bytes.Length == ChainHash.Length ? new ChainHash(bytes) : ChainHash.Zero;
    }
}
