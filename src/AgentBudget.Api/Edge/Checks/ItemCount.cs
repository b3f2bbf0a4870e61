using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// Counts the items of a message before it is parsed, since the shortest of them, an empty message of two bytes,
/// becomes an object of a hundred and more. Items are the elements of lists and maps at every level, and the fields
/// that the schema does not know, which a parsed message keeps.
/// </summary>
internal static class ItemCount
{
    // As deep as the parser goes; what is deeper it refuses.
    private const int DepthMax = 100;

    /// <summary>Whether there are more items than given. A malformed message is left to the parser.</summary>
    internal static bool IsAbove(int itemsMax, ReadOnlySpan<byte> payload, MessageDescriptor type)
    {
        // An item takes a byte at least, so most messages need no counting.
        int left = itemsMax;
        return payload.Length > itemsMax && !FitsMessage(payload, type, DepthMax, ref left);
    }

    private static bool FitsMessage(ReadOnlySpan<byte> payload, MessageDescriptor type, int depthLeft, ref int left)
    {
        int groups = 0;
        while (!payload.IsEmpty && left >= 0)
        {
            if (!WireFields.TryRead(ref payload, out uint tag, out ReadOnlySpan<byte> value))
                return true;
            WireFormat.WireType wireType = WireFormat.GetTagWireType(tag);
            if (wireType == WireFormat.WireType.EndGroup)
            {
                groups--;
                continue;
            }

            // No schema of ours has groups, so whatever lies in one is unknown.
            FieldDescriptor? field =
                groups > 0 ? null : type.FindFieldByNumber(WireFormat.GetTagFieldNumber(tag));
            if (wireType == WireFormat.WireType.StartGroup)
                groups++;
            if (!FitsField(field, wireType, value, depthLeft, ref left))
                return false;
        }

        return left >= 0;
    }

    private static bool FitsField(
        FieldDescriptor? field, WireFormat.WireType wireType, ReadOnlySpan<byte> value, int depthLeft, ref int left)
    {
        if (field is null)
            return --left >= 0;
        WireFormat.WireType declared = WireTypeOf(field.FieldType);
        if (field.IsRepeated && wireType == WireFormat.WireType.LengthDelimited && declared != wireType)
            left -= PackedCount(declared, value);
        else if (field.IsRepeated || wireType != declared)
            left--;
        if (left < 0)
            return false;
        return field.FieldType != FieldType.Message || wireType != declared || depthLeft == 0
            || FitsMessage(value, field.MessageType, depthLeft - 1, ref left);
    }

    private static int PackedCount(WireFormat.WireType declared, ReadOnlySpan<byte> value)
    {
        if (declared != WireFormat.WireType.Varint)
            return value.Length / (declared == WireFormat.WireType.Fixed64 ? sizeof(ulong) : sizeof(uint));
        int count = 0;
        foreach (byte part in value)
            count += part < 0x80 ? 1 : 0;
        return count;
    }

    private static WireFormat.WireType WireTypeOf(FieldType type) => type switch
    {
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => WireFormat.WireType.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => WireFormat.WireType.Fixed32,
        FieldType.String or FieldType.Bytes or FieldType.Message => WireFormat.WireType.LengthDelimited,
        FieldType.Group => WireFormat.WireType.StartGroup,
        FieldType.Int64 or FieldType.UInt64 or FieldType.Int32 or FieldType.UInt32 or FieldType.SInt32
            or FieldType.SInt64 or FieldType.Bool or FieldType.Enum => WireFormat.WireType.Varint,
    };
}
