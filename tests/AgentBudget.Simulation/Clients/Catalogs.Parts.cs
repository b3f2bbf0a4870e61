using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using Google.Protobuf.Collections;

namespace AgentBudget.Simulation.Clients;

// Budgets on models and of users.
internal static partial class Catalogs
{
    /// <summary>Users that a budget names, and some that none does.</summary>
    public static readonly string[] Users = ["user:kim", "user:kim", "user:lee", "user:somebody"];

    private static readonly string[] Families = ["u*", "dear", "*", "odd"];

    /// <summary>A part of an account, that may be there.</summary>
    public static string AnyPart(TenantModel tenant) => AnyAccount(tenant)
        + (tenant.Random.Coin() ? $"/models/{tenant.Random.Any(Families)}" : $"/users/{tenant.Random.Any(Users)}");

    private static void AddParts(Catalog catalog, SimRandom random)
    {
        if (random.Coin()) AddFamilies(catalog.ModelBudgets, random, 20_000);
        if (random.Coin()) catalog.UserBudgets = UserBudgetsOf(random, 20_000);
        foreach (UseCase useCase in catalog.UseCases)
        {
            if (random.Coin()) AddFamilies(useCase.ModelBudgets, random, 6_000);
            if (random.Below(3) == 0) useCase.UserBudgets = UserBudgetsOf(random, 6_000);
        }

        foreach (Agent agent in catalog.Agents)
        {
            if (random.Below(4) == 0) AddFamilies(agent.ModelBudgets, random, 9_000);
            if (random.Below(4) == 0) agent.UserBudgets = UserBudgetsOf(random, 9_000);
        }
    }

    private static void AddFamilies(RepeatedField<ModelBudget> budgets, SimRandom random, long nanosMax)
    {
        int first = random.Below(Families.Length);
        for (int i = 0; i <= random.Below(2); i++)
        {
            var budget = new ModelBudget { Models = Families[(first + i) % Families.Length] };
            budget.Budget = BudgetOf(random, nanosMax, budget.FurtherBudgets);
            if (budget.Budget is not null) budgets.Add(budget);
        }
    }

    private static UserBudgets UserBudgetsOf(SimRandom random, long nanosMax)
    {
        var budgets = new UserBudgets();
        budgets.Budget = BudgetOf(random, nanosMax, budgets.FurtherBudgets);
        if (budgets.Budget is not null && random.Coin()) return budgets;
        var named = new UserBudget { User = Users[0] };
        if (random.Below(4) > 0) named.Budget = BudgetOf(random, nanosMax, named.FurtherBudgets);
        budgets.Users.Add(named);
        return budgets;
    }
}
