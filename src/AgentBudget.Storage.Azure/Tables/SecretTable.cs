using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Secrets;
using Azure;
using Azure.Data.Tables;

namespace AgentBudget.Storage.Azure.Tables;

/// <summary>What all silos share, sealed.</summary>
internal sealed class SecretTable(TableClient table)
{
    private const string Partition = "Secret"; // A tenant's key has small letters only.
    private const string Version = "Version";
    private const string Bytes = "Bytes";
    private const int LengthMax = 64 * 1024; // Of one value of a row.

    public async Task<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken) =>
        await FindAsync(name, cancellationToken) is { } row
            ? new SealedSecret(row.GetInt64(Version).GetValueOrDefault(), row.GetBinary(Bytes))
            : null;

    public async Task<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (bytes.Length > LengthMax)
            throw new StoreException($"the secret {name} has {bytes.Length} bytes, and a row takes {LengthMax}");
        TableEntity? there = version == 0 ? null : await FindAsync(name, cancellationToken);
        if (there?.GetInt64(Version) != (version == 0 ? null : version)) return false;
        TableEntity row = new(Partition, KeyText.Of(name))
        {
            [Version] = version + 1,
            [Bytes] = bytes.ToArray(),
        };
        try
        {
            if (there is null) await table.AddEntityAsync(row, cancellationToken);
            else await table.UpdateEntityAsync(row, there.ETag, TableUpdateMode.Replace, cancellationToken);
            return true;
        }
        catch (RequestFailedException taken) when (AzureFaults.IsTaken(taken))
        {
            return false;
        }
    }

    private async Task<TableEntity?> FindAsync(string name, CancellationToken cancellationToken)
    {
        NullableResponse<TableEntity> found = await table.GetEntityIfExistsAsync<TableEntity>(
            Partition, KeyText.Of(name), cancellationToken: cancellationToken);
        return found.HasValue ? found.Value : null;
    }
}
