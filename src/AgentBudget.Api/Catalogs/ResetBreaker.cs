using System.Diagnostics;
using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>ResetBreaker: a session's breakers count from zero, and what they suspended goes on.</summary>
internal sealed class ResetBreaker(ApiContext context)
{
    internal async ValueTask<ResetBreakerResponse> HandleAsync(ResetBreakerRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if (request.Grain.Length == 0)
            faults.Add("grain", "must name a session such as sessions/s17");
        faults.ThrowIfAny();
        SessionPlace place = context.Callers.SessionOf(call, sessionToken: "", request.Grain, ref faults);
        faults.ThrowIfAny();

        string actor = CallerScope.CallerOf(call).Principal;
        await RequireRunAsync(place);
        Answer answer = await context.SubmitAsync(place, new ResetBreakerCommand(request, actor));
        BreakerReset reset = answer.Event!.BreakerReset
            ?? throw new UnreachableException($"a reset is not answered by {answer.Event.FactCase}");
        return new ResetBreakerResponse { Session = reset.Session, Resumed = reset.Resumed };
    }

    // A reset may resume the whole run, so its root has to be within its caller's reach too.
    private async ValueTask RequireRunAsync(SessionPlace place)
    {
        if (place.Owner is null)
            return;
        Answer found = await context.SubmitAsync(place, new SessionQuery(place.Number));
        if (Names.TryParseSession(((GetSessionResponse)found.View!).Session.Run, out long root))
            await context.SubmitAsync(place with { Number = root }, new SessionQuery(root));
    }
}
