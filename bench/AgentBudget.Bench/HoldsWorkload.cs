using AgentBudget.Bench.Http2;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench;

/// <summary>How holds that were left open end.</summary>
internal enum HoldEnd
{
    /// <summary>ReleaseTokens: they are given back.</summary>
    Release,

    /// <summary>CommitTokens: what they were for was used.</summary>
    Commit,
}

/// <summary>
/// Ends what a reserve-only round left open, so that rounds find the server alike. Not measured.
/// </summary>
internal sealed class HoldsWorkload : Workload
{
    private readonly HoldEnd _end;
    private readonly Header[] _headers;
    private readonly RequestTemplates[] _templates;
    private readonly List<OpenHold> _open;
    private ulong _requestId;

    /// <param name="end">How they end.</param>
    /// <param name="headers">Headers of the run.</param>
    /// <param name="sessions">The sessions that hold.</param>
    /// <param name="firstRequestId">Ids count up from here.</param>
    /// <param name="open">The holds; each is taken out as its call is made.</param>
    public HoldsWorkload(
        HoldEnd end, CallHeaders headers, BudgetSession[] sessions, ulong firstRequestId, List<OpenHold> open)
    {
        Header path = end == HoldEnd.Release ? headers.Release : headers.Commit;
        _end = end;
        _headers = headers.Of(path);
        _templates = [.. sessions.Select(session => new RequestTemplates(session.Token))];
        _requestId = firstRequestId;
        _open = open;
    }

    public override bool TryNext(Slot slot)
    {
        if (_open.Count == 0) return false;
        var hold = _open[^1];
        _open.RemoveAt(_open.Count - 1);
        slot.Session = hold.Session;
        slot.Reservation = hold.Reservation;
        return true;
    }

    public override ReadOnlySpan<Header> Headers(Slot slot) => _headers;

    public override int WriteMessage(Slot slot, Span<byte> destination)
    {
        var templates = _templates[slot.Session];
        return _end == HoldEnd.Release
            ? templates.WriteRelease(destination, _requestId++, slot.Reservation)
            : templates.WriteCommit(destination, _requestId++, slot.Reservation);
    }

    public override Verdict Judge(Slot slot, ReadOnlySpan<byte> message)
    {
        int field = _end == HoldEnd.Release
            ? ReleaseTokensResponse.ReleasedFieldNumber
            : CommitTokensResponse.SettledFieldNumber;
        return AnswerReader.HasField(message, field) ? Verdict.Good : Verdict.Failed;
    }
}
