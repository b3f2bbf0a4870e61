namespace AgentBudget.Silo.Tests;

internal static class Catalogs
{
    /// <summary>A million tokens cost one unit, so a thousand cost 0.001.</summary>
    public const string Small = """
        tenant: acme
        currency: USD
        budget: { limit: 1000, period: none }
        businessUnits:
          - { id: marketing, budget: { limit: 500, period: none } }
        useCases:
          - id: promo
            businessUnit: marketing
            budget:
              limit: 1.00
              period: none
              tiers: [{ at: 50, notify: [owner] }, { at: 100, action: refuse }]
        agents:
          - id: writer
            businessUnit: marketing
            useCases: [promo]
            models: [m]
            budget: { limit: 100, period: none }
            ceilings: { costPerSession: 50.00, openHolds: 10000 }
        prices:
          - { model: m, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;
}
