using System.Security.Cryptography;
using AgentBudget.Storage.Azure.Connections;
using Azure;
using Azure.Data.Tables;

namespace AgentBudget.Storage.Azure.Tables;

/// <summary>The tenants' rows: epochs, owners, and where journals go on. Every change is compared with what was read.
/// </summary>
internal sealed class TenantTable(TableClient table, string ownerAddress)
{
    private const int OwnerLength = 16;

    // Of those who change a row at once one succeeds, so this is more than may ever want it.
    private const int AttemptsMax = 100;

    /// <summary>Who owns what this process acquires: one at each start, and never the same again.</summary>
    public Guid Owner { get; } = new(RandomNumberGenerator.GetBytes(OwnerLength));

    /// <summary>The tenant's row; null for one that nobody ever acquired.</summary>
    public async Task<TenantRow?> FindAsync(string tenant, CancellationToken cancellationToken)
    {
        NullableResponse<TableEntity> found = await table.GetEntityIfExistsAsync<TableEntity>(
            KeyText.Of(tenant), TenantRow.RowKey, cancellationToken: cancellationToken);
        return found.HasValue ? TenantRow.Of(found.Value!) : null;
    }

    /// <summary>Makes this process the owner, under an epoch above the last one and above <paramref name="floor"/>.
    /// </summary>
    public async Task<TenantRow> RaiseAsync(string tenant, long floor, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            TenantRow? found = await FindAsync(tenant, cancellationToken);
            TenantRow raised = new(
                KeyText.Of(tenant),
                tenant,
                Math.Max(found?.Epoch ?? 0, floor) + 1,
                Owner,
                ownerAddress,
                found?.Segment,
                found?.ETag ?? default);
            if (await TryWriteAsync(raised, isNew: found is null, cancellationToken) is { } written) return written;
        }

        throw new StoreException($"the row of tenant '{tenant}' is changed by others without an end");
    }

    /// <summary>
    /// Names the segment where the journal goes on, if the ownership is the newest still; null when it is not.
    /// </summary>
    public async Task<TenantRow?> ConfirmAsync(TenantRow owned, string segment, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            TenantRow? found = await FindAsync(owned.Name, cancellationToken);
            if (found is null || found.Epoch != owned.Epoch || found.Owner != Owner) return null;
            if (found.Segment == segment) return found;
            TenantRow named = found with { Segment = segment };
            if (await TryWriteAsync(named, isNew: false, cancellationToken) is { } written) return written;
        }

        throw new StoreException($"the row of tenant '{owned.Name}' is changed by others without an end");
    }

    /// <summary>The tenant's row if this process owns it under that epoch; null when it does not.</summary>
    public async Task<TenantRow?> FindOwnedAsync(string tenant, long epoch, CancellationToken cancellationToken) =>
        await FindAsync(tenant, cancellationToken) is { } found && found.Epoch == epoch && found.Owner == Owner
            ? found
            : null;

    private async Task<TenantRow?> TryWriteAsync(TenantRow row, bool isNew, CancellationToken cancellationToken)
    {
        try
        {
            Response written = isNew
                ? await table.AddEntityAsync(row.ToEntity(), cancellationToken)
                : await table.UpdateEntityAsync(row.ToEntity(), row.ETag, TableUpdateMode.Replace, cancellationToken);
            return row with { ETag = written.Headers.ETag ?? default };
        }
        catch (RequestFailedException taken) when (AzureFaults.IsTaken(taken))
        {
            return null; // Somebody else's, or ours that was sent twice: either is seen when the row is read again.
        }
    }
}
