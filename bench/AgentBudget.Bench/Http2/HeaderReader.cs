namespace AgentBudget.Bench.Http2;

/// <summary>
/// Finds grpc-status in a response's header block. Reads blocks of a peer that was told to keep no table
/// (SETTINGS_HEADER_TABLE_SIZE 0), so there are static entries and literals only.
/// </summary>
internal static class HeaderReader
{
    /// <summary>The block has no grpc-status.</summary>
    public const int Absent = -1;

    private static ReadOnlySpan<byte> StatusName => "grpc-status"u8;

    /// <summary>
    /// The status, or <see cref="Absent"/>. Throws <see cref="InvalidDataException"/> on what it cannot read.
    /// </summary>
    public static int ReadStatus(ReadOnlySpan<byte> block)
    {
        int status = Absent;
        while (block.Length > 0)
        {
            byte first = block[0];
            if ((first & 0x80) != 0)
            {
                ReadInteger(ref block, 7);
            }
            else if ((first & 0xE0) == 0x20)
            {
                ReadInteger(ref block, 5); // A change of the table's size.
            }
            else
            {
                int nameIndex = ReadInteger(ref block, (first & 0x40) != 0 ? 6 : 4);
                var name = nameIndex == 0 ? ReadText(ref block) : default;
                var value = ReadText(ref block);
                if (name.SequenceEqual(StatusName)) status = ParseStatus(value);
            }
        }
        return status;
    }

    private static int ParseStatus(ReadOnlySpan<byte> value) =>
        System.Buffers.Text.Utf8Parser.TryParse(value, out int status, out int length) && length == value.Length
            ? status
            : throw new InvalidDataException("grpc-status is not a number");

    private static int ReadInteger(ref ReadOnlySpan<byte> block, int prefixBits)
    {
        int prefixMax = (1 << prefixBits) - 1;
        int value = block[0] & prefixMax;
        int at = 1;
        if (value == prefixMax)
        {
            int shift = 0;
            byte next;
            do
            {
                if (at == block.Length || shift > 21) throw new InvalidDataException("a header's integer is broken");
                next = block[at++];
                value += (next & 0x7F) << shift;
                shift += 7;
            }
            while ((next & 0x80) != 0);
        }
        block = block[at..];
        return value;
    }

    private static ReadOnlySpan<byte> ReadText(ref ReadOnlySpan<byte> block)
    {
        if (block.Length == 0) throw new InvalidDataException("a header is cut off");
        bool isHuffman = (block[0] & 0x80) != 0;
        int length = ReadInteger(ref block, 7);
        if (length > block.Length) throw new InvalidDataException("a header is cut off");
        var text = block[..length];
        block = block[length..];
        // Kestrel writes plain text. A coded name would hide the status, and then the call counts as failed.
        return isHuffman ? default : text;
    }
}
