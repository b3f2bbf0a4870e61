using System.Buffers;
using System.IO.Compression;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Reads bodies whole, because what a call may cost is read from all of it, and bounds what they take.
/// </summary>
internal sealed class BodyReader
{
    private const long AllBytesMax = 512L * 1024 * 1024; // Of all calls together.
    private const int ReadBytes = 16 * 1024;

    private long _allBytes;

    /// <summary>Bytes that calls hold now.</summary>
    public long HeldBytes => Interlocked.Read(ref _allBytes);

    /// <summary>Reads a body; disposed, it is given back.</summary>
    public async Task<Held> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        if (request.ContentLength > CallBody.BytesMax) throw TooLarge();
        Held held = new(this);
        try
        {
            await using Stream plain = PlainOf(request);
            while (true)
            {
                Memory<byte> room = held.Writer.GetMemory(ReadBytes);
                int bytes = await plain.ReadAsync(room, cancellation);
                if (bytes == 0) return held;
                held.Advance(bytes);
                if (held.Writer.WrittenCount > CallBody.BytesMax) throw TooLarge();
            }
        }
        catch (Exception fault) when (fault is InvalidDataException or InvalidOperationException)
        {
            held.Dispose();
            throw new CallRefusedException(
                RefusalKind.Invalid, $"The body is not {request.Headers.ContentEncoding}: {fault.Message}");
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private static CallRefusedException TooLarge() => new(
        RefusalKind.TooLarge, $"The body is larger than {CallBody.BytesMax} bytes.");

    private static Stream PlainOf(HttpRequest request) => request.Headers.ContentEncoding.ToString() switch
    {
        "" or "identity" => request.Body,
        "gzip" => new GZipStream(request.Body, CompressionMode.Decompress),
        "br" => new BrotliStream(request.Body, CompressionMode.Decompress),
        "deflate" => new ZLibStream(request.Body, CompressionMode.Decompress),
        string other => throw new CallRefusedException(
            RefusalKind.Invalid, $"content-encoding {other} is not taken; use gzip, br, deflate or none."),
    };

    /// <summary>A body that was read.</summary>
    internal sealed class Held(BodyReader owner) : IDisposable
    {
        private long _counted;

        public ArrayBufferWriter<byte> Writer { get; } = new(ReadBytes);

        public ReadOnlyMemory<byte> Bytes => Writer.WrittenMemory;

        public void Advance(int bytes)
        {
            Writer.Advance(bytes);
            _counted += bytes;
            if (Interlocked.Add(ref owner._allBytes, bytes) > AllBytesMax)
                throw new CallRefusedException(
                    RefusalKind.Busy, "The gateway has no room for a body of this size now. Try again.");
        }

        public void Dispose() => Interlocked.Add(ref owner._allBytes, -Interlocked.Exchange(ref _counted, 0));
    }
}
