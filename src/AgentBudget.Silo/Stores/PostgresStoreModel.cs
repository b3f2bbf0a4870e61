using AgentBudget.Storage;
using AgentBudget.Storage.Postgres;
using AgentBudget.Storage.Postgres.Schema;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace AgentBudget.Silo.Stores;

/// <summary>Ledgers, membership and reminders in one PostgreSQL database.</summary>
internal sealed record PostgresStoreModel(string Connection) : SharedStoreModel(Connection)
{
    private const string Invariant = "Npgsql";

    /// <inheritdoc/>
    public override string Name => "PostgreSQL";

    /// <inheritdoc/>
    public override async Task<ISharedStore> OpenAsync(
        string ownerAddress, TimeProvider time, ILoggerFactory loggers) =>
        await PostgresStore.OpenAsync(
            new PostgresStoreOptions { Connection = Connection, OwnerAddress = ownerAddress },
            time,
            loggers,
            CancellationToken.None);

    /// <inheritdoc/>
    public override async Task<(IReadOnlyList<string> Steps, string Then)> MigrateAsync() => (
        await PostgresSchema.MigrateAsync(Connection, CancellationToken.None),
        $"The tables have version {PostgresSchema.Version}. Silos log in as members of {PostgresSchema.SiloRole}, such "
        + $"as: CREATE ROLE silo LOGIN PASSWORD '…' IN ROLE {PostgresSchema.SiloRole};");

    /// <inheritdoc/>
    public override ISiloBuilder UseMembership(ISiloBuilder silo, ISharedStore store)
    {
        var postgres = (PostgresStore)store;
        return silo
            .UseAdoNetClustering((AdoNetClusteringSiloOptions options) =>
                (options.Invariant, options.DataSource) = (Invariant, postgres.Membership))
            .UseAdoNetReminderService((AdoNetReminderTableOptions options) =>
                (options.Invariant, options.DataSource) = (Invariant, postgres.Membership));
    }
}
