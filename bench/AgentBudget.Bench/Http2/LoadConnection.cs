using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;

namespace AgentBudget.Bench.Http2;

/// <summary>
/// One connection with many concurrent unary gRPC calls: everything that a read completes is followed by one write.
/// </summary>
internal sealed class LoadConnection : FrameConnection
{
    // Streams in flight are found by id in this ring; ids are skipped where a slow stream still has its place.
    private const int RingSize = 1 << 16;

    private readonly HeaderWriter _headers = new();
    private readonly Slot[] _slots;
    private readonly Slot?[] _ring = new Slot?[RingSize];
    private readonly Queue<Slot> _blocked = new();
    private readonly Stack<Slot> _idle = new();
    private readonly byte[] _message = new byte[Workload.MessageBytesMax];
    private Work _work;
    private long _now;
    private int _nextStream = 1;
    private int _inFlight;

    public LoadConnection(IPEndPoint address, int streams)
        : base(address)
    {
        _slots = new Slot[streams];
        for (int i = 0; i < streams; i++) _idle.Push(_slots[i] = new Slot());
    }

    /// <summary>What is being done, until when, and where it is counted.</summary>
    private readonly record struct Work(Workload Workload, long EndTicks, Tally Tally);

    /// <summary>
    /// Calls with every stream busy until <paramref name="endTicks"/> or until the workload has no more, then waits for
    /// the rest of the answers.
    /// </summary>
    public void RunBusy(Workload workload, long endTicks, Tally tally)
    {
        Begin(new Work(workload, endTicks, tally));
        while (_idle.Count > 0 && TryIssue(_now)) { }
        Flush();
        while (_inFlight > 0)
        {
            Receive();
            _now = Stopwatch.GetTimestamp();
            ReadFrames();
            while (_now < endTicks && _idle.Count > 0 && TryIssue(_now)) { }
            Flush();
        }
    }

    /// <summary>
    /// Calls at a given rate, in bursts. The latency of a call counts from its sending; where every stream was busy
    /// when it was due, from then, so a server that stalls cannot hide behind calls that were not made.
    /// </summary>
    public void RunPaced(Workload workload, Pace pace, Tally tally)
    {
        Begin(new Work(workload, pace.EndTicks, tally));
        long sent = 0;
        bool isStarved = false;
        while (true)
        {
            _now = Stopwatch.GetTimestamp();
            bool isOver = _now >= pace.EndTicks;
            long due = isOver ? sent : pace.DueBy(_now);
            while (sent < due && _idle.Count > 0 && TryIssue(isStarved ? pace.DueTicks(sent) : _now)) sent++;
            isStarved = sent < due;
            Flush();
            if (isOver && _inFlight == 0) return;
            long waitTicks = isOver || isStarved ? Stopwatch.Frequency : pace.DueTicks(sent) - _now;
            if (!CanRead(WholeMilliseconds(waitTicks))) continue;
            Receive();
            _now = Stopwatch.GetTimestamp();
            ReadFrames();
        }
    }

    protected override void OnData(int stream, ReadOnlySpan<byte> payload, bool isEnd)
    {
        SlotOf(stream).Append(payload);
        if (isEnd) Complete(stream);
    }

    protected override void OnHeaders(int stream, ReadOnlySpan<byte> block, bool isEnd)
    {
        if (!isEnd) return;
        SlotOf(stream).Status = ReadStatus(block);
        Complete(stream);
    }

    protected override void OnWindow(int stream, int increment)
    {
        // No message needs more than the window that its stream begins with.
        if (stream != 0) return;
        for (int i = _blocked.Count; i > 0; i--) Issue(_blocked.Dequeue());
    }

    // In microseconds. A poll waits whole milliseconds; less than one would be a spin.
    private static int WholeMilliseconds(long ticks) => (int)((ticks * 1000 / Stopwatch.Frequency) + 1) * 1000;

    private void Begin(Work work)
    {
        foreach (var slot in _slots) slot.Forget();
        _work = work;
        _now = Stopwatch.GetTimestamp();
    }

    private bool TryIssue(long startTicks)
    {
        var slot = _idle.Peek();
        if (!_work.Workload.TryNext(slot)) return false;
        _idle.Pop();
        _inFlight++;
        slot.Begin(startTicks);
        Issue(slot);
        return true;
    }

    private void Issue(Slot slot)
    {
        int length = _work.Workload.WriteMessage(slot, _message);
        if (length + GrpcPrefix.Length > SendWindow)
        {
            _blocked.Enqueue(slot);
            return;
        }
        while (_ring[RingIndex(_nextStream)] is not null) _nextStream += 2;
        int stream = _nextStream;
        _nextStream += 2;
        _ring[RingIndex(stream)] = slot;

        var output = Output((2 * FrameHeaderLength) + GrpcPrefix.Length + (2 * Workload.MessageBytesMax));
        int block = _headers.Write(output[FrameHeaderLength..], _work.Workload.Headers(slot));
        WriteFrameHeader(output, block, Headers, EndHeaders, stream);
        output = output[(FrameHeaderLength + block)..];
        WriteFrameHeader(output, GrpcPrefix.Length + length, Data, EndStream, stream);
        output = output[FrameHeaderLength..];
        output[0] = 0;
        BinaryPrimitives.WriteInt32BigEndian(output[1..], length);
        _message.AsSpan(0, length).CopyTo(output[GrpcPrefix.Length..]);
        Advance((2 * FrameHeaderLength) + block + GrpcPrefix.Length + length);
        SendWindow -= GrpcPrefix.Length + length;
    }

    private void Complete(int stream)
    {
        var slot = SlotOf(stream);
        _ring[RingIndex(stream)] = null;
        _inFlight--;
        _idle.Push(slot);
        var verdict = slot.Status == 0 ? _work.Workload.Judge(slot, slot.Message) : Verdict.Failed;
        _work.Tally.Add(verdict, slot.Status, _now - slot.StartTicks, isInTime: _now <= _work.EndTicks);
    }

    private Slot SlotOf(int stream) =>
        _ring[RingIndex(stream)] ?? throw new InvalidDataException(
            $"the server answered on stream {stream}, which is not open");

    private static int RingIndex(int stream) => (stream >> 1) & (RingSize - 1);
}
