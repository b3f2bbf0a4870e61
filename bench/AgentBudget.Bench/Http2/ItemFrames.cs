using System.Buffers.Binary;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// The messages of SpendRequest and SpendResponse as bytes: many items each, around messages that are bytes already.
/// </summary>
internal static class ItemFrames
{
    /// <summary>
    /// What an item adds to its message at most: two tags with their lengths, and the number with its tag.
    /// </summary>
    public const int OverheadBytesMax = 22;

    private const int LengthType = 2;
    private const byte ItemTag = (SpendRequest.ItemsFieldNumber << 3) | LengthType;
    private const int AnswerTag = (SpendResponse.AnswersFieldNumber << 3) | LengthType;
    private const byte NumberTag = SpendItem.CorrelationIdFieldNumber << 3;

    /// <summary>One answer: whose, which arm, and where its message lies.</summary>
    public readonly record struct Answer(int Number, int Field, int At, int Length, int StatusCode);

    /// <summary>Writes one item of a message and returns its length.</summary>
    /// <param name="destination">Where to.</param>
    /// <param name="number">The correlation id.</param>
    /// <param name="field">The arm's field number, the same in request and response.</param>
    /// <param name="message">The arm's message.</param>
    public static int Write(Span<byte> destination, int number, int field, ReadOnlySpan<byte> message)
    {
        int inner = 1 + VarintLength((uint)number) + 1 + VarintLength((uint)message.Length) + message.Length;
        int at = 0;
        destination[at++] = ItemTag;
        at += WriteVarint(destination[at..], (uint)inner);
        destination[at++] = NumberTag;
        at += WriteVarint(destination[at..], (uint)number);
        destination[at++] = (byte)((field << 3) | LengthType);
        at += WriteVarint(destination[at..], (uint)message.Length);
        message.CopyTo(destination[at..]);
        return at + message.Length;
    }

    /// <summary>Writes what stands before a message of this length.</summary>
    public static void WritePrefix(Span<byte> destination, int length)
    {
        destination[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(destination[1..], length);
    }

    /// <summary>Reads the next answer of a message; false at its end. A number is absent where it is 0.</summary>
    /// <param name="message">The whole message.</param>
    /// <param name="at">Where to read; moves behind the answer.</param>
    /// <param name="answer">The answer, with its place in the whole message.</param>
    public static bool TryRead(ReadOnlySpan<byte> message, ref int at, out Answer answer)
    {
        answer = default;
        if (at == message.Length) return false;
        if (ReadVarint(message, ref at) != AnswerTag) throw new IOException("a Spend message holds more than answers");
        int length = ReadVarint(message, ref at);
        int begin = at;
        int number = 0;
        if (message[at] == NumberTag)
        {
            at++;
            number = ReadVarint(message, ref at);
        }
        int field = message[at++] >> 3;
        int inner = ReadVarint(message, ref at);
        int code = field == SpendAnswer.StatusFieldNumber
            ? SpendAnswer.Parser.ParseFrom(message.Slice(begin, length)).Status.Code
            : 0;
        answer = new Answer(number, field, at, inner, code);
        at = begin + length;
        return true;
    }

    private static int VarintLength(uint value)
    {
        int length = 1;
        for (; value >= 0x80; value >>= 7) length++;
        return length;
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
