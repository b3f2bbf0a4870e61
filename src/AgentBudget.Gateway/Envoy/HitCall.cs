using AgentBudget.Client;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Envoy;

/// <summary>Hits of one target, as holds and commits say them.</summary>
/// <param name="Client">Calls as whoever asks.</param>
/// <param name="Target">Where they are counted.</param>
/// <param name="Rule">How.</param>
/// <param name="Spender">In which session.</param>
internal sealed record HitCall(AgentBudgetClient Client, HitTarget Target, EnvoyRuleModel Rule, SessionUse Spender)
{
    /// <summary>Holds for so many.</summary>
    public ReserveTokensRequest Request(long hits)
    {
        // What is not said of output would be the model's greatest.
        TokenEstimate estimate = new() { MaxOutputTokens = 0 };
        switch (Target.Unit)
        {
            case HitUnit.Tokens or HitUnit.OutputTokens:
                estimate.MaxOutputTokens = hits;
                break;
            case HitUnit.InputTokens:
                estimate.InputTokens = hits;
                break;
            case HitUnit.Sku:
                estimate.Items.Add(new CountedItem { Sku = Target.Sku, Count = hits });
                break;
        }

        return new ReserveTokensRequest { SessionToken = Spender.Token, Model = Target.Model, Estimate = estimate };
    }

    /// <summary>Settles so many.</summary>
    public CommitTokensRequest Usage(long hits)
    {
        TokenUsage usage = new();
        switch (Target.Unit)
        {
            case HitUnit.Tokens or HitUnit.OutputTokens:
                usage.OutputTokens = hits;
                break;
            case HitUnit.InputTokens:
                usage.InputTokens = hits;
                break;
            case HitUnit.Sku:
                usage.Items.Add(new CountedItem { Sku = Target.Sku, Count = hits });
                break;
        }

        // Envoy's call ran on this model, also where the budget would have allowed a cheaper one only.
        return new CommitTokensRequest { Usage = usage, Model = Target.Model };
    }

    /// <summary>What one costs; null where nothing was held.</summary>
    public static decimal? UnitNanosOf(ReserveTokensResponse answer, long hits) =>
        answer.Reservation?.Cost is { } cost ? NanosOf(cost) / hits : null;

    /// <summary>Money in billionths, which is more than 64 bits can be.</summary>
    public static decimal NanosOf(Money money) => (money.Units * 1_000_000_000m) + money.Nanos;
}
