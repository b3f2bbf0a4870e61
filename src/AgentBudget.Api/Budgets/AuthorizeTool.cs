using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>AuthorizeTool: validate, ask the tenant, answer what its event says.</summary>
internal sealed class AuthorizeTool(ApiContext context)
    : SpendMethod<AuthorizeToolRequest, AuthorizeToolResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/AuthorizeTool");

    internal override TenantCommand Read(AuthorizeToolRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        if (request.Tool.Length == 0)
            faults.Add("tool", "must be the tool to call, such as crm.read");
        FieldChecks.Tool(ref faults, request.Tool);
        FieldChecks.ToolArgumentsDigest(ref faults, request.ToolArgumentsDigest);
        faults.ThrowIfAny();

        request.SessionToken = "";
        string principal = CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new AuthorizeToolCommand(place.Number, request, principal));
    }

    internal override AuthorizeToolResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Authorized(ledgerEvent, currency);
}
