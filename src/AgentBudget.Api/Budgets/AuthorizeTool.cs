using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>AuthorizeTool: validate, ask the tenant, answer what its event says.</summary>
internal sealed class AuthorizeTool(ApiContext context)
{
    internal async ValueTask<AuthorizeToolResponse> HandleAsync(AuthorizeToolRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        if (request.Tool.Length == 0)
            faults.Add("tool", "must be the tool to call, such as crm.read");
        FieldChecks.Tool(ref faults, request.Tool);
        FieldChecks.ToolArgumentsDigest(ref faults, request.ToolArgumentsDigest);
        faults.ThrowIfAny();

        request.SessionToken = "";
        Answer answer = await context.SubmitAsync(place, new AuthorizeToolCommand(place.Number, request));
        return ReservationViews.Authorized(answer.Event!, await context.CurrencyOfAsync(place.Tenant));
    }
}
