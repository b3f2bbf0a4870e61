using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using EdgeTest.V1;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>A connection that writes HTTP/2 frames as no client would, and reads away what comes back.</summary>
internal sealed class RawHttp2 : IAsyncDisposable
{
    internal const byte Data = 0;
    internal const byte Headers = 1;
    internal const byte ResetStream = 3;
    internal const byte Settings = 4;
    internal const byte Ping = 6;
    internal const byte GoAway = 7;
    internal const byte Continuation = 9;

    internal const byte EndStream = 1;
    internal const byte EndHeaders = 4;

    private readonly TcpClient _client;
    private readonly Stream _stream;
    private readonly Task _reading;

    private RawHttp2(TcpClient client, Stream stream)
    {
        _client = client;
        _stream = stream;
        _reading = ReadAwayAsync();
    }

    /// <summary>The error of the server's GOAWAY, once it came.</summary>
    internal uint? GoAwayError { get; private set; }

    /// <summary>Completes when the server has closed the connection.</summary>
    internal Task Closed => _reading;

    /// <summary>The request headers of a unary call of the echo service.</summary>
    internal static byte[] EchoHeaders { get; } =
    [
        0x83, 0x86, // POST, http
        .. Literal(4, RawClient.EchoPath), .. Literal(1, "localhost"), .. Literal(31, "application/grpc"),
    ];

    internal static async Task<RawHttp2> ConnectAsync(Uri address, string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    {
        TcpClient client = new();
        await client.ConnectAsync(address.Host, address.Port);
        RawHttp2 raw = new(client, address.Scheme == "https" ? await SecureAsync(client) : client.GetStream());
        await raw.TryWriteAsync(Encoding.ASCII.GetBytes(preface));
        await raw.TryWriteAsync(Frame(Settings, 0, 0, []));
        return raw;
    }

    private static async Task<Stream> SecureAsync(TcpClient client)
    {
        SslStream secure = new(client.GetStream());
        await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [SslApplicationProtocol.Http2],
            RemoteCertificateValidationCallback = TestCertificate.IsOne,
        });
        return secure;
    }

    internal static byte[] Frame(byte type, byte flags, int stream, byte[] payload, int? length = null)
    {
        byte[] frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, (length ?? payload.Length) << 8);
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>A header whose name is in the static table, neither indexed nor compressed.</summary>
    internal static byte[] Literal(int nameIndex, string value) =>
    [
        .. nameIndex < 15 ? new[] { (byte)nameIndex } : [0x0F, (byte)(nameIndex - 15)],
        (byte)value.Length,
        .. Encoding.ASCII.GetBytes(value),
    ];

    /// <summary>Calls that are opened and reset at once.</summary>
    internal static byte[] OpenAndReset(int first, int count)
    {
        IEnumerable<byte[]> frames = Enumerable.Range(first, count).SelectMany(number =>
        {
            int stream = (number * 2) + 1;
            return new[]
            {
                Frame(Headers, EndHeaders, stream, EchoHeaders),
                Frame(Data, EndStream, stream, RawClient.Frame(new EchoRequest())),
                Frame(ResetStream, 0, stream, [0, 0, 0, 8]),
            };
        });
        return [.. frames.SelectMany(frame => frame)];
    }

    /// <summary>False once the server has closed the connection.</summary>
    internal async Task<bool> TryWriteAsync(byte[] bytes)
    {
        try
        {
            await _stream.WriteAsync(bytes).AsTask().Within("room to write");
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _reading;
    }

    private async Task ReadAwayAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                await _stream.ReadExactlyAsync(buffer.AsMemory(0, 9));
                int length = BinaryPrimitives.ReadInt32BigEndian(buffer) >>> 8;
                byte type = buffer[3];
                if (length > buffer.Length)
                {
                    // An answer that is not HTTP/2 at all.
                    await _stream.CopyToAsync(Stream.Null);
                    return;
                }

                await _stream.ReadExactlyAsync(buffer.AsMemory(0, length));
                if (type == GoAway)
                    GoAwayError = BinaryPrimitives.ReadUInt32BigEndian(buffer.AsSpan(4));
            }
        }
        catch (Exception failure) when (failure is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // Closed, by whichever side.
        }
    }
}
