using System.Buffers.Binary;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;
using Google.Protobuf;

namespace AgentBudget.Simulation.Tests.Golden;

/// <summary>
/// A journal in a file: for each group the length of its body (4 bytes, little-endian), its hash (32), and its body.
/// </summary>
internal static class GoldenJournal
{
    public const string Tenant = "acme";
    private const int EventsPerGroup = 7; // Some groups, none of one event only.

    public static byte[] Write(IEnumerable<LedgerEvent> events)
    {
        using var file = new MemoryStream();
        JournalHead head = JournalHead.Empty;
        foreach (LedgerEvent[] chunk in events.Chunk(EventsPerGroup))
        {
            using var group = new JournalGroup(Tenant);
            foreach (LedgerEvent next in chunk) next.WriteTo(group.AddEvent(next.CalculateSize()));
            group.Seal(head, epoch: 1 + (head.Sequence / 3));
            byte[] header = new byte[sizeof(int) + ChainHash.Length];
            BinaryPrimitives.WriteInt32LittleEndian(header, group.Body.Length);
            group.Hash.CopyTo(header.AsSpan(sizeof(int)));
            file.Write(header);
            file.Write(group.Body);
            head = group.Head;
        }

        return file.ToArray();
    }

    /// <summary>The events, chain verified.</summary>
    public static List<LedgerEvent> Read(ReadOnlyMemory<byte> file)
    {
        var events = new List<LedgerEvent>();
        var chain = new ChainVerifier(Tenant, JournalHead.Empty);
        while (!file.IsEmpty)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(file.Span);
            var hash = new ChainHash(file.Span.Slice(sizeof(int), ChainHash.Length));
            ReadOnlyMemory<byte> body = file.Slice(sizeof(int) + ChainHash.Length, length);
            var group = new StoredGroup(
                BinaryPrimitives.ReadInt64LittleEndian(body.Span[1..]),
                BinaryPrimitives.ReadInt64LittleEndian(body.Span[9..]),
                BinaryPrimitives.ReadInt64LittleEndian(body.Span[17..]),
                BinaryPrimitives.ReadInt32LittleEndian(body.Span[25..]),
                chain.Head.Hash,
                hash,
                body);
            chain.Accept(group);
            events.AddRange(group.ReadEvents(Tenant).Select(bytes => LedgerEvent.Parser.ParseFrom(bytes.Span)));
            file = file[(sizeof(int) + ChainHash.Length + length)..];
        }

        return events;
    }
}
