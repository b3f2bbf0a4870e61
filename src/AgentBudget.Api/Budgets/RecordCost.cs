using AgentBudget.Api.Access;
using AgentBudget.Grains;
using AgentBudget.Grains.Prices;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;

namespace AgentBudget.Api.Budgets;

/// <summary>RecordCost: validate, ask the tenant, answer what its event says.</summary>
internal sealed class RecordCost(ApiContext context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/RecordCost");

    internal async ValueTask<RecordCostResponse> HandleAsync(RecordCostRequest request, RpcCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        request.SessionToken = "";
        Answer answer = await context.SubmitAsync(place.Tenant, new RecordCostCommand(place.Number, request));
        return ReservationViews.Recorded(answer.Event!, await context.CurrencyOfAsync(place.Tenant));
    }

    private static void Check(RecordCostRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Tags(ref faults, request.Tags);
        FieldChecks.ToolArgumentsDigest(ref faults, request.ToolArgumentsDigest);
        if (!FieldRules.IsWord(request.Sku))
            faults.Add("sku", "must name a SKU or a tool, 1 to 128 printable ASCII characters without spaces");
        if (request.HasQuantity && !QuantityMath.TryToMillionths(request.Quantity, out _))
            faults.Add("quantity", "must be above 0 and at most 1,000,000,000, with at most six decimals");
    }
}
