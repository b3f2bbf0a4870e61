using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Budgets;

/// <summary>GetBalance: of every grain on a session's path, or of one grain.</summary>
internal sealed class GetBalance(ApiContext context)
{
    internal async ValueTask<GetBalanceResponse> HandleAsync(GetBalanceRequest request, ApiCall call)
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
            if (CallerScope.CallerOf(call).Reach == Reach.Token)
                throw ApiErrors.RoleForbidden();
            if (request.SessionToken.Length > 0)
                faults.Add("grain", "must be empty when session_token is given");
            FieldChecks.Grain(ref faults, "grain", request.Grain);
            faults.ThrowIfAny();
            tenant = context.Callers.TenantOf(call);
            query = new BalanceQuery(0, request.Grain);
            if (OwnScope.Of(call) is { } own && !await IsOwnAsync(own, tenant, request.Grain))
                throw ErrorMap.Of(Outcome.GrainNotFound);
        }

        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(tenant, query);
        return (GetBalanceResponse)answer.View!;
    }

    private async ValueTask<bool> IsOwnAsync(OwnScope own, string tenant, string grain)
    {
        if (!Names.TryParseSession(grain, out long number))
            return own.Owns(grain, await context.CatalogOfAsync(tenant));
        Answer found = await context.Host.SubmitAsync(tenant, new SessionQuery(number));
        return found.View is GetSessionResponse { Session: { } session }
            && own.Owns(session.PathOf());
    }
}
