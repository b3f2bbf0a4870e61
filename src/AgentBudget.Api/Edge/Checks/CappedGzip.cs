using System.IO.Compression;
using Grpc.Core;
using Grpc.Net.Compression;

namespace AgentBudget.Api.Edge.Checks;

/// <summary>
/// gzip for messages, inflated up to a cap: a small body must not become a large one. What gRPC brings along inflates
/// whatever comes to its end.
/// </summary>
internal sealed class CappedGzip(int inflatedBytesMax) : ICompressionProvider
{
    internal const string Name = "gzip";

    /// <inheritdoc/>
    public string EncodingName => Name;

    /// <inheritdoc/>
    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, compressionLevel ?? CompressionLevel.Fastest, leaveOpen: true);

    /// <inheritdoc/>
    public Stream CreateDecompressionStream(Stream stream) => new Inflated(stream, inflatedBytesMax);

    /// <summary>Inflates a whole body.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED beyond the cap, INTERNAL for bytes that are not gzip.
    /// </exception>
    internal static byte[] Inflate(ReadOnlyMemory<byte> body, int inflatedBytesMax)
    {
        using MemoryStream source = new(body.ToArray(), writable: false);
        using Inflated inflated = new(source, inflatedBytesMax);
        using MemoryStream plain = new();
        inflated.CopyTo(plain);
        return plain.ToArray();
    }

    private sealed class Inflated(Stream compressed, int bytesMax) : Stream
    {
        private readonly GZipStream _gzip = new(compressed, CompressionMode.Decompress, leaveOpen: true);
        private int _bytes;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            int read;
            try
            {
                read = _gzip.Read(buffer);
            }
            catch (Exception failure) when (failure is InvalidDataException or IOException)
            {
                throw EdgeFaults.CompressionInvalid().ToRpcException();
            }

            _bytes += read;
            return _bytes <= bytesMax ? read : throw EdgeFaults.MessageTooLarge(bytesMax).ToRpcException();
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _gzip.Dispose();
            base.Dispose(disposing);
        }
    }
}
