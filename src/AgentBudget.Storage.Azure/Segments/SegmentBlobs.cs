using System.Globalization;
using AgentBudget.Storage.Journal;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>
/// The journals' blobs, to be made, read and sealed. A journal is a chain of append blobs: each but the last is sealed,
/// and each knows where the one before it ended.
/// </summary>
internal sealed class SegmentBlobs(BlobContainerClient container)
{
    // Where the segment before it ended; written when the segment is made, and never again.
    private const string SequenceTag = "previoussequence";
    private const string EpochTag = "previousepoch";
    private const string LastEventTag = "previouslastevent";
    private const string HashTag = "previoushash";

    /// <summary>Makes an empty segment that goes on behind a place; one that is there stays as it is.</summary>
    public async Task CreateAsync(string name, JournalHead before, CancellationToken cancellationToken)
    {
        Dictionary<string, string> tags = new()
        {
            [SequenceTag] = before.Sequence.ToString(CultureInfo.InvariantCulture),
            [EpochTag] = before.Epoch.ToString(CultureInfo.InvariantCulture),
            [LastEventTag] = before.LastEvent.ToString(CultureInfo.InvariantCulture),
            [HashTag] = before.Hash.ToString(),
        };
        try
        {
            await container.GetAppendBlobClient(name).CreateAsync(
                new AppendBlobCreateOptions
                {
                    Metadata = tags,
                    Conditions = new AppendBlobRequestConditions { IfNoneMatch = ETag.All },
                },
                cancellationToken);
        }
        catch (RequestFailedException there) when (there.ErrorCode == BlobErrorCode.BlobAlreadyExists
            || there.ErrorCode == BlobErrorCode.ConditionNotMet
            || there.ErrorCode == BlobErrorCode.LeaseIdMissing)
        {
        }
    }

    /// <summary>Where a segment ends now; null when it is not there.</summary>
    public async Task<SegmentEnd?> ReadEndAsync(string name, CancellationToken cancellationToken)
    {
        BlobProperties found;
        try
        {
            found = await container.GetBlobClient(name).GetPropertiesAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException missing) when (missing.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return null;
        }

        JournalHead? head = found.ContentLength == 0
            ? HeadBefore(found.Metadata)
            : Frame.ReadHead((await ReadAsync(
                name, found.ContentLength - Frame.BackLength, Frame.BackLength, cancellationToken)).Span);
        return head is { } known
            ? new SegmentEnd(name, found.ContentLength, found.BlobCommittedBlockCount, found.IsSealed, known)
            : throw new StoreException($"the segment {name} does not end as a journal does");
    }

    /// <summary>
    /// Where the chain ends that goes on from a segment. Throws <see cref="StoreException"/> when that is not there.
    /// </summary>
    public async Task<SegmentEnd> ReadLastAsync(string key, string name, CancellationToken cancellationToken)
    {
        SegmentEnd end = await ReadEndAsync(name, cancellationToken) ?? throw Lost(name);
        while (end.IsSealed)
        {
            // Between the seal and the next segment its owner may have died.
            SegmentEnd? next = await ReadEndAsync(SegmentName.After(key, end.Head), cancellationToken);
            if (next is null) return end;
            end = next;
        }

        return end;
    }

    /// <summary>Bytes of a segment, fewer at its end; none behind it or where there is no such segment.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadAsync(
        string name, long from, long length, CancellationToken cancellationToken)
    {
        if (from < 0) return ReadOnlyMemory<byte>.Empty;
        try
        {
            BlobDownloadResult read = await container.GetBlobClient(name).DownloadContentAsync(
                new BlobDownloadOptions { Range = new HttpRange(from, length) }, cancellationToken);
            return read.Content.ToMemory();
        }
        catch (RequestFailedException none) when (none.ErrorCode == BlobErrorCode.InvalidRange
            || none.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            return ReadOnlyMemory<byte>.Empty;
        }
    }

    /// <summary>The segment in which an event is, if it is anywhere; null for a tenant without segments.</summary>
    public async Task<string?> FindAsync(string key, long fromEvent, CancellationToken cancellationToken)
    {
        string? found = null;
        AsyncPageable<BlobItem> segments = container.GetBlobsAsync(
            BlobTraits.None, BlobStates.None, SegmentName.PrefixOf(key), cancellationToken);
        await foreach (BlobItem segment in segments)
        {
            if (found is not null && SegmentName.FirstEventOf(segment.Name) > fromEvent) break;
            found = segment.Name;
        }

        return found;
    }

    /// <summary>
    /// Ends a segment at a length: nobody appends to it any more. Repeated, it does nothing. Throws for whoever has not
    /// its lease.
    /// </summary>
    public async Task SealAsync(string name, string leaseId, long length, CancellationToken cancellationToken) =>
        await container.GetAppendBlobClient(name).SealAsync(
            new AppendBlobRequestConditions { LeaseId = leaseId, IfAppendPositionEqual = length }, cancellationToken);

    public static StoreException Lost(string name) =>
        new($"the segment {name} is not there, and groups were written to it; restore it");

    private static JournalHead? HeadBefore(IDictionary<string, string> tags)
    {
        return tags.TryGetValue(HashTag, out string? hash) && hash.Length == 2 * ChainHash.Length
            ? new JournalHead(
                Number(SequenceTag), Number(EpochTag), Number(LastEventTag),
                new ChainHash(Convert.FromHexString(hash)))
            : null;

        long Number(string tag) => tags.TryGetValue(tag, out string? text)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            ? number
            : 0;
    }
}
