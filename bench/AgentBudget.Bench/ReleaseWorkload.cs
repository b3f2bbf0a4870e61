using AgentBudget.Bench.Http2;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench;

/// <summary>
/// Gives back what a reserve-only round left open, so that rounds find the server alike. Not measured.
/// </summary>
internal sealed class ReleaseWorkload(
    CallHeaders headers, BudgetSession[] sessions, ulong firstRequestId, List<OpenHold> open) : Workload
{
    private readonly Header[][] _headers = [.. sessions.Select(session => headers.Of(headers.Release, session.Tenant))];
    private readonly RequestTemplates[] _templates =
        [.. sessions.Select(session => new RequestTemplates(session.Token))];
    private ulong _requestId = firstRequestId;

    public override bool TryNext(Slot slot)
    {
        if (open.Count == 0) return false;
        var hold = open[^1];
        open.RemoveAt(open.Count - 1);
        slot.Session = hold.Session;
        slot.Reservation = hold.Reservation;
        return true;
    }

    public override ReadOnlySpan<Header> Headers(Slot slot) => _headers[slot.Session];

    public override int WriteMessage(Slot slot, Span<byte> destination) =>
        _templates[slot.Session].WriteRelease(destination, _requestId++, slot.Reservation);

    public override Verdict Judge(Slot slot, ReadOnlySpan<byte> message) =>
        AnswerReader.HasField(message, ReleaseTokensResponse.ReleasedFieldNumber) ? Verdict.Good : Verdict.Failed;
}
