namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>The checksum of IEEE 802.3, which frames of AWS's event streams carry.</summary>
internal static class Crc32
{
    private const uint Polynomial = 0xEDB88320; // Reflected.

    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(index => TableEntry((uint)index))];

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        uint sum = uint.MaxValue;
        foreach (byte one in bytes) sum = Table[(byte)(sum ^ one)] ^ (sum >> 8);
        return ~sum;
    }

    private static uint TableEntry(uint value)
    {
        for (int bit = 0; bit < 8; bit++) value = (value & 1) == 0 ? value >> 1 : (value >> 1) ^ Polynomial;
        return value;
    }
}
