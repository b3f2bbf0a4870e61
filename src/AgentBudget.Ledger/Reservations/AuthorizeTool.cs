using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Decides whether a session may call a tool, without holding anything: the same reasons in the same order as for a
/// spend, as far as they concern a tool, and the same record. An allowed call counts as one of the session's tool
/// calls.
/// </summary>
internal static class AuthorizeTool
{
    public static Answer Handle(TenantLedger ledger, AuthorizeToolCommand command)
    {
        AuthorizeToolRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        ulong fingerprint = new Fingerprint((ulong)Operation.AuthorizeTool)
            .Add(request.Tool)
            .AddIfAny(request.ToolArgumentsDigest)
            .Value;
        if (session.TryAnswer(Operation.AuthorizeTool, request.RequestId, fingerprint, out Answer again)) return again;

        Refusal refusal = Decide.CheckSession(session, request.Tool);
        if (!refusal.IsRefused) refusal = session.CheckToolCalls(1);
        LedgerEvent decided = refusal.IsRefused
            ? Refuse.Event(session, refusal, request.RequestId, fingerprint)
            : Allowed(session, request, fingerprint);
        if (decided.ReservationRefused is { } refused)
        {
            (refused.Tool, refused.ToolOnly) = (request.Tool, true);
            return Refuse.Record(ledger, session, decided);
        }

        ledger.Emit(decided, session);
        return new Answer(Outcome.Done, decided);
    }

    public static void Apply(ToolAuthorized authorized, SessionAccount session)
    {
        session.CountToolCall();
        session.CountCallOf(authorized.Tool, authorized.ToolArgumentsDigest);
    }

    private static LedgerEvent Allowed(SessionAccount session, AuthorizeToolRequest request, ulong fingerprint) => new()
    {
        RequestId = request.RequestId,
        RequestFingerprint = fingerprint,
        Spender = session.Spender,
        ToolAuthorized = new ToolAuthorized { Tool = request.Tool, ToolArgumentsDigest = request.ToolArgumentsDigest },
    };
}
