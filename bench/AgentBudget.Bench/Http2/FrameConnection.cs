using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// One HTTP/2 connection in cleartext (RFC 9113), read and written as frames on a blocking socket by one thread. It
/// does what this bench needs: no push, no priorities, no padding, no continuation.
/// </summary>
internal abstract class FrameConnection : IDisposable
{
    protected const int FrameHeaderLength = 9;
    protected const byte Data = 0, Headers = 1;
    protected const byte EndStream = 0x1, EndHeaders = 0x4;

    private const byte ResetStream = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8;
    private const byte Acknowledge = 0x1;
    private const int ReceiveBytes = 256 * 1024;
    private const int WindowMax = int.MaxValue;
    private const int DefaultWindow = 65_535;
    private const ushort InitialWindowSetting = 0x4;

    // A server that is silent for so long is taken for hung; no answer takes longer than its call's deadline.
    private const int SilenceMilliseconds = 30_000;

    private readonly Socket _socket;
    private readonly byte[] _input = new byte[ReceiveBytes];
    private byte[] _okTrailers = [];
    private byte[] _output = new byte[ReceiveBytes];
    private int _inputLength;
    private int _outputLength;
    private long _receivedSinceUpdate;

    protected FrameConnection(IPEndPoint address)
    {
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = SilenceMilliseconds,
            SendTimeout = SilenceMilliseconds,
        };
        _socket.Connect(address);
        WritePreface();
    }

    /// <summary>Bytes that the server takes now on the connection.</summary>
    protected long SendWindow { get; set; } = DefaultWindow;

    /// <summary>What the server said a stream may send at its start.</summary>
    protected long InitialStreamWindow { get; private set; } = DefaultWindow;

    public void Dispose()
    {
        _socket.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Bytes of a body.</summary>
    protected abstract void OnData(int stream, ReadOnlySpan<byte> payload, bool isEnd);

    /// <summary>Headers or trailers; a stream that ends with them has ended.</summary>
    protected abstract void OnHeaders(int stream, ReadOnlySpan<byte> block, bool isEnd);

    /// <summary>The server takes more: on one stream, or on the connection where it is 0.</summary>
    protected abstract void OnWindow(int stream, int increment);

    /// <summary>Whether something can be read within so many microseconds.</summary>
    protected bool CanRead(int microseconds) => _socket.Poll(microseconds, SelectMode.SelectRead);

    protected void Receive()
    {
        int count = _socket.Receive(_input.AsSpan(_inputLength));
        if (count == 0) throw new IOException("the server closed the connection");
        _inputLength += count;
    }

    protected void ReadFrames()
    {
        var rest = _input.AsSpan(0, _inputLength);
        while (rest.Length >= FrameHeaderLength)
        {
            int length = (rest[0] << 16) | (rest[1] << 8) | rest[2];
            if (rest.Length < FrameHeaderLength + length) break;
            int stream = BinaryPrimitives.ReadInt32BigEndian(rest[5..]) & int.MaxValue;
            ReadFrame(rest[3], rest[4], stream, rest.Slice(FrameHeaderLength, length));
            rest = rest[(FrameHeaderLength + length)..];
        }
        int left = rest.Length;
        rest.CopyTo(_input);
        _inputLength = left;
    }

    protected int ReadStatus(ReadOnlySpan<byte> block)
    {
        // Nearly all trailers are the same bytes.
        if (_okTrailers.Length > 0 && block.SequenceEqual(_okTrailers)) return 0;
        int status = HeaderReader.ReadStatus(block);
        if (status == 0) _okTrailers = block.ToArray();
        return status;
    }

    /// <summary>Room for so many bytes, which <see cref="Advance"/> then takes as written.</summary>
    protected Span<byte> Output(int bytes)
    {
        if (_output.Length - _outputLength < bytes) Array.Resize(ref _output, (_output.Length * 2) + bytes);
        return _output.AsSpan(_outputLength);
    }

    protected void Advance(int bytes) => _outputLength += bytes;

    protected void Flush()
    {
        for (int sent = 0; sent < _outputLength;) sent += _socket.Send(_output.AsSpan(sent, _outputLength - sent));
        _outputLength = 0;
    }

    protected static void WriteFrameHeader(Span<byte> destination, int length, byte type, byte flags, int stream)
    {
        destination[0] = (byte)(length >> 16);
        destination[1] = (byte)(length >> 8);
        destination[2] = (byte)length;
        destination[3] = type;
        destination[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(destination[5..], stream);
    }

    private void WritePreface()
    {
        var preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
        preface.CopyTo(Output(preface.Length));
        Advance(preface.Length);
        Span<byte> settings = stackalloc byte[18];
        WriteSetting(settings, 0x1, 0); // HEADER_TABLE_SIZE: answers need no table to be read.
        WriteSetting(settings[6..], 0x2, 0); // ENABLE_PUSH
        WriteSetting(settings[12..], InitialWindowSetting, WindowMax);
        WriteFrame(Settings, 0, 0, settings);
        WriteWindowUpdate(0, WindowMax - DefaultWindow);
        Flush();
    }

    private static void WriteSetting(Span<byte> destination, ushort id, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, id);
        BinaryPrimitives.WriteInt32BigEndian(destination[2..], value);
    }

    private void ReadFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case Data:
                OnData(stream, payload, (flags & EndStream) != 0);
                Consume(stream, payload.Length);
                break;
            case Headers:
                if ((flags & EndHeaders) == 0) throw new InvalidDataException("the server sent a CONTINUATION");
                OnHeaders(stream, payload, (flags & EndStream) != 0);
                break;
            case Settings when (flags & Acknowledge) == 0:
                ReadSettings(payload);
                WriteFrame(Settings, Acknowledge, 0, default);
                break;
            case Ping when (flags & Acknowledge) == 0:
                WriteFrame(Ping, Acknowledge, 0, payload);
                break;
            case WindowUpdate:
                int increment = BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
                if (stream == 0) SendWindow += increment;
                OnWindow(stream, increment);
                break;
            case ResetStream:
                throw new IOException(
                    $"the server reset stream {stream} with error {BinaryPrimitives.ReadInt32BigEndian(payload)}");
            case GoAway:
                throw new IOException(
                    $"the server ended the connection with error {BinaryPrimitives.ReadInt32BigEndian(payload[4..])}");
            default:
                break; // Acknowledgements and unknown frames.
        }
    }

    private void ReadSettings(ReadOnlySpan<byte> settings)
    {
        for (; settings.Length >= 6; settings = settings[6..])
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(settings) == InitialWindowSetting)
                InitialStreamWindow = BinaryPrimitives.ReadUInt32BigEndian(settings[2..]);
        }
    }

    // The windows of the connection and of a stream that lives long are both as good as endless, and topped up alike.
    private void Consume(int stream, int bytes)
    {
        _receivedSinceUpdate += bytes;
        if (_receivedSinceUpdate < WindowMax / 2) return;
        WriteWindowUpdate(0, (int)_receivedSinceUpdate);
        WriteWindowUpdate(stream, (int)_receivedSinceUpdate);
        _receivedSinceUpdate = 0;
    }

    private void WriteWindowUpdate(int stream, int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        WriteFrame(WindowUpdate, 0, stream, payload);
    }

    private void WriteFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var output = Output(FrameHeaderLength + payload.Length);
        WriteFrameHeader(output, payload.Length, type, flags, stream);
        payload.CopyTo(output[FrameHeaderLength..]);
        Advance(FrameHeaderLength + payload.Length);
    }
}
