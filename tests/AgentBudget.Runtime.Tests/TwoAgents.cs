using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Runtime.Tests;

/// <summary>A tenant with two agents that work for one use case, without limits.</summary>
internal static class TwoAgents
{
    public const string Tenant = "acme";
    public const string Model = "small";

    public static Catalog Catalog()
    {
        var catalog = new Catalog { Tenant = Tenant, Currency = "USD", TimeZone = "UTC" };
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" });
        catalog.UseCases.Add(new UseCase { Id = "promo", BusinessUnit = "marketing" });
        foreach (string agent in (string[])["writer", "sibling"])
        {
            catalog.Agents.Add(new Agent
            {
                Id = agent,
                BusinessUnit = "marketing",
                UseCases = { "promo" },
                Models = { Model },
            });
        }

        catalog.Prices.Add(new Price
        {
            Model = Model,
            Provider = "any",
            EffectiveFrom = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).ToTimestamp(),
            Rates = new Rates { Input = 1_000_000_000, Output = 5_000_000_000 },
        });
        return catalog;
    }
}
