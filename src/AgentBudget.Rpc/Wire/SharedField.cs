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
        ReadOnlySpan<byte> rest = payload;
        while (!rest.IsEmpty)
        {
            int start = payload.Length - rest.Length;
            if (!WireFields.TryRead(ref rest, out uint tag, out ReadOnlySpan<byte> found)
                || WireFormat.GetTagWireType(tag) is WireFormat.WireType.StartGroup or WireFormat.WireType.EndGroup)
            {
                return false;
            }

            if (tag != _tag)
                continue;
            if (isFound)
                return false;
            isFound = true;
            int end = payload.Length - rest.Length;
            whole = start..end;
            value = (end - found.Length)..end;
        }

        return isFound;
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
