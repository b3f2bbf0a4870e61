using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>ReleaseTokens: validate, give the hold back, answer what the event says.</summary>
internal sealed class ReleaseTokens(ApiContext context)
    : SpendMethod<ReleaseTokensRequest, ReleaseTokensResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/ReleaseTokens");

    internal override TenantCommand Read(ReleaseTokensRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason);
        if (request.ReservationId.Length == 0)
            faults.Add("reservation_id", "must name the reservation to release");
        faults.ThrowIfAny();

        // A name that no reservation of the session has is asked about like one that it could have.
        long reservation = Context.Reservations.Read(
            request.ReservationId, place.Tenant, place.Number, out bool isFormer);
        request.SessionToken = "";
        // What a former release named was held by nobody in particular, and is found for nobody in particular.
        string principal = isFormer ? "" : CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new ReleaseCommand(place.Number, reservation, request, principal));
    }

    internal override ReleaseTokensResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Released(ledgerEvent, currency);
}
