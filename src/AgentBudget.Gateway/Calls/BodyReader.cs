using System.Buffers;
using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Reads bodies whole, because what a call may cost is read from all of it, and bounds what they take.
/// </summary>
internal sealed class BodyReader(long allBytesMax)
{
    private const int ReadBytes = 16 * 1024;
    private const int ZstdWindowLog = 23; // 8 MiB, the most that a content encoding may ask for (RFC 9659).
    private const int ZstdWindowBytes = 1 << ZstdWindowLog;
    private const string Zstd = "zstd";

    private readonly SharedBound _bytes = new(allBytesMax);

    /// <summary>Bytes that calls hold now.</summary>
    public long HeldBytes => _bytes.Taken;

    /// <summary>Reads a body; disposed, it is given back.</summary>
    /// <param name="request">Whose body.</param>
    /// <param name="caller">Who sends it.</param>
    /// <param name="cancellation">Gives it up.</param>
    public async Task<Held> ReadAsync(HttpRequest request, string caller, CancellationToken cancellation)
    {
        if (request.ContentLength > CallBody.BytesMax) throw TooLarge();
        string encoding = request.Headers.ContentEncoding.ToString();
        Held held = new(_bytes, caller);
        try
        {
            if (encoding == Zstd) held.Take(ZstdWindowBytes);
            await using Stream plain = PlainOf(request.Body, encoding);
            while (true)
            {
                Memory<byte> room = held.Writer.GetMemory(ReadBytes);
                int bytes = await plain.ReadAsync(room, cancellation);
                if (bytes == 0) break;
                held.Take(bytes);
                held.Writer.Advance(bytes);
                if (held.Writer.WrittenCount > CallBody.BytesMax) throw TooLarge();
            }

            if (encoding == Zstd) held.GiveBack(ZstdWindowBytes);
            return held;
        }
        catch (Exception fault) when (fault is InvalidDataException or InvalidOperationException
            or EndOfStreamException or ZstdException)
        {
            held.Dispose();
            throw new CallRefusedException(RefusalKind.Invalid, $"The body is not {encoding}: {fault.Message}");
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private static CallRefusedException TooLarge() => new(
        RefusalKind.TooLarge, $"The body is larger than {CallBody.BytesMax} bytes.");

    private static Stream PlainOf(Stream body, string encoding) => encoding switch
    {
        "" or "identity" => body,
        "gzip" => new GZipStream(body, CompressionMode.Decompress),
        "br" => new BrotliStream(body, CompressionMode.Decompress),
        "deflate" => new ZLibStream(body, CompressionMode.Decompress),
        Zstd => ZstdOf(body),
        string other => throw new CallRefusedException(
            RefusalKind.Invalid, $"content-encoding {other} is not taken; use zstd, gzip, br, deflate or none."),
    };

    private static DecompressionStream ZstdOf(Stream body)
    {
        DecompressionStream stream = new(body, leaveOpen: true);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, ZstdWindowLog);
        return stream;
    }

    /// <summary>A body that was read.</summary>
    internal sealed class Held(SharedBound room, string caller) : IDisposable
    {
        private long _taken;

        public ArrayBufferWriter<byte> Writer { get; } = new(ReadBytes);

        public ReadOnlyMemory<byte> Bytes => Writer.WrittenMemory;

        public void Take(int bytes)
        {
            string full = room.TryTake(caller, bytes) switch
            {
                Room.Taken => "",
                Room.ShareIsFull => "Bodies of this caller's other calls take its share of the gateway's room.",
                Room.AllIsFull => "The gateway has no room for a body of this size now.",
            };
            if (full.Length > 0) throw new CallRefusedException(RefusalKind.Busy, $"{full} Try again.");
            _taken += bytes;
        }

        public void GiveBack(long bytes)
        {
            _taken -= bytes;
            room.GiveBack(caller, bytes);
        }

        public void Dispose() => GiveBack(_taken);
    }
}
