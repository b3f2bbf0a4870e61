using System.Buffers.Binary;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench.Http2;

/// <summary>The frames of SpendRequest and SpendResponse as bytes, around messages that are bytes already.</summary>
internal static class ItemFrames
{
    /// <summary>What a frame adds to its message at most: prefix, number, tag and length.</summary>
    public const int OverheadBytesMax = GrpcPrefix.Length + 16;

    private const int LengthType = 2;
    private const byte NumberTag = SpendRequest.CorrelationIdFieldNumber << 3;

    /// <summary>One answer: whose, which arm, and where in the frame its message lies.</summary>
    public readonly record struct Answer(int Number, int Field, int At, int Length, int StatusCode);

    /// <summary>Writes a frame and returns its length.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="number">The correlation id.</param>
    /// <param name="field">The arm's field number, the same in request and response.</param>
    /// <param name="message">The arm's message.</param>
    public static int Write(Span<byte> destination, int number, int field, ReadOnlySpan<byte> message)
    {
        int at = GrpcPrefix.Length;
        destination[at++] = NumberTag;
        at += WriteVarint(destination[at..], (uint)number);
        destination[at++] = (byte)((field << 3) | LengthType);
        at += WriteVarint(destination[at..], (uint)message.Length);
        message.CopyTo(destination[at..]);
        at += message.Length;
        destination[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(destination[1..], at - GrpcPrefix.Length);
        return at;
    }

    /// <summary>Reads the message of an answer's frame. Its number is absent where it is 0.</summary>
    public static Answer Read(ReadOnlySpan<byte> message)
    {
        int number = 0;
        int at = 0;
        if (message[at] == NumberTag)
        {
            at++;
            number = ReadVarint(message, ref at);
        }
        int field = message[at++] >> 3;
        int length = ReadVarint(message, ref at);
        int code = field == SpendResponse.StatusFieldNumber
            ? SpendResponse.Parser.ParseFrom(message).Status.Code
            : 0;
        return new Answer(number, field, at, length, code);
    }

    private static int WriteVarint(Span<byte> destination, uint value)
    {
        int at = 0;
        for (; value >= 0x80; value >>= 7) destination[at++] = (byte)(value | 0x80);
        destination[at++] = (byte)value;
        return at;
    }

    private static int ReadVarint(ReadOnlySpan<byte> bytes, ref int at)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = bytes[at++];
            value |= (next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
    }
}
