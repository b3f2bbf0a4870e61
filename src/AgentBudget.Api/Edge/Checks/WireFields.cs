using Google.Protobuf;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>Reads a message field by field without its schema, as the parser does.</summary>
internal static class WireFields
{
    /// <summary>Takes the next field off the front of a message that is not empty.</summary>
    /// <param name="rest">Begins behind the field afterwards.</param>
    /// <param name="tag">Number and wire type.</param>
    /// <param name="value">What a length-delimited or fixed field holds; empty for the others.</param>
    /// <returns>False for a broken field, which the parser refuses.</returns>
    internal static bool TryRead(ref ReadOnlySpan<byte> rest, out uint tag, out ReadOnlySpan<byte> value)
    {
        value = default;
        uint length = 0;
        if (!TryReadVarint(ref rest, out tag))
            return false;
        switch (WireFormat.GetTagWireType(tag))
        {
            case WireFormat.WireType.Varint:
                return TryReadVarint(ref rest, out _);
            case WireFormat.WireType.Fixed64:
                length = sizeof(ulong);
                break;
            case WireFormat.WireType.Fixed32:
                length = sizeof(uint);
                break;
            case WireFormat.WireType.LengthDelimited:
                if (!TryReadVarint(ref rest, out length))
                    return false;
                break;
            case WireFormat.WireType.StartGroup:
            case WireFormat.WireType.EndGroup:
                break;
            default:
                return false;
        }

        if (length > (uint)rest.Length)
            return false;
        value = rest[..(int)length];
        rest = rest[(int)length..];
        return true;
    }

    // Tags and lengths have 32 bits; the parser drops what a longer number has above them.
    private static bool TryReadVarint(ref ReadOnlySpan<byte> rest, out uint value)
    {
        const int bytesMax = 10;
        const int bitsPerByte = 7;
        const int shiftMax = 28;
        value = 0;
        for (int i = 0; i < bytesMax && i < rest.Length; i++)
        {
            if (i * bitsPerByte <= shiftMax)
                value |= (uint)(rest[i] & 0x7f) << (i * bitsPerByte);
            if (rest[i] >= 0x80)
                continue;
            rest = rest[(i + 1)..];
            return true;
        }

        return false;
    }
}
