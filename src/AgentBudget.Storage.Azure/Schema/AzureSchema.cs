using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Azure.Tables;
using Azure;
using Azure.Data.Tables.Models;

namespace AgentBudget.Storage.Azure.Schema;

/// <summary>
/// The container and the table of a store. They are made by a person; silos only look whether they are what they
/// expect.
/// </summary>
public static class AzureSchema
{
    /// <summary>The format of blobs and rows that this release reads and writes.</summary>
    public const int Version = 1;

    private const int Conflict = 409; // It is there.

    /// <summary>
    /// Makes the container, the table and the row that says which store this is. Repeated, it does nothing. Answers
    /// what it made. Throws <see cref="StoreException"/>.
    /// </summary>
    /// <param name="connection">The storage account.</param>
    /// <param name="cancellationToken">Gives up waiting for the account.</param>
    public static Task<IReadOnlyList<string>> MigrateAsync(string connection, CancellationToken cancellationToken) =>
        MigrateAsync(new AzureStoreOptions { Connection = connection }, cancellationToken);

    internal static async Task<IReadOnlyList<string>> MigrateAsync(
        AzureStoreOptions options, CancellationToken cancellationToken)
    {
        using AzureConnections connections = AzureConnections.Of(options);
        try
        {
            List<string> made = [];
            if (await connections.Blobs.CreateIfNotExistsAsync(cancellationToken: cancellationToken) is not null)
                made.Add($"container {connections.Blobs.Name}");
            Response<TableItem> table = await connections.Table.CreateIfNotExistsAsync(cancellationToken);
            if (table.GetRawResponse().Status != Conflict) made.Add($"table {connections.Table.Name}");
            if (await new StoreRow(connections.Table).TryMakeAsync(Version, cancellationToken))
                made.Add("store");
            return made;
        }
        catch (Exception fault) when (AzureFaults.IsStoreFault(fault, cancellationToken))
        {
            throw AzureFaults.SentenceOf(fault);
        }
    }
}
