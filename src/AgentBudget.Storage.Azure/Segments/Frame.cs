using System.Buffers.Binary;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>
/// A group within a segment, little-endian: the length of its body (4 bytes), the body, and what a row of another store
/// has in columns: format number (1), group number (8), epoch (8), first event (8), number of events (4), previous hash
/// (32), hash (32), length of the body (4). A segment is read forward by the first length, and its end by the last.
/// </summary>
internal static class Frame
{
    /// <summary>Bytes before the body.</summary>
    public const int FrontLength = 4;

    /// <summary>Bytes behind the body.</summary>
    public const int BackLength = 1 + 8 + 8 + 8 + 4 + ChainHash.Length + ChainHash.Length + 4;

    /// <summary>Bytes around the body.</summary>
    public const int ExtraLength = FrontLength + BackLength;

    private const byte Current = 1;

    // Places within what is behind the body.
    private const int SequenceAt = 1;
    private const int EpochAt = 9;
    private const int FirstEventAt = 17;
    private const int EventsAt = 25;
    private const int PreviousHashAt = 29;
    private const int HashAt = PreviousHashAt + ChainHash.Length;
    private const int LengthAt = HashAt + ChainHash.Length;

    /// <summary>A frame of its own, from a group that is still its owner's.</summary>
    public static byte[] Of(JournalGroup group)
    {
        byte[] frame = new byte[group.Body.Length + ExtraLength];
        group.Body.CopyTo(frame.AsSpan(FrontLength));
        Finish(frame, group.Sequence, group.Epoch, group.FirstEvent, group.Events, group.PreviousHash, group.Hash);
        return frame;
    }

    /// <summary>Writes a frame to the start of a buffer that has room for it; answers its length.</summary>
    public static int Write(Span<byte> destination, StoredGroup group)
    {
        Span<byte> frame = destination[..(group.Body.Length + ExtraLength)];
        group.Body.Span.CopyTo(frame[FrontLength..]);
        Finish(frame, group.Sequence, group.Epoch, group.FirstEvent, group.Events, group.PreviousHash, group.Hash);
        return frame.Length;
    }

    /// <summary>The length of the frame that a buffer starts with; null when it does not tell.</summary>
    public static long? LengthOf(ReadOnlySpan<byte> bytes) =>
        bytes.Length < FrontLength ? null : BinaryPrimitives.ReadUInt32LittleEndian(bytes) + (long)ExtraLength;

    /// <summary>The group of a whole frame, with a body of its own; null where the bytes are no frame.</summary>
    public static StoredGroup? Read(ReadOnlySpan<byte> frame)
    {
        ReadOnlySpan<byte> back = frame[^BackLength..];
        int bodyLength = frame.Length - ExtraLength;
        if (back[0] != Current || BinaryPrimitives.ReadInt32LittleEndian(back[LengthAt..]) != bodyLength) return null;
        return new StoredGroup(
            BinaryPrimitives.ReadInt64LittleEndian(back[SequenceAt..]),
            BinaryPrimitives.ReadInt64LittleEndian(back[EpochAt..]),
            BinaryPrimitives.ReadInt64LittleEndian(back[FirstEventAt..]),
            BinaryPrimitives.ReadInt32LittleEndian(back[EventsAt..]),
            new ChainHash(back.Slice(PreviousHashAt, ChainHash.Length)),
            new ChainHash(back.Slice(HashAt, ChainHash.Length)),
            frame.Slice(FrontLength, bodyLength).ToArray());
    }

    /// <summary>
    /// Where the journal ends after a frame, from what is behind its body; null where the bytes are no frame's.
    /// </summary>
    public static JournalHead? ReadHead(ReadOnlySpan<byte> back) =>
        back.Length != BackLength || back[0] != Current
            ? null
            : new JournalHead(
                BinaryPrimitives.ReadInt64LittleEndian(back[SequenceAt..]),
                BinaryPrimitives.ReadInt64LittleEndian(back[EpochAt..]),
                BinaryPrimitives.ReadInt64LittleEndian(back[FirstEventAt..])
                    + BinaryPrimitives.ReadInt32LittleEndian(back[EventsAt..]) - 1,
                new ChainHash(back.Slice(HashAt, ChainHash.Length)));

    private static void Finish(
        Span<byte> frame,
        long sequence,
        long epoch,
        long firstEvent,
        int events,
        ChainHash previousHash,
        ChainHash hash)
    {
        int bodyLength = frame.Length - ExtraLength;
        BinaryPrimitives.WriteInt32LittleEndian(frame, bodyLength);
        Span<byte> back = frame[^BackLength..];
        back[0] = Current;
        BinaryPrimitives.WriteInt64LittleEndian(back[SequenceAt..], sequence);
        BinaryPrimitives.WriteInt64LittleEndian(back[EpochAt..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(back[FirstEventAt..], firstEvent);
        BinaryPrimitives.WriteInt32LittleEndian(back[EventsAt..], events);
        previousHash.CopyTo(back[PreviousHashAt..]);
        hash.CopyTo(back[HashAt..]);
        BinaryPrimitives.WriteInt32LittleEndian(back[LengthAt..], bodyLength);
    }
}
