using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using static AgentBudget.Audit.Tests.AuditedLedger;

namespace AgentBudget.Audit.Tests;

// Budgets on models and of users.
internal sealed partial class RandomLedger
{
    private static readonly string[] Families = ["*", Sonnet, "s*", "flash"];
    private static readonly string[] Users = ["user:kim", "user:kim", "user:lee", "user:max"];

    // A property: what it is made of may be initialized later.
    private static string[] Parts =>
    [
        Promo + "/models/s*", Promo + "/users/user:kim", "tenants/acme/models/*", "tenants/acme/users/user:lee",
        Writer + "/users/user:kim", Writer + "/models/sonnet",
    ];

    private static void VaryHours(Catalog catalog, Random random)
    {
        if (random.Next(2) == 0)
        {
            catalog.RegionalMultipliers.Add(
            [
                new RegionalMultiplier { Region = "eu", Models = "h*", MultiplierPpm = random.Next(2_000_000) },
                new RegionalMultiplier { Region = "eu", Models = "*", MultiplierPpm = 1_100_000 },
            ]);
        }

        foreach (Price price in catalog.Prices.Where(_ => random.Next(2) == 0))
        {
            price.Hours = new PriceHours { TimeZone = random.Next(2) == 0 ? "Asia/Kathmandu" : "America/New_York" };
            price.Hours.Spans.Add(new PriceSpan
            {
                Weekdays = { 1, 3, 4, 7 },
                FromMinute = random.Next(0, 1440),
                ToMinute = random.Next(1, 1441),
                MultiplierPpm = random.Next(0, 3_000_000),
            });
            if (random.Next(2) == 0) price.Hours.Spans[0].Rates = new Rates { Input = random.Next(1, 2_000_000) };
        }
    }

    private static void VaryParts(Catalog catalog, Random random)
    {
        Vary(catalog.ModelBudgets, 300);
        catalog.UserBudgets = UsersOf(200);
        Vary(catalog.BusinessUnits[0].ModelBudgets, 200);
        foreach (UseCase useCase in catalog.UseCases)
        {
            Vary(useCase.ModelBudgets, 60);
            useCase.UserBudgets = UsersOf(60);
        }

        foreach (Agent agent in catalog.Agents)
        {
            agent.ModelBudgets.Clear();
            Vary(agent.ModelBudgets, 100);
            agent.UserBudgets = UsersOf(100);
        }

        void Vary(RepeatedField<ModelBudget> budgets, int cents)
        {
            for (int first = random.Next(Families.Length), place = random.Next(-1, 2); place >= 0; place--)
            {
                var budget = new ModelBudget { Models = Families[(first + place) % Families.Length] };
                budget.Budget = BudgetOf(random, cents, budget.FurtherBudgets);
                budgets.Add(budget);
            }
        }

        UserBudgets? UsersOf(int cents)
        {
            if (random.Next(2) == 0) return null;
            var budgets = new UserBudgets();
            budgets.Budget = BudgetOf(random, cents, budgets.FurtherBudgets);
            if (random.Next(2) == 0) return budgets;
            var named = new UserBudget { User = Users[0] };
            if (random.Next(3) > 0) named.Budget = BudgetOf(random, cents, named.FurtherBudgets);
            budgets.Users.Add(named);
            return budgets;
        }
    }
}
