using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Audit;

/// <summary>Where a stored journal ends, and whether a stored journal still has what was signed.</summary>
public static class JournalCheckpoint
{
    /// <summary>
    /// Where the tenant's journal durably ends now, to be signed; null for one without a group. Throws
    /// <see cref="StoreException"/>, and <see cref="JournalDamagedException"/> rather than have damage signed.
    /// </summary>
    /// <param name="store">Where the journal is.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="now">When it is signed.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<LedgerCheckpoint?> TakeAsync(
        ILedgerStore store, string tenant, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        JournalHead head = await store.ReadHeadAsync(tenant, cancellationToken);
        if (head == JournalHead.Empty) return null;
        StoredGroup last = await ReadGroupAsync(store, tenant, head.LastEvent, cancellationToken)
            ?? throw new JournalDamagedException(tenant, head.Sequence, "it is not there");
        bool isLast = last.Sequence == head.Sequence && last.Hash == head.Hash
            && last.Hash == ChainHash.Of(last.PreviousHash, last.Body.Span);
        if (!isLast) throw new JournalDamagedException(tenant, head.Sequence, "its bytes do not match its hash");
        return new LedgerCheckpoint
        {
            Tenant = tenant,
            Sequence = last.LastEvent,
            Group = last.Sequence,
            Epoch = last.Epoch,
            Hash = last.Hash.ToString(),
            Time = TimeOf(tenant, last),
            IssueTime = Timestamp.FromDateTimeOffset(now),
        };
    }

    /// <summary>
    /// What the journal has at a checkpoint's place, by its stored hash alone: whether the bytes match their hashes is
    /// for a verification. Throws <see cref="StoreException"/>.
    /// </summary>
    public static async Task<CheckpointState> CompareAsync(
        ILedgerStore store, LedgerCheckpoint checkpoint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(checkpoint);
        StoredGroup? there = await ReadGroupAsync(store, checkpoint.Tenant, checkpoint.Sequence, cancellationToken);
        if (there is null) return CheckpointState.Truncated;
        return IsOf(checkpoint, there) ? CheckpointState.Confirmed : CheckpointState.Rewritten;
    }

    /// <summary>Whether a checkpoint was signed at the end of this group.</summary>
    internal static bool IsOf(LedgerCheckpoint checkpoint, StoredGroup group) =>
        checkpoint.Sequence == group.LastEvent && checkpoint.Hash == group.Hash.ToString();

    private static async Task<StoredGroup?> ReadGroupAsync(
        ILedgerStore store, string tenant, long sequence, CancellationToken cancellationToken)
    {
        IReadOnlyList<StoredGroup> page =
            await store.ReadGroupsAsync(tenant, sequence, bytesMax: 1, cancellationToken);
        return page.Count == 0 ? null : page[0];
    }

    private static Timestamp TimeOf(string tenant, StoredGroup group)
    {
        try
        {
            return LedgerEvent.Parser.ParseFrom(group.ReadEvents(tenant)[^1].Span).Time;
        }
        catch (InvalidProtocolBufferException)
        {
            throw new JournalDamagedException(tenant, group.Sequence, "its last event is not readable");
        }
    }
}
