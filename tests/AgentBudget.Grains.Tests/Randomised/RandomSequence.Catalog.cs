using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace AgentBudget.Grains.Tests.Randomised;

// The catalog of a sequence, given to the ledger and to the naive one.
internal sealed partial class RandomSequence
{
    private Catalog MakeCatalog()
    {
        var catalog =
            new Catalog { Tenant = "acme", Currency = "USD", TimeZone = "UTC", Budget = MakeBudget("tenants/acme") };
        foreach (string unit in new[] { "north", "south" })
            catalog.BusinessUnits.Add(new BusinessUnit { Id = unit, Budget = MakeBudget($"businessUnits/{unit}") });
        AddUseCase("first", "north", new() { [Big] = Small });
        AddUseCase("second", "south", []);
        AddUseCase("third", "north", new() { [Big] = Unit, [Small] = Unit });
        AddAgent("all", [Big, Small, Unit], ["crm.read"]);
        AddAgent("few", [Big, Unit], []);
        AddPrice(Big, 3_000_000_001, 15_000_000_007);
        AddPrice(Small, 1_000_500_000, 5_000_500_000);
        AddPrice(Unit, 1_000_000, 1_000_000);
        catalog.Skus.Add(new Sku { Id = "minute", Cost = Nanos(20_001) });
        catalog.Tools.Add(new Tool { Id = "crm.read", CostPerCall = Nanos(3001) });
        catalog.Tools.Add(new Tool { Id = "billing.pay", CostPerCall = Nanos(1) });
        foreach (Sku sku in catalog.Skus) _naive.Units[sku.Id] = (sku.Cost.Nanos, false);
        foreach (Tool tool in catalog.Tools) _naive.Units[tool.Id] = (tool.CostPerCall.Nanos, true);
        return catalog;

        void AddUseCase(string id, string unit, Dictionary<string, string> downgrade)
        {
            bool allows = _random.Next(2) == 0;
            var useCase = new UseCase { Id = id, BusinessUnit = unit, AllowWithoutCheaperModel = allows };
            useCase.Budget = MakeBudget($"useCases/{id}", isUseCase: true);
            useCase.Downgrade.Add(downgrade);
            catalog.UseCases.Add(useCase);
            _naive.UseCases[$"useCases/{id}"] =
                new NaiveUseCase($"useCases/{id}", $"businessUnits/{unit}", downgrade, allows);
        }

        void AddAgent(string id, string[] models, string[] tools)
        {
            var agent = new Agent { Id = id, BusinessUnit = "north", Budget = MakeBudget($"agents/{id}") };
            agent.UseCases.Add(["first", "second", "third"]);
            agent.Models.Add(models);
            agent.Tools.Add(tools);
            agent.SessionTtl = new Duration { Seconds = 7200 };
            agent.SessionLifetime = new Duration { Seconds = 9000 };
            agent.Ceilings = new Ceilings { OpenHolds = 6, TokensPerRequest = _tokensPerRequest };
            agent.Ceilings.StepsPerSession = _random.Next(3, 60);
            agent.Ceilings.ToolCallsPerSession = _random.Next(0, 6);
            agent.Ceilings.Run = MakeRun();
            (agent.Breakers, NaiveBreakers? breakers) = MakeBreakers();
            catalog.Agents.Add(agent);
            _naive.Agents[$"agents/{id}"] =
                new NaiveAgent($"agents/{id}", models, tools, 7200 * NaiveLedger.Second, 9000 * NaiveLedger.Second)
                {
                    OpenHolds = 6,
                    TokensPerRequest = _tokensPerRequest,
                    Steps = (int)agent.Ceilings.StepsPerSession,
                    ToolCalls = (int)agent.Ceilings.ToolCallsPerSession,
                    Breakers = breakers,
                    RunCost = agent.Ceilings.Run.Cost?.Nanos,
                    Subagents = agent.Ceilings.Run.HasSubagents ? (int)agent.Ceilings.Run.Subagents : null,
                    ConcurrentSubagents = agent.Ceilings.Run.HasConcurrentSubagents
                        ? (int)agent.Ceilings.Run.ConcurrentSubagents
                        : null,
                    Depth = agent.Ceilings.Run.HasDepth ? (int)agent.Ceilings.Run.Depth : null,
                };
        }

        void AddPrice(string model, long input, long output)
        {
            catalog.Prices.Add(new Price
            {
                Model = model,
                EffectiveFrom = new Timestamp(),
                Rates = new Rates { Input = input, Output = output },
            });
            _naive.Rates[model] = (input, output);
        }
    }

    private (Breakers? Given, NaiveBreakers? Naive) MakeBreakers()
    {
        if (_random.Next(2) == 0) return (null, null);
        var given = new Breakers
        {
            SameToolCall = MakeBreaker(4, out NaiveBreaker? same),
            StepsWithoutOutcome = MakeBreaker(10, out NaiveBreaker? steps),
            Refusals = MakeBreaker(4, out NaiveBreaker? refusals),
        };
        NaiveBreaker? burn = null;
        if (MakeBreaker(200, out NaiveBreaker? rate) is { } counts)
        {
            burn = rate! with { Limit = rate.Limit * 1000 };
            given.BurnRate = new BurnBreaker
            {
                CostPerMinute = Nanos((int)burn.Limit),
                Mode = counts.Mode,
                Suspends = counts.Suspends,
            };
        }

        bool isEmpty = same is null && burn is null && steps is null && refusals is null;
        return (given, isEmpty ? null : new NaiveBreakers(same, burn, steps, refusals));
    }

    private CountBreaker? MakeBreaker(int timesMax, out NaiveBreaker? naive)
    {
        naive = null;
        if (_random.Next(2) == 0) return null;
        var breaker = new CountBreaker
        {
            Times = _random.Next(1, timesMax),
            Mode = Pick([BreakerMode.Unspecified, BreakerMode.Observe, BreakerMode.Enforce]),
            Suspends = Pick([BreakerReach.Unspecified, BreakerReach.Session, BreakerReach.Run]),
        };
        naive = new NaiveBreaker(
            breaker.Times, breaker.Mode != BreakerMode.Observe, breaker.Suspends == BreakerReach.Run);
        return breaker;
    }

    private RunCeilings MakeRun()
    {
        var run = new RunCeilings();
        if (_random.Next(3) == 0) run.Cost = Nanos(_random.Next(0, 200_000));
        if (_random.Next(3) == 0) run.Subagents = _random.Next(1, 6);
        if (_random.Next(3) == 0) run.ConcurrentSubagents = _random.Next(1, 4);
        if (_random.Next(3) == 0) run.Depth = _random.Next(0, 4);
        return run;
    }

    private Protocol.V1.Budget? MakeBudget(string name, bool isUseCase = false)
    {
        var grain = new NaiveGrain(name);
        _naive.Grains.Add(name, grain);
        if (_random.Next(3) == 0) return null;
        var budget = new Protocol.V1.Budget { Period = _random.Next(2) == 0 ? Period.Day : Period.None };
        if (_random.Next(3) > 0) budget.Limit = Nanos(_random.Next(0, 600_000));
        if (_random.Next(3) > 0 || budget.Limit is null) budget.Tokens = _random.Next(0, 1200);
        grain.CatalogNanos = budget.Limit?.Nanos;
        grain.CatalogTokens = budget.HasTokens ? budget.Tokens : null;
        grain.IsDaily = budget.Period == Period.Day;
        grain.Tiers = [(50, ["owner"]), (80, ["owner", "finance"])];
        if (isUseCase) (grain.SoftPercent, grain.HardPercent) = (100, 110);
        if (_random.Next(3) > 0) return budget;
        budget.Tiers.Add(new Tier { AtPercent = 30, Notify = { "owner" } });
        budget.Tiers.Add(new Tier { AtPercent = 60, Action = TierAction.Downgrade });
        budget.Tiers.Add(new Tier { AtPercent = 95, Action = TierAction.Refuse, Notify = { "finance" } });
        grain.Tiers = [(30, ["owner"]), (60, []), (95, ["finance"])];
        (grain.SoftPercent, grain.HardPercent) = (60, 95);
        return budget;
    }
}
