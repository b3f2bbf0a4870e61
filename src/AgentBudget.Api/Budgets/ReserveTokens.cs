using System.Runtime.CompilerServices;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using Outcome = AgentBudget.Grains.Outcome;

namespace AgentBudget.Api.Budgets;

/// <summary>ReserveTokens: validate, ask the tenant, answer what its event says.</summary>
internal sealed class ReserveTokens(ApiContext context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/ReserveTokens");

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<ReserveTokensResponse> HandleAsync(ReserveTokensRequest request, RpcCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        // A retry may come with a renewed token, and no token belongs into the ledger.
        request.SessionToken = "";
        try
        {
            Answer answer = await context.Host.SubmitAsync(place.Tenant, new ReserveCommand(place.Number, request));
            if (answer.Outcome != Outcome.Done)
                throw ErrorMap.Of(answer.Outcome, answer.Faults);
            return ReservationViews.Reserved(answer.Event!, await context.CurrencyOfAsync(place.Tenant));
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }

    private static void Check(ReserveTokensRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        bool isModelCall = !EstimateChecks.IsOfItemsAlone(request.Estimate);
        FieldChecks.Model(ref faults, request.Model, isRequired: isModelCall);
        FieldChecks.Tool(ref faults, request.Tool);
        FieldChecks.ToolArgumentsDigest(ref faults, request.ToolArgumentsDigest);
        FieldChecks.Tags(ref faults, request.Tags);
        FieldChecks.Ttl(ref faults, request.Ttl, FieldRules.HoldSecondsMax, EstimateChecks.TtlDescription);
        if (request.OnExpiry is < OnExpiry.Unspecified or > OnExpiry.Charge)
            FieldChecks.Defined(ref faults, "on_expiry", request.OnExpiry);
        if (request.ServiceTier is < ServiceTier.Unspecified or > ServiceTier.Flex)
            FieldChecks.Defined(ref faults, "service_tier", request.ServiceTier);
        if (request.Region.Length > 0)
            FieldChecks.Region(ref faults, request.Region);
        if (request.Estimate is { } estimate)
            EstimateChecks.Check(estimate, ref faults);
        else
            faults.Add("estimate", "must say what the call can use");
    }
}
