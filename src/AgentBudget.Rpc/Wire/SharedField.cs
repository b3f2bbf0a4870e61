using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// A long text that calls repeat, such as a token: it becomes one string that the messages share, instead of one each.
/// Callers with many such texts find theirs often enough; what is not found is made anew, as without this.
/// </summary>
internal sealed class SharedField(FieldDescriptor field)
{
    /// <summary>Texts that are kept; of some hundred characters each, so some MiB at most.</summary>
    private const int TextsMax = 4096; // A power of two.

    /// <summary>A text is kept from here on; shorter ones cost less than looking for them.</summary>
    private const int BytesMin = 64;

    /// <summary>Longer ones are not kept, so that nobody fills memory with them.</summary>
    private const int BytesMax = 4096;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Text?[] _texts = new Text?[TextsMax];
    private readonly uint _tag = WireFormat.MakeTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);

    private sealed record Text(byte[] Utf8, string Value);

    /// <summary>Parses a message, with its text shared when it has one.</summary>
    /// <exception cref="InvalidProtocolBufferException">The message is malformed.</exception>
    internal IMessage Parse(ReadOnlySpan<byte> payload)
    {
        MessageParser parser = field.ContainingType.Parser;
        if (!TryFind(payload, out Range whole, out Range value) || Share(payload[value]) is not { } text)
            return parser.ParseFrom(payload);
        IMessage message = parser.ParseFrom(payload[..whole.Start]);
        if (whole.End.Value < payload.Length)
            message.MergeFrom(payload[whole.End..]);
        field.Accessor.SetValue(message, text);
        return message;
    }

    /// <summary>Finds the field where it is there once; anything unusual is left to the parser.</summary>
    private bool TryFind(ReadOnlySpan<byte> payload, out Range whole, out Range value)
    {
        whole = value = default;
        bool isFound = false;
        int at = 0;
        while (at < payload.Length)
        {
            int start = at;
            if (!TryReadVarint(payload, ref at, out ulong tag) || !TrySkipTag(payload, ref at, tag, out int length))
                return false;
            if (tag != _tag)
                continue;
            if (isFound)
                return false;
            isFound = true;
            whole = start..at;
            value = (at - length)..at;
        }

        return isFound;
    }

    private static bool TrySkipTag(ReadOnlySpan<byte> payload, ref int at, ulong tag, out int length)
    {
        const int fixed64Bytes = 8;
        const int fixed32Bytes = 4;
        length = 0;
        ulong bytes = 0;
        switch ((WireFormat.WireType)(tag & 7))
        {
            case WireFormat.WireType.Varint:
                return TryReadVarint(payload, ref at, out _);
            case WireFormat.WireType.Fixed64:
                bytes = fixed64Bytes;
                break;
            case WireFormat.WireType.Fixed32:
                bytes = fixed32Bytes;
                break;
            case WireFormat.WireType.LengthDelimited:
                if (!TryReadVarint(payload, ref at, out bytes))
                    return false;
                break;
            default:
                return false; // Groups, and what is no wire type.
        }

        if (bytes > (ulong)(payload.Length - at))
            return false;
        length = (int)bytes;
        at += length;
        return true;
    }

    private static bool TryReadVarint(ReadOnlySpan<byte> payload, ref int at, out ulong value)
    {
        const int bytesMax = 9; // Ten may overflow: the parser says what it thinks of those.
        value = 0;
        for (int i = 0; i < bytesMax && at < payload.Length; i++)
        {
            byte next = payload[at++];
            value |= (ulong)(next & 0x7f) << (7 * i);
            if (next < 0x80)
                return true;
        }

        return false;
    }

    private string? Share(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length is < BytesMin or > BytesMax)
            return null;
        // A token ends in its signature, which is as random as a hash.
        ulong end = MemoryMarshal.Read<ulong>(utf8[^sizeof(ulong)..]);
        ref Text? place = ref _texts[BitOperations.RotateLeft(end * 0x9E3779B97F4A7C15, 16) & (TextsMax - 1)];
        Text? kept = Volatile.Read(ref place);
        if (kept is not null && utf8.SequenceEqual(kept.Utf8))
            return kept.Value;
        try
        {
            Text text = new(utf8.ToArray(), StrictUtf8.GetString(utf8));
            Volatile.Write(ref place, text);
            return text.Value;
        }
        catch (DecoderFallbackException)
        {
            return null; // The parser says so in its own words.
        }
    }
}
