using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Envoy;

/// <summary>Which limit on the path of hits is closest, and what it is in hits.</summary>
internal static class HitLimits
{
    public static async Task<HitLimit?> OfAsync(
        HitCall call, CallRefusedException? refusal, decimal? unitNanos, CancellationToken cancellation)
    {
        GetBalanceResponse balance;
        try
        {
            balance = await call.Client.GetBalanceAsync(
                new GetBalanceRequest { SessionToken = call.Spender.Token }, cancellation);
        }
        catch (AgentBudgetException)
        {
            return null; // Of a session that is over nobody reads what is left; the decision stands.
        }

        decimal price = unitNanos ?? await PriceAsync(call, cancellation);
        HitLimit? closest = null;
        foreach (GrainBalance grain in balance.Grains)
        {
            foreach (GrainBalance window in grain.Windows.Prepend(grain))
            {
                foreach (HitLimit limit in Of(grain.Grain, window, call.Target.Unit, price))
                {
                    if (closest is null || limit.Left < closest.Left) closest = limit;
                }
            }
        }

        return refusal is null ? closest : closest is null ? null : closest with { Left = 0 };
    }

    private static IEnumerable<HitLimit> Of(string grain, GrainBalance window, HitUnit unit, decimal unitNanos)
    {
        DateTimeOffset? reset = window.ResetTime?.ToDateTimeOffset();
        if (window.Available is { } left && (window.HardCap ?? window.Limit) is { } most && unitNanos > 0)
        {
            yield return new HitLimit(
                grain, window.Window, HitsOf(most, unitNanos), HitsOf(left, unitNanos), reset);
        }

        if (unit != HitUnit.Sku && window is { HasAvailableTokens: true, HasLimitTokens: true })
            yield return new HitLimit(grain, window.Window, window.LimitTokens, window.AvailableTokens, reset);
    }

    // A refusal does not say what one costs; what a session of the same model is told in a dry run does.
    private static async Task<decimal> PriceAsync(HitCall call, CancellationToken cancellation)
    {
        try
        {
            ReserveTokensRequest question = call.Request(1);
            question.DryRun = true;
            ReserveTokensResponse answer = await call.Client.ReserveAsync(question, cancellation);
            return answer.Denial?.Requested is { } requested
                ? HitCall.NanosOf(requested)
                : HitCall.UnitNanosOf(answer, 1) ?? 0;
        }
        catch (AgentBudgetException)
        {
            return 0;
        }
    }

    private static long HitsOf(Money money, decimal unitNanos)
    {
        decimal hits = decimal.Floor(HitCall.NanosOf(money) / unitNanos);
        return hits >= long.MaxValue ? long.MaxValue : (long)hits;
    }
}
