using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;

namespace AgentBudget.Api.Budgets;

/// <summary>GetBalance: of every grain on a session's path, or of one grain.</summary>
internal sealed class GetBalance(ApiContext context)
{
    internal async ValueTask<GetBalanceResponse> HandleAsync(GetBalanceRequest request, RpcCall call)
    {
        FieldFaults faults = default;
        string tenant;
        BalanceQuery query;
        if (request.Grain.Length == 0)
        {
            SessionPlace place = context.Callers.SessionOf(call, request.SessionToken, ref faults);
            tenant = place.Tenant;
            query = new BalanceQuery(place.Number, "");
        }
        else
        {
            if (CallerScope.CallerOf(call) is not AdminCaller)
                throw ApiErrors.RoleForbidden();
            if (request.SessionToken.Length > 0)
                faults.Add("grain", "must be empty when session_token is given");
            FieldChecks.Grain(ref faults, "grain", request.Grain);
            faults.ThrowIfAny();
            tenant = context.Callers.TenantOf(call);
            query = new BalanceQuery(0, request.Grain);
        }

        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(tenant, query);
        return (GetBalanceResponse)answer.View!;
    }
}
