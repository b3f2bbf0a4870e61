using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Reporting.Audit;

/// <summary>How far a verification has come.</summary>
/// <param name="Tenant">Whose journal.</param>
/// <param name="Events">Events audited.</param>
/// <param name="EventsTotal">Events of the whole journal.</param>
/// <param name="Findings">Findings so far.</param>
public readonly record struct VerifyProgress(string Tenant, long Events, long EventsTotal, long Findings);

/// <summary>Reads a tenant's journal from a store, verifies its chain and audits its events. Writes nothing.</summary>
public static class LedgerVerifier
{
    // Read at once: large enough that reading is not felt, small enough to be nothing beside the model.
    private const int PageBytes = 1024 * 1024;

    /// <summary>
    /// Verifies one tenant's journal from its first event to its present head. What is wrong with the journal is in the
    /// report; it throws <see cref="StoreException"/> when the store cannot be read. Progress is told after every page.
    /// </summary>
    public static async Task<AuditReport> VerifyAsync(
        ILedgerStore store, string tenant, IProgress<VerifyProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        var audit = new LedgerAudit(tenant);
        var chain = new ChainVerifier(tenant, JournalHead.Empty);
        JournalHead end = await store.ReadHeadAsync(tenant, cancellationToken);
        bool isWhole = true;
        while (isWhole && chain.Head.LastEvent < end.LastEvent)
        {
            IReadOnlyList<StoredGroup> page =
                await store.ReadGroupsAsync(tenant, chain.Head.LastEvent + 1, PageBytes, cancellationToken);
            if (page.Count == 0) break;
            foreach (StoredGroup group in page)
            {
                isWhole = group.Sequence <= end.Sequence && Accept(audit, chain, group);
                if (!isWhole) break;
            }

            progress?.Report(new VerifyProgress(tenant, audit.Events, end.LastEvent, audit.FindingsFound));
        }

        if (isWhole) CheckEnd(audit, chain, end);
        return audit.Finish(chain.Head.Sequence, chain.Head.Hash.ToString());
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

    private static void CheckEnd(LedgerAudit audit, ChainVerifier chain, JournalHead end)
    {
        try
        {
            chain.Finish(end);
        }
        catch (JournalDamagedException damaged)
        {
            audit.AcceptFault(AuditRule.Chain, chain.Head.LastEvent + 1, damaged.Sequence, damaged.Message);
        }
    }
}
