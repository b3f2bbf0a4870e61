using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Makes an estimate whole that does not say the most output of its call: the model's own is held, because a call
/// without a maximum can use all of it.
/// </summary>
internal static class WholeEstimate
{
    /// <summary>
    /// The estimate with a maximum output; itself where it has one or needs none. False where nobody knows it.
    /// </summary>
    public static bool TryMake(TenantLedger ledger, in Call call, ref TokenEstimate estimate)
    {
        bool isOfItemsAlone = call.Tokens.Total == 0 && call.Items.Count > 0;
        if (estimate.HasMaxOutputTokens || call.Model.Length == 0 || isOfItemsAlone) return true;
        PriceEntry? price = ledger.Catalog.Book.Find(call.Model, call.Region, call.ServiceTier, ledger.Now);
        // A model that is not known is refused for that.
        if (price is null || !price.PaysOutput) return true;
        if (price.MaxOutputTokens is not { } most) return false;
        // The request stays as it came: asked again, it is the same.
        estimate = estimate.Clone();
        estimate.MaxOutputTokens = most;
        return true;
    }

    /// <summary>The answer where nobody knows the most output.</summary>
    public static Answer Incomplete(string model) => new(
        Outcome.EstimateIncomplete,
        Faults:
        [
            new Fault(
                "estimate.max_output_tokens", $"must be given: the catalog has no maxOutputTokens of {model}"),
        ]);
}
