using System.Diagnostics;
using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>ListDisputes and DecideDispute: usage that nobody believes until finance says so.</summary>
internal sealed class Disputes(ApiContext context)
{
    internal async ValueTask<ListDisputesResponse> ListAsync(ListDisputesRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.PageSize(ref faults, request.PageSize);
        bool isPage = request.PageToken.Length == 0
            || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out long page)
                && page > 0);
        if (!isPage)
            faults.Add("page_token", "must be the next_page_token of the page before");
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(context.Callers.TenantOf(call), new DisputesQuery(request));
        return (ListDisputesResponse)answer.View!;
    }

    internal async ValueTask<DecideDisputeResponse> DecideAsync(DecideDisputeRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        if (request.Dispute.Length == 0)
            faults.Add("dispute", "must name the dispute to decide");
        if (request.Decision is not (DisputeDecision.Confirmed or DisputeDecision.Dismissed))
            faults.Add("decision", "must be DISPUTE_DECISION_CONFIRMED or DISPUTE_DECISION_DISMISSED");
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(tenant, new DecideDisputeCommand(request, actor));
        LedgerEvent ledgerEvent = answer.Event!;
        DisputeDecided decided = ledgerEvent.DisputeDecided
            ?? throw new UnreachableException($"a decision is not answered by {ledgerEvent.FactCase}");
        string currency = await context.CurrencyOfAsync(tenant);
        return new DecideDisputeResponse
        {
            Decision = decided.Decision,
            TiersCrossed = { decided.TiersCrossed },
            Dispute = new Dispute
            {
                Dispute_ = Names.Dispute(decided.Dispute),
                Session = ledgerEvent.Spender.Session,
                Agent = ledgerEvent.Spender.Agent,
                UseCase = ledgerEvent.Spender.UseCase,
                BusinessUnit = ledgerEvent.Spender.BusinessUnit,
                OnBehalfOf = ledgerEvent.Spender.OnBehalfOf,
                Model = decided.Model,
                Tool = decided.Tool,
                Usage = decided.Usage,
                Disputed = ReservationViews.AmountOf(decided.Tokens, decided.CostNanos, currency),
                Time = decided.SettleTime,
            },
        };
    }
}
