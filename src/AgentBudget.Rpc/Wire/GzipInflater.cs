using System.Buffers;
using System.IO.Compression;

namespace AgentBudget.Rpc.Wire;

/// <summary>Inflates a request message, up to a cap: a small body must not become a large one.</summary>
internal static class GzipInflater
{
    /// <summary>The inflated bytes in a rented array, which the caller returns to the shared pool.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED beyond the cap; for bytes that are not gzip, what the protocol
    /// has for that.</exception>
    internal static (byte[] Rented, int Length) Inflate(
        in ReadOnlySequence<byte> compressed, int inflatedBytesMax, WireProtocol protocol)
    {
        byte[] input = ArrayPool<byte>.Shared.Rent((int)compressed.Length);
        byte[] output = ArrayPool<byte>.Shared.Rent(inflatedBytesMax + 1);
        bool isKept = false;
        try
        {
            compressed.CopyTo(input);
            using MemoryStream source = new(input, 0, (int)compressed.Length, writable: false);
            using GZipStream gzip = new(source, CompressionMode.Decompress);
            int length = gzip.ReadAtLeast(output.AsSpan(0, inflatedBytesMax + 1), inflatedBytesMax + 1,
                throwOnEndOfStream: false);
            if (length > inflatedBytesMax)
                throw Faults.MessageTooLarge(inflatedBytesMax);
            isKept = true;
            return (output, length);
        }
        catch (Exception failure) when (failure is InvalidDataException or IOException)
        {
            throw Faults.CompressionInvalid(protocol);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(input);
            if (!isKept)
                ArrayPool<byte>.Shared.Return(output);
        }
    }
}
