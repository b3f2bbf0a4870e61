using System.Globalization;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Api.Identities;

/// <summary>ListCredentials: what the ledger has, and when each was last used here.</summary>
internal sealed class ListCredentials(ApiContext context)
{
    internal async ValueTask<ListCredentialsResponse> HandleAsync(ListCredentialsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.PageSize(ref faults, request.PageSize);
        FieldChecks.Defined(ref faults, "state", request.State);
        if (request.Principal.Length > 0 && !FieldRules.IsWord(request.Principal))
            faults.Add("principal", "must be an agent's name, or that of another principal");
        bool isPage = request.PageToken.Length == 0
            || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out long page)
                && page > 0);
        if (!isPage)
            faults.Add("page_token", "must be the next_page_token of the page before");
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        Answer answer = await context.SubmitAsync(tenant, new CredentialsQuery(request));
        ListCredentialsResponse response = (ListCredentialsResponse)answer.View!;
        foreach (Credential credential in response.Credentials)
        {
            long usedSeconds = Names.TryParseCredential(credential.Credential_, out long number)
                ? context.Credentials.Directory.LastUseSeconds(tenant, number)
                : 0;
            // What is known here may be younger than what the ledger was told, or older than another silo's word.
            if (usedSeconds > (credential.LastUseTime?.Seconds ?? 0))
                credential.LastUseTime = new Timestamp { Seconds = usedSeconds };
        }

        return response;
    }
}
