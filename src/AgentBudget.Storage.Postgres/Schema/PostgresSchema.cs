using System.Reflection;
using DbUp;
using DbUp.Engine;
using DbUp.Engine.Output;
using Npgsql;

namespace AgentBudget.Storage.Postgres.Schema;

/// <summary>
/// The tables of a store. They are made and changed by a person, with a role that owns them; silos only look whether
/// they are what they expect.
/// </summary>
public static class PostgresSchema
{
    /// <summary>Where everything of a store is within its database.</summary>
    public const string Name = "agentbudget";

    /// <summary>The role whose members silos log in as.</summary>
    public const string SiloRole = "agentbudget_silo";

    /// <summary>The number of scripts: what the last of them sets.</summary>
    public const int Version = 3;

    // Of two migrations at once the second waits, and then finds nothing to do.
    private const string Begin = $"""
        SELECT pg_advisory_lock(5498231101);
        CREATE SCHEMA IF NOT EXISTS {Name};
        """;

    /// <summary>
    /// Brings the tables up to <see cref="Version"/>, each step whole or not at all. Repeated, it does nothing. Answers
    /// the names of the steps that it took. Throws <see cref="StoreException"/>.
    /// </summary>
    /// <param name="connection">The database, and a role that may create schemas and roles.</param>
    /// <param name="cancellationToken">Gives up waiting for the database.</param>
    public static async Task<IReadOnlyList<string>> MigrateAsync(
        string connection, CancellationToken cancellationToken)
    {
        NpgsqlConnectionStringBuilder settings = Read(connection);
        try
        {
            settings.Pooling = false;
            await using NpgsqlConnection holder = new(settings.ToString());
            await holder.OpenAsync(cancellationToken);
            await using NpgsqlCommand begin = holder.CreateCommand();
            begin.CommandText = Begin;
            await begin.ExecuteNonQueryAsync(cancellationToken);

            settings.SearchPath = Name;
            DatabaseUpgradeResult result = DeployChanges.To
                .PostgresqlDatabase(settings.ToString(), Name)
                .WithScriptsEmbeddedInAssembly(Assembly.GetExecutingAssembly(), ScriptOrder)
                .JournalToPostgresqlTable(Name, "schema_script")
                .WithVariablesDisabled()
                .WithTransactionPerScript()
                .LogTo(new SilentLog())
                .Build()
                .PerformUpgrade();
            if (result.Successful) return [.. result.Scripts.Select(script => StepOf(script.Name))];
            throw new StoreException(
                $"the tables could not be brought up to version {Version}, step {StepOf(result.ErrorScript?.Name)}: "
                + result.Error.Message,
                result.Error);
        }
        catch (Exception fault) when (fault is NpgsqlException or TimeoutException)
        {
            throw new StoreException(
                $"the tables could not be brought up to version {Version}: {fault.Message}", fault);
        }
    }

    /// <summary>What is wrong with a connection string, as a sentence; null for one that can be tried.</summary>
    public static string? FaultOf(string connection)
    {
        try
        {
            NpgsqlConnectionStringBuilder settings = new(connection);
            if (string.IsNullOrEmpty(settings.Host)) return "must name a host, such as Host=127.0.0.1.";
            return string.IsNullOrEmpty(settings.Database) ? "must name a database, such as Database=budget." : null;
        }
        catch (Exception fault) when (fault is ArgumentException or FormatException or InvalidOperationException)
        {
            return "must be Host=…;Port=…;Database=…;Username=…;Password=…, as Npgsql reads it.";
        }
    }

    internal static NpgsqlConnectionStringBuilder Read(string connection) => FaultOf(connection) is { } fault
        ? throw new StoreException($"the connection string of PostgreSQL {fault}")
        : new NpgsqlConnectionStringBuilder(connection);

    private static bool ScriptOrder(string name) => name.EndsWith(".sql", StringComparison.Ordinal);

    // AgentBudget.Storage.Postgres.Schema.Scripts.0001-ledger.sql
    private static string StepOf(string? name) => name is null ? "unknown" : name.Split('.')[^2];

    private sealed class SilentLog : IUpgradeLog
    {
        public void LogTrace(string format, params object[] args)
        {
        }

        public void LogDebug(string format, params object[] args)
        {
        }

        public void LogInformation(string format, params object[] args)
        {
        }

        public void LogWarning(string format, params object[] args)
        {
        }

        public void LogError(string format, params object[] args)
        {
        }

        public void LogError(Exception ex, string format, params object[] args)
        {
        }
    }
}
