using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>RecordCost: validate, ask the tenant, answer what its event says.</summary>
internal sealed class RecordCost(ApiContext context)
    : SpendMethod<RecordCostRequest, RecordCostResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/RecordCost");

    internal override TenantCommand Read(RecordCostRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        request.SessionToken = "";
        string principal = CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new RecordCostCommand(place.Number, request, principal));
    }

    internal override RecordCostResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Recorded(ledgerEvent, currency);

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
