using System.Diagnostics;
using AgentBudget.Api.Access;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>ExtendBudget: validate, change the limit, answer the grain before and after.</summary>
internal sealed class ExtendBudget(ApiContext context)
{
    internal async ValueTask<ExtendBudgetResponse> HandleAsync(ExtendBudgetRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Check(request, ref faults);
        faults.ThrowIfAny();
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(
            context.Callers.TenantOf(call), new ExtendBudgetCommand(request, actor));
        BudgetExtended extended = answer.Event!.BudgetExtended
            ?? throw new UnreachableException($"an extension is not answered by {answer.Event.FactCase}");
        return new ExtendBudgetResponse { Before = extended.Before, After = extended.After };
    }

    private static void Check(ExtendBudgetRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Grain(ref faults, "grain", request.Grain);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        FieldChecks.Money(ref faults, "amount", request.Amount, isZeroRight: false);
        FieldChecks.Money(ref faults, "limit", request.Limit, isZeroRight: true);
        FieldChecks.Count(ref faults, "limit_tokens", request.LimitTokens);
        FieldChecks.Count(ref faults, "amount_tokens", request.AmountTokens);
        if (request is { HasAmountTokens: true, AmountTokens: 0 })
            faults.Add("amount_tokens", "must be above zero");
        if (request.Window.Length > 0 && !FieldRules.IsWord(request.Window))
            faults.Add("window", "must be the name of a window such as month");
        FieldChecks.Time(ref faults, "expire_time", request.ExpireTime);
        int given = (request.Amount is null ? 0 : 1) + (request.Limit is null ? 0 : 1)
            + (request.HasAmountTokens ? 1 : 0) + (request.HasLimitTokens ? 1 : 0);
        if (given != 1)
            faults.Add("amount", "must be given, or limit, amount_tokens or limit_tokens: exactly one of them");
    }
}
