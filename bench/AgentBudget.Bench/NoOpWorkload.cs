using AgentBudget.Bench.Http2;

namespace AgentBudget.Bench;

/// <summary>grpc.health.v1.Health/Check with an empty message: the cost of a call that decides nothing.</summary>
internal sealed class NoOpWorkload(CallHeaders headers) : Workload
{
    private const byte StatusTag = 0x08;
    private const byte Serving = 1;

    private readonly Header[] _headers = headers.Of(headers.NoOp);

    public override bool TryNext(Slot slot) => true;

    public override ReadOnlySpan<Header> Headers(Slot slot) => _headers;

    public override int WriteMessage(Slot slot, Span<byte> destination) => 0;

    public override Verdict Judge(Slot slot, ReadOnlySpan<byte> message) =>
        message.SequenceEqual((ReadOnlySpan<byte>)[StatusTag, Serving]) ? Verdict.Good : Verdict.Failed;
}
