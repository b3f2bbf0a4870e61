using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// One connection with one bidirectional gRPC stream, and many items on it in flight: what a gateway does that spends
/// through one stream. Everything that a read completes is followed by one write, many items a message.
/// </summary>
internal sealed class ItemConnection : FrameConnection
{
    // The largest frame that every server takes (RFC 9113, SETTINGS_MAX_FRAME_SIZE).
    private const int FrameBytesMax = 16_384;
    private const int StreamNumber = 1;

    // Of a message; both below what a server takes.
    private const int ItemsMax = 500;
    private const int MessageItemBytesMax = 128 * 1024;

    private readonly Slot[] _slots;
    private readonly Stack<int> _idle = new();
    private readonly byte[] _message = new byte[Workload.MessageBytesMax];
    private readonly byte[] _items = new byte[
        GrpcPrefix.Length + MessageItemBytesMax + Workload.MessageBytesMax + ItemFrames.OverheadBytesMax];
    private readonly byte[] _frame = new byte[FrameBytesMax];
    private byte[] _received = new byte[2 * FrameBytesMax];
    private int _receivedLength;
    private int _frameLength;
    private int _itemsAt;
    private int _itemsLength;
    private long _streamWindow;
    private Workload _workload = null!;
    private Tally _tally = null!;
    private long _endTicks;
    private long _now;
    private int _inFlight;

    /// <param name="address">Where.</param>
    /// <param name="headers">The headers of the stream.</param>
    /// <param name="items">Items in flight.</param>
    public ItemConnection(IPEndPoint address, ReadOnlySpan<Header> headers, int items)
        : base(address)
    {
        _slots = new Slot[items];
        for (int i = items - 1; i >= 0; i--)
        {
            _slots[i] = new Slot();
            _idle.Push(i);
        }
        var output = Output(FrameHeaderLength + Workload.MessageBytesMax);
        int block = new HeaderWriter().Write(output[FrameHeaderLength..], headers);
        WriteFrameHeader(output, block, Headers, EndHeaders, StreamNumber);
        Advance(FrameHeaderLength + block);
        Flush();

        // The server's settings come first, then the stream's headers: from then on the window is known.
        while (_streamWindow == 0)
        {
            Receive();
            ReadFrames();
        }
    }

    /// <summary>
    /// Keeps every item busy until <paramref name="endTicks"/>, then waits for the rest of the answers.
    /// </summary>
    public void RunBusy(Workload workload, long endTicks, Tally tally)
    {
        foreach (var slot in _slots) slot.Forget();
        (_workload, _endTicks, _tally) = (workload, endTicks, tally);
        _now = Stopwatch.GetTimestamp();
        IssueAll();
        while (_inFlight > 0)
        {
            Receive();
            _now = Stopwatch.GetTimestamp();
            ReadFrames();
            IssueAll();
        }
    }

    protected override void OnData(int stream, ReadOnlySpan<byte> payload, bool isEnd)
    {
        if (_receivedLength + payload.Length > _received.Length)
            Array.Resize(ref _received, 2 * (_receivedLength + payload.Length));
        payload.CopyTo(_received.AsSpan(_receivedLength));
        _receivedLength += payload.Length;
        ReadOnlySpan<byte> rest = _received.AsSpan(0, _receivedLength);
        while (rest.Length >= GrpcPrefix.Length)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(rest[1..]);
            if (rest.Length < GrpcPrefix.Length + length) break;
            Complete(rest.Slice(GrpcPrefix.Length, length));
            rest = rest[(GrpcPrefix.Length + length)..];
        }
        _receivedLength = rest.Length;
        rest.CopyTo(_received);
        if (isEnd) throw new IOException("the server ended the stream");
    }

    protected override void OnHeaders(int stream, ReadOnlySpan<byte> block, bool isEnd)
    {
        if (isEnd) throw new IOException($"the server ended the stream with grpc-status {ReadStatus(block)}");
        _streamWindow += InitialStreamWindow;
    }

    protected override void OnWindow(int stream, int increment)
    {
        if (stream == StreamNumber) _streamWindow += increment;
    }

    private void IssueAll()
    {
        while (TryTakeItems())
        {
            // Messages go out one behind the other, whatever frames they come to lie in.
            while (_itemsAt < _itemsLength)
            {
                long window = Math.Min(SendWindow, _streamWindow) - _frameLength;
                int room = (int)Math.Min(window, FrameBytesMax - _frameLength);
                if (room <= 0 && _frameLength < FrameBytesMax)
                {
                    SendFrame();
                    Flush();
                    return; // The window is shut; the rest follows when it opens.
                }
                int part = Math.Min(room, _itemsLength - _itemsAt);
                _items.AsSpan(_itemsAt, part).CopyTo(_frame.AsSpan(_frameLength));
                _itemsAt += part;
                _frameLength += part;
                if (_frameLength == FrameBytesMax) SendFrame();
            }
        }
        SendFrame();
        Flush();
    }

    // One message of what is idle, as far as it fits.
    private bool TryTakeItems()
    {
        if (_itemsAt < _itemsLength) return true;
        int length = GrpcPrefix.Length;
        for (int items = 0; items < ItemsMax && length < MessageItemBytesMax; items++)
        {
            if (_now >= _endTicks || _idle.Count == 0) break;
            int number = _idle.Peek();
            var slot = _slots[number];
            if (!_workload.TryNext(slot)) break;
            _idle.Pop();
            _inFlight++;
            slot.Begin(_now);
            int bytes = _workload.WriteMessage(slot, _message);
            length += ItemFrames.Write(
                _items.AsSpan(length), number, _workload.ItemField(slot), _message.AsSpan(0, bytes));
        }
        if (length == GrpcPrefix.Length) return false;
        ItemFrames.WritePrefix(_items, length - GrpcPrefix.Length);
        (_itemsAt, _itemsLength) = (0, length);
        return true;
    }

    private void SendFrame()
    {
        if (_frameLength == 0) return;
        var output = Output(FrameHeaderLength + _frameLength);
        WriteFrameHeader(output, _frameLength, Data, 0, StreamNumber);
        _frame.AsSpan(0, _frameLength).CopyTo(output[FrameHeaderLength..]);
        Advance(FrameHeaderLength + _frameLength);
        SendWindow -= _frameLength;
        _streamWindow -= _frameLength;
        _frameLength = 0;
    }

    private void Complete(ReadOnlySpan<byte> message)
    {
        int at = 0;
        while (ItemFrames.TryRead(message, ref at, out var answer))
        {
            var slot = _slots[answer.Number];
            _inFlight--;
            _idle.Push(answer.Number);
            var verdict = answer.Field == _workload.ItemField(slot)
                ? _workload.Judge(slot, message.Slice(answer.At, answer.Length))
                : Verdict.Failed;
            _tally.Add(verdict, answer.StatusCode, _now - slot.StartTicks, isInTime: _now <= _endTicks);
        }
    }
}
