using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Audit;

/// <summary>How far a verification has come.</summary>
/// <param name="Tenant">Whose journal.</param>
/// <param name="Events">Events audited.</param>
/// <param name="EventsTotal">Events to be audited.</param>
/// <param name="Findings">Findings so far.</param>
public readonly record struct VerifyProgress(string Tenant, long Events, long EventsTotal, long Findings);

/// <summary>What is to be verified of a journal.</summary>
public sealed record VerifyScope
{
    /// <summary>All of it, and nothing beside it.</summary>
    public static VerifyScope Whole { get; } = new();

    /// <summary>Up to the end of the group that has this event.</summary>
    public long LastEvent { get; init; } = long.MaxValue;

    /// <summary>Checkpoints to compare with, of this tenant; their signatures were checked before.</summary>
    public IReadOnlyList<LedgerCheckpoint> Checkpoints { get; init; } = [];
}

/// <summary>Reads a tenant's journal from a store, verifies its chain and audits its events. Writes nothing.</summary>
public static class LedgerVerifier
{
    // Read at once: large enough that reading is not felt, small enough to be nothing beside the model.
    private const int PageBytes = 1024 * 1024;

    /// <summary>
    /// Verifies one tenant's journal from its first event to its head as it is when this begins. What is wrong with the
    /// journal is in the report; it throws <see cref="StoreException"/> when the store cannot be read. Progress is told
    /// after every page.
    /// </summary>
    public static async Task<AuditReport> VerifyAsync(
        ILedgerStore store,
        string tenant,
        VerifyScope scope,
        IProgress<VerifyProgress>? progress,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentNullException.ThrowIfNull(scope);
        var audit = new LedgerAudit(tenant);
        var chain = new ChainVerifier(tenant, JournalHead.Empty);
        var checkpoints = new CheckpointAudit(audit, scope.Checkpoints);
        JournalHead end = await store.ReadHeadAsync(tenant, cancellationToken);
        long last = Math.Min(end.LastEvent, scope.LastEvent);
        bool isWhole = true;
        while (isWhole && chain.Head.LastEvent < last)
        {
            IReadOnlyList<StoredGroup> page =
                await store.ReadGroupsAsync(tenant, chain.Head.LastEvent + 1, PageBytes, cancellationToken);
            if (page.Count == 0) break;
            foreach (StoredGroup group in page)
            {
                // What was appended since is not looked at.
                if (chain.Head.LastEvent >= last) break;
                isWhole = Accept(audit, chain, group);
                if (!isWhole) break;
                checkpoints.Accept(group);
            }

            progress?.Report(new VerifyProgress(tenant, audit.Events, last, audit.FindingsFound));
            cancellationToken.ThrowIfCancellationRequested();
        }

        if (isWhole && last == end.LastEvent) isWhole = CheckEnd(audit, chain, end);
        IReadOnlyList<CheckpointResult> compared =
            checkpoints.Finish(chain.Head, isWhole && last == end.LastEvent);
        return audit.Finish(chain.Head.Sequence, chain.Head.Hash.ToString()) with { Checkpoints = compared };
    }

    // False where the bytes cannot be trusted: nothing after them is evidence of anything.
    private static bool Accept(LedgerAudit audit, ChainVerifier chain, StoredGroup group)
    {
        long sequence = chain.Head.LastEvent + 1;
        AuditRule rule = AuditRule.Chain;
        try
        {
            ReadOnlyMemory<byte>[] events = VerifiedEventsOf(audit.Tenant, chain, group);
            rule = AuditRule.Format;
            audit.Group = group.Sequence;
            foreach (ReadOnlyMemory<byte> bytes in events)
            {
                AcceptEvent(audit, sequence, group.Sequence, bytes.Span);
                sequence++;
            }

            return true;
        }
        catch (JournalDamagedException damaged)
        {
            audit.AcceptFault(rule, sequence, damaged.Sequence, damaged.Message);
        }
        catch (InvalidProtocolBufferException unreadable)
        {
            audit.AcceptFault(
                rule, sequence, group.Sequence, $"its bytes are not a ledger event: {unreadable.Message}");
        }

        return false;
    }

    private static ReadOnlyMemory<byte>[] VerifiedEventsOf(string tenant, ChainVerifier chain, StoredGroup group)
    {
        chain.Accept(group);
        return group.ReadEvents(tenant);
    }

    private static readonly MessageParser<LedgerEvent> KnownFields = LedgerEvent.Parser.WithDiscardUnknownFields(true);

    // Written again without what this release does not know, an event has the length that it had.
    private static void AcceptEvent(LedgerAudit audit, long sequence, long group, ReadOnlySpan<byte> bytes)
    {
        LedgerEvent ledgerEvent = KnownFields.ParseFrom(bytes);
        audit.Accept(ledgerEvent);
        if (ledgerEvent.CalculateSize() != bytes.Length)
            audit.AcceptFault(AuditRule.Format, sequence, group, "it has fields that this release does not know");
    }

    private static bool CheckEnd(LedgerAudit audit, ChainVerifier chain, JournalHead end)
    {
        try
        {
            chain.Finish(end);
            return true;
        }
        catch (JournalDamagedException damaged)
        {
            audit.AcceptFault(AuditRule.Chain, chain.Head.LastEvent + 1, damaged.Sequence, damaged.Message);
            return false;
        }
    }
}
