using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Sessions;

/// <summary>Renew-, End-, Revoke-, Suspend- and ResumeSession: what moves an open session.</summary>
internal sealed class ChangeSession(ApiContext context)
{
    internal async ValueTask<RenewSessionResponse> RenewAsync(RenewSessionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, request.Session, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        SessionChecks.Ttl(ref faults, request.Ttl);
        faults.ThrowIfAny();

        request.SessionToken = "";
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(place, new RenewSessionCommand(place.Number, request, actor));
        Session session = SessionViews.Renewed(answer.Event!);
        return new RenewSessionResponse
        {
            Session = session,
            SessionToken = context.Tokens.Mint(SessionViews.CallerOf(session, place.Tenant)),
        };
    }

    internal async ValueTask<EndSessionResponse> EndAsync(EndSessionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, request.Session, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        SessionChecks.Outcome(ref faults, request.Outcome);
        faults.ThrowIfAny();

        request.SessionToken = "";
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(place, new EndSessionCommand(place.Number, request, actor));
        return new EndSessionResponse { Session = SessionViews.Ended(answer.Event!) };
    }

    internal async ValueTask<RevokeSessionResponse> RevokeAsync(RevokeSessionRequest request, ApiCall call)
    {
        SessionPlace place = PlaceOf(call, request.RequestId, request.SessionToken, request.Session, request.Reason);
        request.SessionToken = "";
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(place, new RevokeSessionCommand(place.Number, request, actor));
        return new RevokeSessionResponse { Session = SessionViews.Ended(answer.Event!) };
    }

    internal async ValueTask<SuspendSessionResponse> SuspendAsync(SuspendSessionRequest request, ApiCall call)
    {
        SessionPlace place = PlaceOf(call, request.RequestId, request.SessionToken, request.Session, request.Reason);
        request.SessionToken = "";
        string actor = CallerScope.CallerOf(call).Principal;
        if (request.WholeRun)
            place = await RunOfAsync(place);
        Answer answer = await context.SubmitAsync(place, new SuspendSessionCommand(place.Number, request, actor));
        return new SuspendSessionResponse { Session = SessionViews.Suspended(answer.Event!) };
    }

    internal async ValueTask<ResumeSessionResponse> ResumeAsync(ResumeSessionRequest request, ApiCall call)
    {
        SessionPlace place = PlaceOf(call, request.RequestId, request.SessionToken, request.Session, request.Reason);
        request.SessionToken = "";
        string actor = CallerScope.CallerOf(call).Principal;
        if (request.WholeRun)
            place = await RunOfAsync(place);
        Answer answer = await context.SubmitAsync(place, new ResumeSessionCommand(place.Number, request, actor));
        return new ResumeSessionResponse { Session = SessionViews.Resumed(answer.Event!) };
    }

    // The session of an act that asks for a reason.
    private SessionPlace PlaceOf(ApiCall call, string requestId, string sessionToken, string session, string reason)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, sessionToken, session, ref faults);
        FieldChecks.RequestId(ref faults, requestId);
        FieldChecks.Text(ref faults, "reason", reason, charsMin: 1);
        faults.ThrowIfAny();
        return place;
    }

    // The root of a session's run, which has to be within its caller's reach too.
    private async ValueTask<SessionPlace> RunOfAsync(SessionPlace place)
    {
        Answer found = await context.SubmitAsync(place, new SessionQuery(place.Number));
        bool isName = Names.TryParseSession(((GetSessionResponse)found.View!).Session.Run, out long root);
        return isName ? place with { Number = root } : throw ApiErrors.SessionNotFound();
    }
}
