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
        AskedRequest asked = new ContentHash(Operation.AuthorizeTool)
            .Add(request.Tool)
            .AddIfAny(request.ToolArgumentsDigest)
            .Of(command.Principal, request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;

        Refusal refusal = Decide.CheckSession(session, request.Tool);
        if (!refusal.IsRefused) refusal = session.CheckToolCalls(1);
        LedgerEvent decided = refusal.IsRefused
            ? Refuse.Event(session, refusal, asked)
            : Allowed(session, request, asked);
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

    private static LedgerEvent Allowed(
        SessionAccount session, AuthorizeToolRequest request, in AskedRequest asked)
    {
        LedgerEvent allowed = asked.NewEvent(session.Spender);
        allowed.ToolAuthorized = new ToolAuthorized
        {
            Tool = request.Tool,
            ToolArgumentsDigest = request.ToolArgumentsDigest,
        };
        return allowed;
    }
}
