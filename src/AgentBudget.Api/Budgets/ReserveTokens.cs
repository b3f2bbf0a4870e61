using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>ReserveTokens: validate, ask the tenant, answer what its event says.</summary>
internal sealed class ReserveTokens(ApiContext context)
    : SpendMethod<ReserveTokensRequest, ReserveTokensResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/ReserveTokens");

    internal override TenantCommand Read(ReserveTokensRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        // A retry may come with a renewed token, and no token belongs into the ledger.
        request.SessionToken = "";
        string principal = CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new ReserveCommand(place.Number, request, principal));
    }

    internal override ReserveTokensResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Reserved(
            ledgerEvent,
            IdOf(ledgerEvent, ledgerEvent.ReservationHeld is null ? 0 : ledgerEvent.Sequence, tenant),
            currency);

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
