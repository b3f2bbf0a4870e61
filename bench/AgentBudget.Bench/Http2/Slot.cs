namespace AgentBudget.Bench.Http2;

/// <summary>One of a connection's concurrent calls; used again for call after call.</summary>
internal sealed class Slot
{
    /// <summary>Largest answer that is kept, more than any unary answer of this bench.</summary>
    private const int ResponseBytesMax = 8192;

    private readonly byte[] _response = new byte[ResponseBytesMax];
    private int _responseLength;

    /// <summary>When the call was due: when it was sent, or should have been by its schedule.</summary>
    public long StartTicks { get; set; }

    /// <summary>grpc-status, or <see cref="HeaderReader.Absent"/> until it came.</summary>
    public int Status { get; set; }

    /// <summary>What a workload remembers: which step of its call sequence is under way.</summary>
    public int Step { get; set; }

    /// <summary>What a workload remembers: the session in use.</summary>
    public int Session { get; set; }

    /// <summary>What a workload remembers: the reservation's id.</summary>
    public UInt128 Reservation { get; set; }

    /// <summary>The answer's message without its gRPC prefix; empty if none came.</summary>
    public ReadOnlySpan<byte> Message =>
        _responseLength < GrpcPrefix.Length
            ? default
            : _response.AsSpan(GrpcPrefix.Length, _responseLength - GrpcPrefix.Length);

    /// <summary>Makes the slot ready for another workload.</summary>
    public void Forget()
    {
        Step = 0;
        Session = 0;
        Reservation = default;
    }

    public void Begin(long startTicks)
    {
        StartTicks = startTicks;
        Status = HeaderReader.Absent;
        _responseLength = 0;
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        data.CopyTo(_response.AsSpan(_responseLength));
        _responseLength += data.Length;
    }
}

/// <summary>The five bytes before every gRPC message: not compressed, length.</summary>
internal static class GrpcPrefix
{
    public const int Length = 5;
}
