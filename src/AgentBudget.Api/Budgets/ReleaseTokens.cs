using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Grains;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;

namespace AgentBudget.Api.Budgets;

/// <summary>ReleaseTokens: validate, give the hold back, answer what the event says.</summary>
internal sealed class ReleaseTokens(ApiContext context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/ReleaseTokens");

    internal async ValueTask<ReleaseTokensResponse> HandleAsync(ReleaseTokensRequest request, RpcCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason);
        if (request.ReservationId.Length == 0)
            faults.Add("reservation_id", "must name the reservation to release");
        faults.ThrowIfAny();

        if (!Names.TryParseReservation(request.ReservationId, out long reservation))
            throw ApiErrors.ReservationNotFound();
        request.SessionToken = "";
        Answer answer = await context.SubmitAsync(
            place.Tenant, new ReleaseCommand(place.Number, reservation, request));
        return ReservationViews.Released(answer.Event!, await context.CurrencyOfAsync(place.Tenant));
    }
}
