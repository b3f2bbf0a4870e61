using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Sessions;

/// <summary>RevokeSessions: the open sessions of a credential or a user, and what the user gave, in one turn.</summary>
internal sealed class RevokeSessions(ApiContext context)
{
    internal async ValueTask<RevokeSessionsResponse> HandleAsync(RevokeSessionsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        FieldChecks.Credential(ref faults, request.Credential);
        request.OnBehalfOf = SessionChecks.User(ref faults, request.OnBehalfOf);
        if (request.Credential.Length + request.OnBehalfOf.Length == 0)
            faults.Add("credential", "must be the credential whose sessions are to end, or on_behalf_of the user");
        faults.ThrowIfAny();

        Answer answer = await context.SubmitIdentityAsync(
            context.Callers.TenantOf(call),
            new RevokeSessionsCommand(request, CallerScope.CallerOf(call).Principal));
        return new RevokeSessionsResponse { Revoked = answer.Event?.SessionsRevoked.Sessions.Count ?? 0 };
    }
}
