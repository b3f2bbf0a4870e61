using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Sessions;

/// <summary>GetSession and ListSessions.</summary>
internal sealed class ReadSessions(ApiContext context)
{
    internal async ValueTask<GetSessionResponse> GetAsync(GetSessionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, request.Session, ref faults);
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(place, new SessionQuery(place.Number));
        return (GetSessionResponse)answer.View!;
    }

    internal async ValueTask<ListSessionsResponse> ListAsync(ListSessionsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.PageSize(ref faults, request.PageSize);
        FieldChecks.Name(ref faults, "agent", request.Agent, Names.AgentPrefix, isRequired: false);
        FieldChecks.Name(ref faults, "use_case", request.UseCase, Names.UseCasePrefix, isRequired: false);
        FieldChecks.Defined(ref faults, "state", request.State);
        FieldChecks.Credential(ref faults, request.Credential);
        request.OnBehalfOf = SessionChecks.User(ref faults, request.OnBehalfOf);
        if (request.PageToken.Length > 0 && !IsPageToken(request.PageToken))
            faults.Add("page_token", "must be the next_page_token of the page before");
        faults.ThrowIfAny();

        if (request.PageSize == 0)
            request.PageSize = FieldRules.PageSizeDefault;
        OwnScope? own = OwnScope.Of(call);
        if (own is { Agent: { } agent })
        {
            // Another agent's sessions are as many as those of an agent that is not there.
            if (request.Agent.Length > 0 && request.Agent != agent)
                return new ListSessionsResponse();
            request.Agent = agent;
        }

        Answer answer = await context.SubmitAsync(
            context.Callers.TenantOf(call), new SessionsQuery(request, own?.Owned, own?.User ?? ""));
        return (ListSessionsResponse)answer.View!;
    }

    private static bool IsPageToken(string token) =>
        long.TryParse(token, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > 0;
}
