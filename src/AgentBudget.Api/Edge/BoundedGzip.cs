using System.IO.Compression;
using Grpc.Net.Compression;

namespace AgentBudget.Api.Edge;

/// <summary>
/// gzip as calls may use it: a message inflates to <see cref="MessageBounds.MessageBytesMax"/> at most, however small it
/// came, and what is not gzip is the caller's fault and named so.
/// </summary>
internal sealed class BoundedGzip : ICompressionProvider
{
    public string EncodingName => "gzip";

    public Stream CreateCompressionStream(Stream stream, CompressionLevel? compressionLevel) =>
        new GZipStream(stream, compressionLevel ?? CompressionLevel.Fastest, leaveOpen: true);

    public Stream CreateDecompressionStream(Stream stream) =>
        new Inflating(new GZipStream(stream, CompressionMode.Decompress));

    private sealed class Inflating(GZipStream gzip) : Stream
    {
        private long _left = MessageBounds.MessageBytesMax;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            int count;
            try
            {
                count = gzip.Read(buffer);
            }
            catch (InvalidDataException)
            {
                throw EdgeErrors.Make(EdgeFault.CompressionInvalid);
            }

            _left -= count;
            return _left >= 0 ? count : throw EdgeErrors.Make(EdgeFault.MessageTooLarge);
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                gzip.Dispose();
            base.Dispose(disposing);
        }
    }
}
