using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace AgentBudget.Rpc.Wire;

/// <summary>
/// The frame of gRPC and of Connect's streams: one byte of flags, four bytes of length, then that many bytes.
/// </summary>
internal static class MessageFrame
{
    internal const int PrefixBytes = 5;
    internal const byte Compressed = 1;
    internal const byte ConnectEndOfStream = 2;

    // Kestrel's blocks have 4096 bytes; a larger span would be rented apart, so larger messages are written piecewise.
    private const int OneSpanBytesMax = 4000;

    /// <summary>Reads the prefix; false when it has not arrived whole.</summary>
    internal static bool TryReadPrefix(in ReadOnlySequence<byte> buffer, out byte flags, out uint length)
    {
        ReadOnlySpan<byte> first = buffer.FirstSpan;
        if (first.Length < PrefixBytes)
        {
            if (buffer.Length < PrefixBytes)
            {
                flags = 0;
                length = 0;
                return false;
            }

            Span<byte> copy = stackalloc byte[PrefixBytes];
            buffer.Slice(0, PrefixBytes).CopyTo(copy);
            flags = copy[0];
            length = BinaryPrimitives.ReadUInt32BigEndian(copy[1..]);
            return true;
        }

        flags = first[0];
        length = BinaryPrimitives.ReadUInt32BigEndian(first[1..]);
        return true;
    }

    /// <summary>Writes an uncompressed message straight into the buffer.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="message">What.</param>
    /// <param name="length">Its size as it calculates it.</param>
    internal static void Write(IBufferWriter<byte> output, IMessage message, int length)
    {
        if (length > OneSpanBytesMax)
        {
            WritePrefix(output.GetSpan(PrefixBytes), flags: 0, length);
            output.Advance(PrefixBytes);
            message.WriteTo(output);
            return;
        }

        Span<byte> span = output.GetSpan(PrefixBytes + length);
        WritePrefix(span, flags: 0, length);
        message.WriteTo(span.Slice(PrefixBytes, length));
        output.Advance(PrefixBytes + length);
    }

    /// <summary>Writes a message without a frame.</summary>
    internal static void WriteBare(IBufferWriter<byte> output, IMessage message, int length)
    {
        // Also for a large message: protobuf advances before it asks for memory, which Kestrel takes for a mistake.
        Span<byte> span = output.GetSpan(Math.Min(length, OneSpanBytesMax));
        if (length > OneSpanBytesMax)
        {
            message.WriteTo(output);
            return;
        }

        message.WriteTo(span[..length]);
        output.Advance(length);
    }

    /// <summary>Writes bytes that are a message already.</summary>
    internal static void Write(IBufferWriter<byte> output, byte flags, ReadOnlySpan<byte> payload)
    {
        WritePrefix(output.GetSpan(PrefixBytes), flags, payload.Length);
        output.Advance(PrefixBytes);
        output.Write(payload);
    }

    internal static void WritePrefix(Span<byte> prefix, byte flags, int length)
    {
        prefix[0] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(prefix[1..], (uint)length);
    }
}
