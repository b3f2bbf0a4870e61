using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// What a hold was priced with and for: the same for most holds of a session, which share one.
/// </summary>
/// <param name="Model">The model; empty for items alone.</param>
/// <param name="Book">Where its prices are, frozen.</param>
/// <param name="ServiceTier">The price list.</param>
/// <param name="Tool">The tool on whose behalf it is made; empty for none.</param>
/// <param name="Region">Where it is served; empty where that is not said.</param>
/// <param name="Principal">Who holds it; empty where a former release did not say.</param>
internal sealed record HoldTerms(
    string Model, PriceBook Book, ServiceTier ServiceTier, string Tool, string Region, string Principal)
{
    public bool Are(
        string model, PriceBook book, ServiceTier serviceTier, string tool, string region, string principal) =>
        Model == model && ReferenceEquals(Book, book) && ServiceTier == serviceTier && Tool == tool
        && Region == region && Principal == principal;
}
