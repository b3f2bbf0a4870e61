using System.Globalization;
using System.Security.Cryptography;
using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Azure;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace AgentBudget.Storage.Azure.Snapshots;

/// <summary>
/// Snapshots: bodies in blobs, which are there once their rows are. A row is changed together with the tenant's own
/// row, compared with what was read of it: so an ownership that is not the newest changes none.
/// </summary>
internal sealed class SnapshotStore(BlobContainerClient container, TableClient table, TenantTable tenants)
{
    private const int NonceLength = 8;
    private const int RowsPerTransaction = 99; // A transaction has a hundred rows, and one is the tenant's.
    private const int AttemptsMax = 100; // The tenant's row is changed by take-overs and full segments alone.

    /// <summary>Saves a snapshot; false when the epoch is not current.</summary>
    public async Task<bool> SaveAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        if (await tenants.FindOwnedAsync(tenant, epoch, cancellationToken) is not { } owner) return false;
        SnapshotRow? former = await FindAsync(owner.Key, snapshot.Head.LastEvent, cancellationToken);
        SnapshotRow row = new(
            snapshot.Head,
            snapshot.NextDeadlineNanos,
            NewBlobOf(owner.Key, snapshot.Head.LastEvent),
            snapshot.Body.Length,
            ChainHash.Of(snapshot.Body.Span));
        await container.GetBlobClient(row.Blob).UploadAsync(new BinaryData(snapshot.Body), cancellationToken);
        TableTransactionAction action = new(TableTransactionActionType.UpsertReplace, row.ToEntity(owner.Key));
        bool isSaved = await ChangeAsync(owner, [action], cancellationToken);
        string? needless = isSaved ? former?.Blob : row.Blob;
        if (needless is not null) await DeleteAsync(needless, cancellationToken);
        return isSaved;
    }

    /// <summary>The newest snapshot up to an event whose body is what was saved.</summary>
    public async Task<StoredSnapshot?> ReadAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken)
    {
        List<SnapshotRow> rows = await ListAsync(KeyText.Of(tenant), cancellationToken);
        foreach (SnapshotRow row in rows.OrderByDescending(row => row.Head.LastEvent))
        {
            if (row.Head.LastEvent > lastEventMax) continue;
            if (await TryReadBodyAsync(row, cancellationToken) is { } body)
                return new StoredSnapshot(row.Head, row.NextDeadlineNanos, body);
        }

        return null;
    }

    /// <summary>Drops what is older than an event; false when the epoch is not current.</summary>
    public async Task<bool> DropBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken)
    {
        if (await tenants.FindOwnedAsync(tenant, epoch, cancellationToken) is not { } owner) return false;
        List<SnapshotRow> rows = await ListAsync(owner.Key, cancellationToken);
        IEnumerable<TableTransactionAction> actions = rows
            .Where(row => row.Head.LastEvent < lastEvent)
            .Select(row => new TableTransactionAction(
                TableTransactionActionType.Delete, row.ToEntity(owner.Key), ETag.All));
        foreach (TableTransactionAction[] some in actions.Chunk(RowsPerTransaction))
        {
            if (!await ChangeAsync(owner, some, cancellationToken)) return false;
        }

        // With those of a save that ended between its blob and its row.
        string bound = BlobsOf(owner.Key, lastEvent);
        AsyncPageable<BlobItem> blobs = container.GetBlobsAsync(
            BlobTraits.None, BlobStates.None, PrefixOf(owner.Key), cancellationToken);
        await foreach (BlobItem blob in blobs)
        {
            if (string.CompareOrdinal(blob.Name, bound) >= 0) break;
            await DeleteAsync(blob.Name, cancellationToken);
        }

        return true;
    }

    // Together with the tenant's row, which stays as it is.
    private async Task<bool> ChangeAsync(
        TenantRow owner, IReadOnlyList<TableTransactionAction> actions, CancellationToken cancellationToken)
    {
        TenantRow? found = owner;
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            TableTransactionAction fence =
                new(TableTransactionActionType.UpdateReplace, found.ToEntity(), found.ETag);
            try
            {
                await table.SubmitTransactionAsync([fence, .. actions], cancellationToken);
                return true;
            }
            catch (RequestFailedException changed) when (AzureFaults.IsTaken(changed))
            {
                found = await tenants.FindOwnedAsync(owner.Name, owner.Epoch, cancellationToken);
                if (found is null) return false;
            }
        }

        throw new StoreException($"the row of tenant '{owner.Name}' is changed by others without an end");
    }

    private async Task<SnapshotRow?> FindAsync(string key, long lastEvent, CancellationToken cancellationToken)
    {
        NullableResponse<TableEntity> found = await table.GetEntityIfExistsAsync<TableEntity>(
            key, SnapshotRow.KeyOf(lastEvent), cancellationToken: cancellationToken);
        return found.HasValue ? SnapshotRow.Of(found.Value!) : null;
    }

    private async Task<List<SnapshotRow>> ListAsync(string key, CancellationToken cancellationToken)
    {
        List<SnapshotRow> rows = [];
        AsyncPageable<TableEntity> found = table.QueryAsync<TableEntity>(
            $"PartitionKey eq '{key}' and {SnapshotRow.Filter}", cancellationToken: cancellationToken);
        await foreach (TableEntity row in found)
        {
            if (SnapshotRow.Of(row) is { } snapshot) rows.Add(snapshot);
        }

        return rows;
    }

    private async Task<byte[]?> TryReadBodyAsync(SnapshotRow row, CancellationToken cancellationToken)
    {
        try
        {
            BlobDownloadResult read = await container.GetBlobClient(row.Blob).DownloadContentAsync(cancellationToken);
            byte[] body = read.Content.ToArray();
            return body.Length == row.Length && ChainHash.Of(body) == row.Checksum ? body : null;
        }
        catch (RequestFailedException missing) when (missing.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return null;
        }
    }

    private async Task DeleteAsync(string blob, CancellationToken cancellationToken) =>
        await container.GetBlobClient(blob).DeleteIfExistsAsync(cancellationToken: cancellationToken);

    private static string PrefixOf(string key) => $"snapshot/{key}/";

    private static string BlobsOf(string key, long lastEvent) =>
        string.Create(CultureInfo.InvariantCulture, $"{PrefixOf(key)}{lastEvent:D19}");

    // Never the name of another one, so that one that is being written is not one that is there.
    private static string NewBlobOf(string key, long lastEvent) =>
        $"{BlobsOf(key, lastEvent)}-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NonceLength))}";
}
