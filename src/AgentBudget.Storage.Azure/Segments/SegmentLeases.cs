using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>
/// The leases of segments: whoever has one may append, and it runs until somebody takes it. No clock is in it.
/// </summary>
internal sealed class SegmentLeases(BlobContainerClient container)
{
    private const int AttemptsMax = 16; // Each is one more who wants the same tenant at once.

    /// <summary>
    /// Takes the lease from whoever has it; false when the ownership is not the newest any more, so that it has no
    /// reason to take it.
    /// </summary>
    /// <param name="name">The segment.</param>
    /// <param name="leaseId">The ownership's.</param>
    /// <param name="isNewest">Whether the ownership is the newest.</param>
    /// <param name="cancellationToken">Stops between two steps.</param>
    public async Task<bool> TakeAsync(
        string name, string leaseId, Func<Task<bool>> isNewest, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < AttemptsMax; attempt++)
        {
            if (await TryAcquireAsync(name, leaseId, cancellationToken)) return true;
            if (!await isNewest()) return false;
            await BreakAsync(name, cancellationToken);
        }

        throw new StoreException($"the lease of {name} is taken by others without an end");
    }

    /// <summary>Takes the lease if nobody has it.</summary>
    public async Task<bool> TryAcquireAsync(string name, string leaseId, CancellationToken cancellationToken)
    {
        try
        {
            await LeaseOf(name, leaseId).AcquireAsync(
                BlobLeaseClient.InfiniteLeaseDuration, cancellationToken: cancellationToken);
            return true;
        }
        catch (RequestFailedException taken) when (taken.ErrorCode == BlobErrorCode.LeaseAlreadyPresent)
        {
            return false;
        }
    }

    private async Task BreakAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            await LeaseOf(name, leaseId: null).BreakAsync(TimeSpan.Zero, cancellationToken: cancellationToken);
        }
        catch (RequestFailedException none) when (none.ErrorCode == BlobErrorCode.LeaseNotPresentWithLeaseOperation)
        {
        }
    }

    private BlobLeaseClient LeaseOf(string name, string? leaseId) =>
        container.GetAppendBlobClient(name).GetBlobLeaseClient(leaseId);
}
