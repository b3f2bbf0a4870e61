using AgentBudget.Storage;
using AgentBudget.Storage.Azure;
using AgentBudget.Storage.Azure.Schema;
using Azure.Data.Tables;
using Microsoft.Extensions.Logging;
using Orleans.Clustering.AzureStorage;
using Orleans.Reminders.AzureStorage;

namespace AgentBudget.Silo.Stores;

/// <summary>Ledgers, membership and reminders in one storage account of Azure.</summary>
internal sealed record AzureStoreModel(string Connection) : SharedStoreModel(Connection)
{
    // Orleans makes its tables at its first start.
    private const string MembershipTable = "agentbudgetmembers";
    private const string ReminderTable = "agentbudgetreminders";

    /// <inheritdoc/>
    public override string Name => "Azure Storage";

    /// <inheritdoc/>
    public override async Task<ISharedStore> OpenAsync(
        string ownerAddress, TimeProvider time, ILoggerFactory loggers) =>
        await AzureStore.OpenAsync(
            new AzureStoreOptions { Connection = Connection, OwnerAddress = ownerAddress },
            time,
            loggers,
            CancellationToken.None);

    /// <inheritdoc/>
    public override async Task<(IReadOnlyList<string> Steps, string Then)> MigrateAsync() => (
        await AzureSchema.MigrateAsync(Connection, CancellationToken.None),
        $"The store is kept in format {AzureSchema.Version}. Silos use the same connection string.");

    /// <inheritdoc/>
    public override ISiloBuilder UseMembership(ISiloBuilder silo, ISharedStore store)
    {
        TableServiceClient tables = ((AzureStore)store).Tables;
        return silo
            .UseAzureStorageClustering((AzureStorageClusteringOptions options) =>
                (options.TableName, options.TableServiceClient) = (MembershipTable, tables))
            .UseAzureTableReminderService((AzureTableReminderStorageOptions options) =>
                (options.TableName, options.TableServiceClient) = (ReminderTable, tables));
    }
}
