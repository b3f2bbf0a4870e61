using AgentBudget.Bench.Http2;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Bench;

/// <summary>What a slot does again and again.</summary>
internal enum CallSequence
{
    /// <summary>ReserveTokens; the holds stay open and are kept for a later release.</summary>
    Reserve,

    /// <summary>ReserveTokens, then CommitTokens of it.</summary>
    ReserveCommit,
}

/// <summary>
/// Reserves, and commits if asked to, over the sessions of one connection in turn, every call with its own id.
/// </summary>
internal sealed class BudgetWorkload : Workload
{
    private const int ReserveStep = 0;
    private const int CommitStep = 1;

    private readonly CallSequence _sequence;
    private readonly Header[] _reserveHeaders;
    private readonly Header[] _commitHeaders;
    private readonly RequestTemplates[] _templates;
    private readonly List<OpenHold> _open;
    private ulong _requestId;
    private int _session;

    /// <param name="sequence">What to call.</param>
    /// <param name="headers">Headers of the run.</param>
    /// <param name="sessions">The sessions to spend from.</param>
    /// <param name="firstRequestId">Ids count up from here.</param>
    /// <param name="open">Receives the holds that stay open.</param>
    public BudgetWorkload(
        CallSequence sequence, CallHeaders headers, BudgetSession[] sessions, ulong firstRequestId, List<OpenHold> open)
    {
        _sequence = sequence;
        _reserveHeaders = headers.Of(headers.Reserve);
        _commitHeaders = headers.Of(headers.Commit);
        _templates = [.. sessions.Select(session => new RequestTemplates(session.Token))];
        _requestId = firstRequestId;
        _open = open;
    }

    public override bool TryNext(Slot slot)
    {
        bool isCommitDue = _sequence == CallSequence.ReserveCommit
            && slot.Step == ReserveStep
            && slot.Reservation != default;
        slot.Step = isCommitDue ? CommitStep : ReserveStep;
        if (isCommitDue) return true;
        slot.Session = _session;
        _session = (_session + 1) % _templates.Length;
        return true;
    }

    public override ReadOnlySpan<Header> Headers(Slot slot) =>
        slot.Step == CommitStep ? _commitHeaders : _reserveHeaders;

    public override int WriteMessage(Slot slot, Span<byte> destination) => slot.Step == CommitStep
        ? _templates[slot.Session].WriteCommit(destination, _requestId++, slot.Reservation)
        : _templates[slot.Session].WriteReserve(destination, _requestId++);

    public override int ItemField(Slot slot) =>
        slot.Step == CommitStep ? SpendRequest.CommitFieldNumber : SpendRequest.ReserveFieldNumber;

    public override Verdict Judge(Slot slot, ReadOnlySpan<byte> message)
    {
        if (slot.Step == CommitStep)
        {
            slot.Reservation = default;
            return AnswerReader.HasField(message, CommitTokensResponse.SettledFieldNumber)
                ? Verdict.Good
                : Verdict.Failed;
        }
        var decision = AnswerReader.ReadReserve(message, out UInt128 reservation);
        slot.Reservation = reservation;
        if (decision == Decision.Deny) return Verdict.Denied;
        if (decision is not (Decision.Allow or Decision.AllowDowngraded)) return Verdict.Failed;
        if (_sequence == CallSequence.Reserve) _open.Add(new OpenHold(slot.Session, reservation));
        return Verdict.Good;
    }
}
