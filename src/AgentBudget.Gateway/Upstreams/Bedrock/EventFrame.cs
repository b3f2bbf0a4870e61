using System.Buffers.Binary;
using System.Text;

namespace AgentBudget.Gateway.Upstreams.Bedrock;

/// <summary>
/// A frame of AWS's event streams: its length, the length of its headers and a checksum of both; headers; a payload; a
/// checksum of it all.
/// </summary>
/// <param name="Headers">Those that are strings.</param>
/// <param name="Payload">What it carries.</param>
internal sealed record EventFrame(IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Payload)
{
    private const int PreludeBytes = 12;
    private const int SumBytes = 4;
    private const int FrameBytesMax = 16 * 1024 * 1024; // As AWS makes them at most.
    private const byte StringKind = 7;

    /// <summary>Reads the next frame; null where the stream has ended.</summary>
    /// <exception cref="IOException">It is cut off, or not what was sent.</exception>
    public static async Task<EventFrame?> ReadAsync(Stream from, CancellationToken cancellation)
    {
        byte[] prelude = new byte[PreludeBytes];
        int got = await from.ReadAtLeastAsync(prelude, PreludeBytes, throwOnEndOfStream: false, cancellation);
        if (got == 0) return null;
        if (got < PreludeBytes) throw new IOException("The event stream was cut off within a frame.");
        uint length = BinaryPrimitives.ReadUInt32BigEndian(prelude);
        uint headerBytes = BinaryPrimitives.ReadUInt32BigEndian(prelude.AsSpan(4));
        bool isSound = BinaryPrimitives.ReadUInt32BigEndian(prelude.AsSpan(8)) == Crc32.Of(prelude.AsSpan(0, 8))
            && length is >= PreludeBytes + SumBytes and <= FrameBytesMax
            && headerBytes <= length - PreludeBytes - SumBytes;
        if (!isSound) throw new IOException("A frame of the event stream is damaged.");
        byte[] frame = new byte[length];
        prelude.CopyTo(frame, 0);
        await from.ReadExactlyAsync(frame.AsMemory(PreludeBytes), cancellation);
        if (BinaryPrimitives.ReadUInt32BigEndian(frame.AsSpan(frame.Length - SumBytes))
            != Crc32.Of(frame.AsSpan(0, frame.Length - SumBytes)))
        {
            throw new IOException("A frame of the event stream is damaged.");
        }

        int payload = PreludeBytes + (int)headerBytes;
        return new EventFrame(
            HeadersOf(frame.AsSpan(PreludeBytes, (int)headerBytes)),
            frame.AsMemory(payload, frame.Length - SumBytes - payload));
    }

    private static Dictionary<string, string> HeadersOf(ReadOnlySpan<byte> bytes)
    {
        Dictionary<string, string> headers = new(StringComparer.Ordinal);
        try
        {
            while (!bytes.IsEmpty)
            {
                string name = Encoding.UTF8.GetString(bytes.Slice(1, bytes[0]));
                bytes = bytes[(1 + bytes[0])..];
                // Bedrock sends strings alone.
                if (bytes[0] != StringKind) throw new IOException($"The header {name} of a frame is no string.");
                int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[1..]);
                headers[name] = Encoding.UTF8.GetString(bytes.Slice(3, length));
                bytes = bytes[(3 + length)..];
            }
        }
        catch (Exception fault) when (fault is ArgumentException or IndexOutOfRangeException)
        {
            throw new IOException("The headers of a frame are damaged.", fault);
        }

        return headers;
    }
}
