namespace AgentBudget.Bench.Http2;

/// <summary>A request header. An indexed one is sent once as text and from then on as one byte.</summary>
internal sealed class Header(string name, string value, bool isIndexed)
{
    public byte[] Name { get; } = System.Text.Encoding.ASCII.GetBytes(name);

    public byte[] Value { get; } = System.Text.Encoding.ASCII.GetBytes(value);

    public bool IsIndexed { get; } = isIndexed;
}

/// <summary>
/// Writes header blocks of one connection (RFC 7541), with the table of what was sent before. The headers of a run are
/// few and short enough that nothing is ever evicted from the server's table; <see cref="Write"/> throws if they are
/// not.
/// </summary>
internal sealed class HeaderWriter
{
    private const int StaticEntries = 61;
    private const int EntryOverheadBytes = 32;

    // The table size that every server has unless it says otherwise (RFC 9113, SETTINGS_HEADER_TABLE_SIZE).
    private const int TableBytesMax = 4096;

    private readonly Dictionary<Header, int> _positions = [];
    private int _tableBytes;

    /// <summary>Writes ":method POST", ":scheme http" and the headers; returns the bytes written.</summary>
    public int Write(Span<byte> destination, ReadOnlySpan<Header> headers)
    {
        int at = 0;
        destination[at++] = 0x83; // :method POST
        destination[at++] = 0x86; // :scheme http
        foreach (var header in headers)
        {
            if (!header.IsIndexed)
            {
                at += WriteLiteral(destination[at..], 0x00, header);
            }
            else if (_positions.TryGetValue(header, out int position))
            {
                at += WriteInteger(destination[at..], 0x80, 7, StaticEntries + _positions.Count - position);
            }
            else
            {
                at += WriteLiteral(destination[at..], 0x40, header);
                _positions.Add(header, _positions.Count);
                _tableBytes += EntryOverheadBytes + header.Name.Length + header.Value.Length;
                if (_tableBytes > TableBytesMax) throw new InvalidOperationException("the headers outgrow the table");
            }
        }
        return at;
    }

    private static int WriteLiteral(Span<byte> destination, byte kind, Header header)
    {
        int at = 0;
        destination[at++] = kind;
        at += WriteInteger(destination[at..], 0x00, 7, header.Name.Length);
        header.Name.CopyTo(destination[at..]);
        at += header.Name.Length;
        at += WriteInteger(destination[at..], 0x00, 7, header.Value.Length);
        header.Value.CopyTo(destination[at..]);
        return at + header.Value.Length;
    }

    private static int WriteInteger(Span<byte> destination, byte flags, int prefixBits, int value)
    {
        int prefixMax = (1 << prefixBits) - 1;
        if (value < prefixMax)
        {
            destination[0] = (byte)(flags | value);
            return 1;
        }
        destination[0] = (byte)(flags | prefixMax);
        int at = 1;
        for (value -= prefixMax; value >= 128; value >>= 7) destination[at++] = (byte)(value | 0x80);
        destination[at++] = (byte)value;
        return at;
    }
}
