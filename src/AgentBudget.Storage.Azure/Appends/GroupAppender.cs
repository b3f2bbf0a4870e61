using AgentBudget.Storage.Azure.Segments;
using AgentBudget.Storage.Journal;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Storage.Azure.Appends;

/// <summary>A group on its way into its segment: bytes of its own, so that nobody waits for an attempt that hangs.
/// </summary>
/// <param name="Tenant">The tenant's name.</param>
/// <param name="FirstEvent">Its first event.</param>
/// <param name="PreviousHash">The hash before it.</param>
/// <param name="Head">Where the journal ends with it.</param>
/// <param name="Frame">What is appended.</param>
internal sealed record PendingGroup(
    string Tenant, long FirstEvent, ChainHash PreviousHash, JournalHead Head, byte[] Frame)
{
    public static PendingGroup Of(JournalGroup group) =>
        new(group.Tenant, group.FirstEvent, group.PreviousHash, group.Head, Segments.Frame.Of(group));

    /// <summary>Whether it goes on where the journal ends.</summary>
    public bool Follows(JournalHead end) =>
        Head.Sequence == end.Sequence + 1 && FirstEvent == end.LastEvent + 1 && PreviousHash == end.Hash;
}

/// <summary>
/// Appends blocks. The lease and the position are compared by the service in the step that writes; that a group follows
/// the one before it is known here, since the position is its end for as long as the lease is ours.
/// </summary>
internal sealed partial class GroupAppender(
    BlobContainerClient container,
    SegmentBlobs segments,
    TenantOwners owners,
    SegmentPlaces places,
    AzureStoreOptions options,
    ILogger logger)
{
    /// <summary>Appends a group. Never throws.</summary>
    public async Task<AppendOutcome> AppendAsync(PendingGroup group)
    {
        // What this process never acquired, or has lost, is another's.
        if (owners.Find(group.Tenant, group.Head.Epoch) is not { } owned) return AppendOutcome.FenceLost;
        if (!group.Follows(owned.End.Head)) return AppendOutcome.FenceLost;
        AppendOutcome outcome = await AppendBlockAsync(owned, group.Frame, group.Head);

        // Where it ends is not known any more, or is another's to say.
        if (outcome != AppendOutcome.Appended) owners.Forget(owned);
        return outcome;
    }

    /// <summary>
    /// Appends a block after which the journal ends at a place: all of it or nothing. Never throws.
    /// </summary>
    public async Task<AppendOutcome> AppendBlockAsync(OwnedTenant owned, byte[] block, JournalHead head)
    {
        try
        {
            if (IsFull(owned.End) && !await owners.GoOnAsync(owned, CancellationToken.None))
                return AppendOutcome.FenceLost;
        }
        catch (Exception fault)
        {
            // The block was not sent. Whoever is fenced is told so; for the rest "unknown" is what is mended anyway.
            AppendEnd end = AppendEnds.Of(fault);
            if (end == AppendEnd.NotWritten) return AppendOutcome.FenceLost;
            Log.NotRotated(logger, owned.End.Name, fault.Message);
            return AppendOutcome.Unknown;
        }

        AppendEnd ended = await TryAppendAsync(owned, block);
        if (ended == AppendEnd.Elsewhere) ended = await ResolveAsync(owned, head);
        if (ended == AppendEnd.Written)
        {
            owned.Wrote(head, block.Length);
            places.Add(owned.Row.Name, head.LastEvent + 1, new SegmentPlace(owned.End.Name, owned.End.Length));
        }

        return ended switch
        {
            AppendEnd.Written => AppendOutcome.Appended,
            AppendEnd.NotWritten or AppendEnd.Elsewhere => AppendOutcome.FenceLost,
            AppendEnd.Unknown => AppendOutcome.Unknown,
        };
    }

    private bool IsFull(SegmentEnd end) =>
        end.Blocks >= options.SegmentBlocksMax || end.Length >= options.SegmentBytesMax;

    private async Task<AppendEnd> TryAppendAsync(OwnedTenant owned, byte[] block)
    {
        try
        {
            using Stream content = new MemoryStream(block, writable: false);
            await container.GetAppendBlobClient(owned.End.Name).AppendBlockAsync(
                content,
                new AppendBlobAppendBlockOptions
                {
                    Conditions = new AppendBlobRequestConditions
                    {
                        LeaseId = owned.LeaseId,
                        IfAppendPositionEqual = owned.End.Length,
                    },
                });
            return AppendEnd.Written;
        }
        catch (Exception fault)
        {
            AppendEnd end = AppendEnds.Of(fault);
            if (end == AppendEnd.Unknown) Log.Failed(logger, fault.Message);
            return end;
        }
    }

    // The attempt was refused, so nothing of it comes later: what is there now is the answer.
    private async Task<AppendEnd> ResolveAsync(OwnedTenant owned, JournalHead head)
    {
        try
        {
            SegmentEnd? there = await segments.ReadEndAsync(owned.End.Name, CancellationToken.None);
            return there?.Head == head ? AppendEnd.Written : AppendEnd.NotWritten;
        }
        catch (Exception fault)
        {
            Log.Failed(logger, fault.Message);
            return AppendEnd.Unknown;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2201, LogLevel.Warning,
            "An append failed ({Message}); what became of it is read under a new epoch")]
        public static partial void Failed(ILogger logger, string message);

        [LoggerMessage(2202, LogLevel.Warning,
            "The journal could not go on behind the full segment {Segment} ({Message}); the next owner tries again")]
        public static partial void NotRotated(ILogger logger, string segment, string message);
    }
}
