using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Identities;

/// <summary>RevokeCredential: validate, end it, answer it as it is then.</summary>
internal sealed class RevokeCredential(ApiContext context)
{
    internal async ValueTask<RevokeCredentialResponse> HandleAsync(RevokeCredentialRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if (request.Credential.Length == 0)
            faults.Add("credential", "must be the credential to revoke, such as credentials/c17");
        faults.ThrowIfAny();

        // A name that no credential can have is a credential that does not exist.
        if (!Names.TryParseCredential(request.Credential, out long number))
            throw ApiErrors.CredentialNotFound();
        string tenant = context.Callers.TenantOf(call);
        string actor = CallerScope.CallerOf(call).Principal;
        await context.SubmitIdentityAsync(tenant, new RevokeCredentialCommand(number, request, actor));
        Answer found = await context.SubmitAsync(tenant, new CredentialQuery(number));
        return new RevokeCredentialResponse { Credential = (Credential)found.View! };
    }
}
