using System.Buffers.Binary;
using System.Text;

namespace AgentBudget.Storage.Journal;

/// <summary>
/// The bytes of a group's body, little-endian: format number (1 byte), group sequence (8), epoch (8), sequence of the
/// first event (8), number of events (4), tenant (2 bytes of length, UTF-8), then each event as a base-128 length and
/// its bytes. The columns of a row are repeated here so that the chain's hash covers them.
/// </summary>
internal static class GroupFormat
{
    /// <summary>The format that is written. Older ones are read for ever.</summary>
    public const byte Current = 1;

    /// <summary>Length of what comes before the tenant's name.</summary>
    public const int FixedLength = 1 + 8 + 8 + 8 + 4 + 2;

    /// <summary>A base-128 length of an int has at most five bytes.</summary>
    public const int EventLengthBytesMax = 5;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Length of the header of a tenant's groups.</summary>
    public static int HeaderLength(string tenant) => FixedLength + Utf8.GetByteCount(tenant);

    /// <summary>Writes the header to the first <see cref="HeaderLength"/> bytes.</summary>
    public static void WriteHeader(
        Span<byte> body, string tenant, long sequence, long epoch, long firstEvent, int events)
    {
        body[0] = Current;
        BinaryPrimitives.WriteInt64LittleEndian(body[1..], sequence);
        BinaryPrimitives.WriteInt64LittleEndian(body[9..], epoch);
        BinaryPrimitives.WriteInt64LittleEndian(body[17..], firstEvent);
        BinaryPrimitives.WriteInt32LittleEndian(body[25..], events);
        int tenantLength = Utf8.GetBytes(tenant, body[FixedLength..]);
        BinaryPrimitives.WriteUInt16LittleEndian(body[29..], checked((ushort)tenantLength));
    }

    /// <summary>Writes an event's length; answers how many bytes that took.</summary>
    public static int WriteLength(Span<byte> destination, int length)
    {
        int written = 0;
        uint rest = (uint)length;
        while (rest >= 0x80)
        {
            destination[written++] = (byte)(rest | 0x80);
            rest >>= 7;
        }

        destination[written++] = (byte)rest;
        return written;
    }

    /// <summary>Reads an event's length; false when the bytes are not one.</summary>
    public static bool TryReadLength(ReadOnlySpan<byte> source, out int length, out int read)
    {
        ulong value = 0;
        for (read = 0; read < EventLengthBytesMax && read < source.Length;)
        {
            byte part = source[read];
            value |= (ulong)(part & 0x7f) << (7 * read);
            read++;
            if (part < 0x80)
            {
                length = (int)Math.Min(value, int.MaxValue);
                return value <= int.MaxValue;
            }
        }

        length = 0;
        return false;
    }

    /// <summary>
    /// What is wrong with the header against the row that it is in; null if nothing. The row's hash must be checked
    /// too.
    /// </summary>
    public static string? FaultOfHeader(string tenant, StoredGroup group)
    {
        ReadOnlySpan<byte> body = group.Body.Span;
        if (body.Length == 0) return "its body is empty";
        if (body[0] != Current) return $"its format number {body[0]} is unknown";
        if (body.Length < HeaderLength(tenant)) return "its body is shorter than its header";
        if (BinaryPrimitives.ReadInt64LittleEndian(body[1..]) != group.Sequence) return "its number is not the body's";
        if (BinaryPrimitives.ReadInt64LittleEndian(body[9..]) != group.Epoch) return "its epoch is not the body's";
        if (BinaryPrimitives.ReadInt64LittleEndian(body[17..]) != group.FirstEvent)
            return "its first event is not the body's";
        if (BinaryPrimitives.ReadInt32LittleEndian(body[25..]) != group.Events)
            return "its number of events is not the body's";
        int tenantLength = BinaryPrimitives.ReadUInt16LittleEndian(body[29..]);
        bool isTenants = body.Length >= FixedLength + tenantLength
            && Utf8.GetByteCount(tenant) == tenantLength
            && Utf8.GetBytes(tenant).AsSpan().SequenceEqual(body.Slice(FixedLength, tenantLength));
        return isTenants ? null : "it was written for another tenant";
    }
}
