namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// What a user of some budget or cost control reported, tried on this one: a tenant with the catalog of the report, the
/// calls of the report, and the answer that is right.
/// </summary>
/// <param name="Id">The case; a letter after it is another shape of the same kind.</param>
/// <param name="Right">The right answer, as <paramref name="Run"/> tells it.</param>
/// <param name="Catalog">The tenant's catalog without its first lines.</param>
/// <param name="Run">The calls.</param>
internal sealed record FieldCase(string Id, string Right, string Catalog, Func<FieldTenant, Task<string>> Run);

/// <summary>Catalogs of the cases: use case u with 50.00 a month, agent a, model m.</summary>
internal static class FieldCatalogs
{
    private const string Monthly = "budget: { limit: 50, period: month }";

    /// <summary>A catalog with one model.</summary>
    /// <param name="price">The price of model m.</param>
    /// <param name="more">Further lines of the catalog.</param>
    /// <param name="useCase">The budgets of use case u.</param>
    /// <param name="agent">Further keys of agent a.</param>
    /// <param name="prices">Further entries of the price book.</param>
    public static string Of(
        string price, string more = "", string useCase = Monthly, string agent = "", string prices = "") =>
        $$"""
        currency: USD
        businessUnits: [{ id: b }]
        useCases: [{ id: u, businessUnit: b, {{useCase}} }]
        agents: [{ id: a, businessUnit: b, useCases: [u], models: ["*"]{{(agent.Length > 0 ? $", {agent}" : "")}} }]
        prices: [{ model: m, {{price}} }{{(prices.Length > 0 ? $", {prices}" : "")}}]
        {{more}}
        """;
}
