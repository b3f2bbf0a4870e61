using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Clients;

// Patches of single entries.
internal static partial class Catalogs
{
    /// <summary>A patch of whatever is in force, or of a version that was; sometimes one that cannot be.</summary>
    public static PatchCatalogCommand Patch(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        var put = new Catalog();
        string[] remove = [];
        switch (random.Below(5))
        {
            case 0:
                UseCase useCase = UseCaseOf(random, random.Below(3), units: 1);
                if (random.Below(3) == 0) AddFamilies(useCase.ModelBudgets, random, 6_000);
                if (random.Below(3) == 0) useCase.UserBudgets = UserBudgetsOf(random, 6_000);
                put.UseCases.Add(useCase);
                break;
            case 1:
                put.Prices.Add(PriceOf("odd", 333_333 + random.Below(3), 777_777));
                break;
            case 2:
                put.Agents.Add(AnyAgentOf(random));
                remove = [$"useCases/u{random.Below(3)}"];
                break;
            default:
                put.Agents.Add(AnyAgentOf(random));
                remove = random.Coin() ? [] : [$"agents/a{random.Below(3)}"];
                break;
        }

        var request = new PatchCatalogRequest
        {
            RequestId = tenant.NextId(),
            Document = $"{put} {string.Join(' ', remove)}",
            DryRun = random.Below(20) == 0,
        };
        if (random.Below(3) == 0) request.BaseVersion = Math.Max(0, tenant.CatalogVersion - random.Below(2));
        return new PatchCatalogCommand(request, put, remove, [], "admin");
    }

    private static Agent AnyAgentOf(SimRandom random)
    {
        Agent agent = AgentOf(random, random.Below(3), units: 1);
        agent.UseCases.Add("u0");
        agent.Delegates = new Delegates { Agents = { agent.Id }, UseCases = { "u0" } };
        if (random.Below(4) == 0) AddFamilies(agent.ModelBudgets, random, 9_000);
        if (random.Below(4) == 0) agent.UserBudgets = UserBudgetsOf(random, 9_000);
        return agent;
    }
}
