using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>AmendReservation: validate, ask the tenant, answer what its event says.</summary>
internal sealed class AmendReservation(ApiContext context)
    : SpendMethod<AmendReservationRequest, AmendReservationResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/AmendReservation");

    internal override TenantCommand Read(AmendReservationRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        // A name that no reservation of the session has is asked about like one that it could have.
        long reservation = Context.Reservations.Read(
            request.ReservationId, place.Tenant, place.Number, out bool isFormer);
        request.SessionToken = "";
        // What a former release named was held by nobody in particular, and is found for nobody in particular.
        string principal = isFormer ? "" : CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new AmendCommand(place.Number, reservation, request, principal));
    }

    internal override AmendReservationResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Amended(
            ledgerEvent, IdOf(ledgerEvent, ledgerEvent.ReservationAmended?.Reservation ?? 0, tenant), currency);

    private static void Check(AmendReservationRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Model(ref faults, request.Model, isRequired: false);
        FieldChecks.Ttl(ref faults, request.Ttl, FieldRules.HoldSecondsMax, EstimateChecks.TtlDescription);
        if (request.ReservationId.Length == 0)
            faults.Add("reservation_id", "must name the reservation to change");
        if (request.Estimate is { } estimate)
            EstimateChecks.Check(estimate, ref faults);
        else if (request.Model.Length == 0 && request.Ttl is null)
            faults.Add("estimate", "must be given, or a model, or a ttl: nothing would change");
    }
}
