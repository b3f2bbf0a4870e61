using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Runtime.Events;

/// <summary>Reads events from the journal; each group's bytes are checked against its hash.</summary>
public static class JournalReader
{
    /// <summary>One page is read between two commits: about a millisecond of the store's time.</summary>
    public const int BytesPerPage = 1024 * 1024;

    /// <summary>
    /// Durable events from <paramref name="fromSequence"/> on, at most <paramref name="eventsMax"/>, none after
    /// <paramref name="lastSequence"/>. Throws <see cref="JournalDamagedException"/>.
    /// </summary>
    public static async ValueTask<List<LedgerEvent>> ReadAsync(
        ILedgerStore store,
        string tenant,
        long fromSequence,
        long lastSequence,
        int eventsMax,
        CancellationToken cancellationToken)
    {
        // One event is in one group, and a page has at least one, whatever its size.
        IReadOnlyList<StoredGroup> groups = await store.ReadGroupsAsync(
            tenant, fromSequence, eventsMax == 1 ? 1 : BytesPerPage, cancellationToken);
        var events = new List<LedgerEvent>();
        long wanted = fromSequence;
        foreach (StoredGroup group in groups)
        {
            Check(tenant, group, wanted);
            ReadOnlyMemory<byte>[] bytes = group.ReadEvents(tenant);
            for (int i = (int)(wanted - group.FirstEvent); i < bytes.Length; i++, wanted++)
            {
                if (events.Count == eventsMax || wanted > lastSequence) return events;
                events.Add(Parse(tenant, group, bytes[i], wanted));
            }
        }

        if (events.Count == 0 && fromSequence <= lastSequence)
            throw new JournalDamagedException(tenant, sequence: 0, $"event {fromSequence} is not in it");
        return events;
    }

    /// <summary>An event's bytes as a message; throws <see cref="JournalDamagedException"/> if they are none.</summary>
    public static LedgerEvent Parse(string tenant, StoredGroup group, ReadOnlyMemory<byte> bytes, long sequence)
    {
        LedgerEvent parsed;
        try
        {
            parsed = LedgerEvent.Parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            throw new JournalDamagedException(tenant, group.Sequence, $"event {sequence} is not readable");
        }

        return parsed.Sequence == sequence
            ? parsed
            : throw new JournalDamagedException(
                tenant, group.Sequence, $"event {sequence} calls itself {parsed.Sequence}");
    }

    private static void Check(string tenant, StoredGroup group, long wanted)
    {
        if (wanted < group.FirstEvent || wanted > group.LastEvent)
            throw new JournalDamagedException(tenant, group.Sequence, $"event {wanted} should be in it");
        if (ChainHash.Of(group.PreviousHash, group.Body.Span) != group.Hash)
            throw new JournalDamagedException(tenant, group.Sequence, "its bytes do not match its hash");
    }
}
