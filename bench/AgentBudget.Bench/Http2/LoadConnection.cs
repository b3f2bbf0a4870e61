using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// One HTTP/2 connection in cleartext with many concurrent unary gRPC calls (RFC 9113), written as frames on a blocking
/// socket by one thread: everything that a read completes is followed by one write. It does what this bench needs: no
/// push, no priorities, no padding, no continuation.
/// </summary>
internal sealed class LoadConnection : IDisposable
{
    private const int FrameHeaderLength = 9;
    private const int ReceiveBytes = 256 * 1024;
    private const int WindowMax = int.MaxValue;
    private const int DefaultWindow = 65_535;

    // A server that is silent for so long is taken for hung; no answer takes longer than its call's deadline.
    private const int SilenceMilliseconds = 30_000;

    // Streams in flight are found by id in this ring; ids are skipped where a slow stream still has its place.
    private const int RingSize = 1 << 16;

    private const byte Data = 0, Headers = 1, ResetStream = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8;
    private const byte EndStream = 0x1, Acknowledge = 0x1, EndHeaders = 0x4;

    private readonly Socket _socket;
    private readonly HeaderWriter _headers = new();
    private readonly Slot[] _slots;
    private readonly Slot?[] _ring = new Slot?[RingSize];
    private readonly Queue<Slot> _blocked = new();
    private readonly Stack<Slot> _idle = new();
    private readonly byte[] _input = new byte[ReceiveBytes];
    private readonly byte[] _message = new byte[Workload.MessageBytesMax];
    private byte[] _okTrailers = [];
    private byte[] _output = new byte[ReceiveBytes];
    private int _inputLength;
    private int _outputLength;
    private int _nextStream = 1;
    private long _sendWindow = DefaultWindow;
    private long _receivedSinceUpdate;
    private int _inFlight;

    public LoadConnection(IPEndPoint address, int streams)
    {
        _slots = new Slot[streams];
        for (int i = 0; i < streams; i++) _idle.Push(_slots[i] = new Slot());
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = SilenceMilliseconds,
            SendTimeout = SilenceMilliseconds,
        };
        _socket.Connect(address);
        WritePreface();
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>
    /// Calls with every stream busy until <paramref name="endTicks"/> or until the workload has no more, then waits for
    /// the rest of the answers.
    /// </summary>
    public void RunBusy(Workload workload, long endTicks, Tally tally)
    {
        ResetSlots();
        long now = Stopwatch.GetTimestamp();
        while (_idle.Count > 0 && TryIssue(workload, now)) { }
        Flush();
        while (_inFlight > 0)
        {
            Receive();
            now = Stopwatch.GetTimestamp();
            ReadFrames(workload, tally, now, endTicks);
            while (now < endTicks && _idle.Count > 0 && TryIssue(workload, now)) { }
            Flush();
        }
    }

    /// <summary>
    /// Calls at a given rate, in bursts. The latency of a call counts from its sending; where every stream was busy
    /// when it was due, from then, so a server that stalls cannot hide behind calls that were not made.
    /// </summary>
    public void RunPaced(Workload workload, Pace pace, Tally tally)
    {
        ResetSlots();
        long sent = 0;
        bool isStarved = false;
        while (true)
        {
            long now = Stopwatch.GetTimestamp();
            bool isOver = now >= pace.EndTicks;
            long due = isOver ? sent : pace.DueBy(now);
            while (sent < due && _idle.Count > 0 && TryIssue(workload, isStarved ? pace.DueTicks(sent) : now)) sent++;
            isStarved = sent < due;
            Flush();
            if (isOver && _inFlight == 0) return;
            long waitTicks = isOver || isStarved ? Stopwatch.Frequency : pace.DueTicks(sent) - now;
            if (!_socket.Poll(WholeMilliseconds(waitTicks), SelectMode.SelectRead)) continue;
            Receive();
            ReadFrames(workload, tally, Stopwatch.GetTimestamp(), pace.EndTicks);
        }
    }

    // In microseconds. A poll waits whole milliseconds; less than one would be a spin.
    private static int WholeMilliseconds(long ticks) => (int)((ticks * 1000 / Stopwatch.Frequency) + 1) * 1000;

    private void ResetSlots()
    {
        foreach (var slot in _slots) slot.Forget();
    }

    private void WritePreface()
    {
        var preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;
        preface.CopyTo(_output);
        _outputLength = preface.Length;
        Span<byte> settings = stackalloc byte[18];
        WriteSetting(settings, 0x1, 0); // HEADER_TABLE_SIZE: answers need no table to be read.
        WriteSetting(settings[6..], 0x2, 0); // ENABLE_PUSH
        WriteSetting(settings[12..], 0x4, WindowMax); // INITIAL_WINDOW_SIZE
        WriteFrame(Settings, 0, 0, settings);
        WriteWindowUpdate(WindowMax - DefaultWindow);
        Flush();
    }

    private static void WriteSetting(Span<byte> destination, ushort id, int value)
    {
        BinaryPrimitives.WriteUInt16BigEndian(destination, id);
        BinaryPrimitives.WriteInt32BigEndian(destination[2..], value);
    }

    private bool TryIssue(Workload workload, long startTicks)
    {
        var slot = _idle.Peek();
        if (!workload.TryNext(slot)) return false;
        _idle.Pop();
        _inFlight++;
        slot.Begin(startTicks);
        Issue(workload, slot);
        return true;
    }

    private void Issue(Workload workload, Slot slot)
    {
        int length = workload.WriteMessage(slot, _message);
        if (length + GrpcPrefix.Length > _sendWindow)
        {
            _blocked.Enqueue(slot);
            return;
        }
        while (_ring[RingIndex(_nextStream)] is not null) _nextStream += 2;
        int stream = _nextStream;
        _nextStream += 2;
        _ring[RingIndex(stream)] = slot;

        EnsureOutput((2 * FrameHeaderLength) + GrpcPrefix.Length + (2 * Workload.MessageBytesMax));
        var output = _output.AsSpan(_outputLength);
        int block = _headers.Write(output[FrameHeaderLength..], workload.Headers(slot));
        WriteFrameHeader(output, block, Headers, EndHeaders, stream);
        output = output[(FrameHeaderLength + block)..];
        WriteFrameHeader(output, GrpcPrefix.Length + length, Data, EndStream, stream);
        output = output[FrameHeaderLength..];
        output[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(output[1..], length);
        _message.AsSpan(0, length).CopyTo(output[GrpcPrefix.Length..]);
        _outputLength += (2 * FrameHeaderLength) + block + GrpcPrefix.Length + length;
        _sendWindow -= GrpcPrefix.Length + length;
    }

    private void Receive()
    {
        int count = _socket.Receive(_input.AsSpan(_inputLength));
        if (count == 0) throw new IOException("the server closed the connection");
        _inputLength += count;
    }

    private void ReadFrames(Workload workload, Tally tally, long now, long endTicks)
    {
        var rest = _input.AsSpan(0, _inputLength);
        while (rest.Length >= FrameHeaderLength)
        {
            int length = (rest[0] << 16) | (rest[1] << 8) | rest[2];
            if (rest.Length < FrameHeaderLength + length) break;
            int stream = BinaryPrimitives.ReadInt32BigEndian(rest[5..]) & int.MaxValue;
            ReadFrame(rest[3], rest[4], stream, rest.Slice(FrameHeaderLength, length), workload, tally, now, endTicks);
            rest = rest[(FrameHeaderLength + length)..];
        }
        int left = rest.Length;
        rest.CopyTo(_input);
        _inputLength = left;
    }

    private void ReadFrame(
        byte type, byte flags, int stream, ReadOnlySpan<byte> payload, Workload workload, Tally tally, long now,
        long endTicks)
    {
        switch (type)
        {
            case Data:
                SlotOf(stream).Append(payload);
                Consume(payload.Length);
                if ((flags & EndStream) != 0) Complete(stream, workload, tally, now, endTicks);
                break;
            case Headers:
                if ((flags & EndHeaders) == 0) throw new InvalidDataException("the server sent a CONTINUATION");
                if ((flags & EndStream) == 0) break;
                SlotOf(stream).Status = ReadStatus(payload);
                Complete(stream, workload, tally, now, endTicks);
                break;
            case Settings when (flags & Acknowledge) == 0:
                WriteFrame(Settings, Acknowledge, 0, default);
                break;
            case Ping when (flags & Acknowledge) == 0:
                WriteFrame(Ping, Acknowledge, 0, payload);
                break;
            case WindowUpdate when stream == 0:
                _sendWindow += BinaryPrimitives.ReadInt32BigEndian(payload) & int.MaxValue;
                for (int i = _blocked.Count; i > 0; i--) Issue(workload, _blocked.Dequeue());
                break;
            case ResetStream:
                throw new IOException(
                    $"the server reset stream {stream} with error {BinaryPrimitives.ReadInt32BigEndian(payload)}");
            case GoAway:
                throw new IOException(
                    $"the server ended the connection with error {BinaryPrimitives.ReadInt32BigEndian(payload[4..])}");
            default:
                break; // Acknowledgements, stream windows (no message needs one) and unknown frames.
        }
    }

    private int ReadStatus(ReadOnlySpan<byte> block)
    {
        // Nearly all trailers are the same bytes.
        if (_okTrailers.Length > 0 && block.SequenceEqual(_okTrailers)) return 0;
        int status = HeaderReader.ReadStatus(block);
        if (status == 0) _okTrailers = block.ToArray();
        return status;
    }

    private void Complete(int stream, Workload workload, Tally tally, long now, long endTicks)
    {
        var slot = SlotOf(stream);
        _ring[RingIndex(stream)] = null;
        _inFlight--;
        _idle.Push(slot);
        var verdict = slot.Status == 0 ? workload.Judge(slot, slot.Message) : Verdict.Failed;
        tally.Add(verdict, slot.Status, now - slot.StartTicks, isInTime: now <= endTicks);
    }

    private void Consume(int bytes)
    {
        _receivedSinceUpdate += bytes;
        if (_receivedSinceUpdate < WindowMax / 2) return;
        WriteWindowUpdate((int)_receivedSinceUpdate);
        _receivedSinceUpdate = 0;
    }

    private void WriteWindowUpdate(int increment)
    {
        Span<byte> payload = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, increment);
        WriteFrame(WindowUpdate, 0, 0, payload);
    }

    private void WriteFrame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        EnsureOutput(FrameHeaderLength + payload.Length);
        WriteFrameHeader(_output.AsSpan(_outputLength), payload.Length, type, flags, stream);
        payload.CopyTo(_output.AsSpan(_outputLength + FrameHeaderLength));
        _outputLength += FrameHeaderLength + payload.Length;
    }

    private static void WriteFrameHeader(Span<byte> destination, int length, byte type, byte flags, int stream)
    {
        destination[0] = (byte)(length >> 16);
        destination[1] = (byte)(length >> 8);
        destination[2] = (byte)length;
        destination[3] = type;
        destination[4] = flags;
        BinaryPrimitives.WriteInt32BigEndian(destination[5..], stream);
    }

    private void EnsureOutput(int bytes)
    {
        if (_output.Length - _outputLength < bytes) Array.Resize(ref _output, (_output.Length * 2) + bytes);
    }

    private void Flush()
    {
        for (int sent = 0; sent < _outputLength;) sent += _socket.Send(_output.AsSpan(sent, _outputLength - sent));
        _outputLength = 0;
    }

    private Slot SlotOf(int stream) =>
        _ring[RingIndex(stream)] ?? throw new InvalidDataException(
            $"the server answered on stream {stream}, which is not open");

    private static int RingIndex(int stream) => (stream >> 1) & (RingSize - 1);
}
