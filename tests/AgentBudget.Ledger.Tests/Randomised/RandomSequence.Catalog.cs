using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace AgentBudget.Ledger.Tests.Randomised;

// The catalog of a sequence, given to the ledger and to the naive one.
internal sealed partial class RandomSequence
{
    private const string Rolling = "rolling:1000s";
    private static readonly string[] Windows = ["none", "day", "week", Rolling];

    private Catalog MakeCatalog()
    {
        var catalog = new Catalog { Tenant = "acme", Currency = "USD", TimeZone = "UTC" };
        catalog.Budget = MakeBudget("tenants/acme", catalog.FurtherBudgets);
        foreach (string unit in new[] { "north", "south" })
        {
            var businessUnit = new BusinessUnit { Id = unit };
            businessUnit.Budget = MakeBudget($"businessUnits/{unit}", businessUnit.FurtherBudgets);
            catalog.BusinessUnits.Add(businessUnit);
        }

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
            useCase.Budget = MakeBudget($"useCases/{id}", useCase.FurtherBudgets, isUseCase: true);
            useCase.Downgrade.Add(downgrade);
            catalog.UseCases.Add(useCase);
            _naive.UseCases[$"useCases/{id}"] =
                new NaiveUseCase($"useCases/{id}", $"businessUnits/{unit}", downgrade, allows);
        }

        void AddAgent(string id, string[] models, string[] tools)
        {
            var agent = new Agent { Id = id, BusinessUnit = "north" };
            agent.Budget = MakeBudget($"agents/{id}", agent.FurtherBudgets);
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
            agent.Delegates = new Delegates { Agents = { "all", "few" }, UseCases = { "first", "second", "third" } };
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
            SuspendedSessions = new CountBreaker { Times = 1_000_000 }, // Tests of its own are about it.
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

    private Protocol.V1.Budget? MakeBudget(
        string name, RepeatedField<Protocol.V1.Budget> further, bool isUseCase = false)
    {
        var account = new NaiveAccount(name);
        _naive.Accounts.Add(name, account);
        if (_random.Next(3) == 0) return null;
        string[] windows = [.. Windows];
        _random.Shuffle(windows);
        foreach (string window in windows[1..(1 + (_random.Next(3) == 0 ? _random.Next(1, 3) : 0))])
        {
            var beside = new NaiveAccount(name);
            further.Add(MakeWindow(beside, window, isUseCase));
            account.Further.Add(beside);
        }

        return MakeWindow(account, windows[0], isUseCase);
    }

    // An agent's further windows go, or there is a new one, which counts since its period began.
    private void ChangeWindows(Agent agent, NaiveAccount naive)
    {
        naive.Further.Clear();
        bool hadSome = agent.FurtherBudgets.Count > 0;
        agent.FurtherBudgets.Clear();
        if (hadSome) return;
        // A rolling one counts in other steps than this model has.
        string window = Pick(Windows.Where(name => name != naive.Window && name != Rolling).ToList());
        var beside = new NaiveAccount(naive.Name);
        agent.FurtherBudgets.Add(MakeWindow(beside, window, isUseCase: false));
        beside.PeriodEnd = NaiveLedger.NextEnd(beside, Math.Max(_now, _naive.LogTime));
        beside.FirstCharge = _naive.FirstChargeOf(beside);
        naive.Further.Add(beside);
    }

    private Protocol.V1.Budget MakeWindow(NaiveAccount account, string window, bool isUseCase)
    {
        Protocol.V1.Budget budget = MakePeriod(account, window);
        if (_random.Next(3) > 0) budget.Limit = Nanos(_random.Next(0, 600_000));
        if (_random.Next(3) > 0 || budget.Limit is null) budget.Tokens = _random.Next(0, 1200);
        account.CatalogNanos = budget.Limit?.Nanos;
        account.CatalogTokens = budget.HasTokens ? budget.Tokens : null;
        account.Tiers = [(50, ["owner"]), (80, ["owner", "finance"])];
        if (isUseCase) (account.SoftPercent, account.HardPercent) = (100, 110);
        if (_random.Next(3) > 0) return budget;
        budget.Tiers.Add(new Tier { AtPercent = 30, Notify = { "owner" } });
        budget.Tiers.Add(new Tier { AtPercent = 60, Action = TierAction.Downgrade });
        budget.Tiers.Add(new Tier { AtPercent = 95, Action = TierAction.Refuse, Notify = { "finance" } });
        account.Tiers = [(30, ["owner"]), (60, []), (95, ["finance"])];
        (account.SoftPercent, account.HardPercent) = (60, 95);
        return budget;
    }

    private Protocol.V1.Budget MakePeriod(NaiveAccount account, string window)
    {
        account.Window = window;
        if (window == Rolling)
        {
            account.Step = ((1000 * NaiveLedger.Second) + 23) / 24; // Rounded up.
            return new() { Period = Period.Rolling, Rolling = new Duration { Seconds = 1000 } };
        }

        var budget = new Protocol.V1.Budget { Period = System.Enum.Parse<Period>(window, ignoreCase: true) };
        account.IsCarried = window != "none" && _random.Next(2) == 0;
        if (!account.IsCarried) return budget;
        budget.Rollover = new Rollover();
        if (_random.Next(2) == 0)
        {
            budget.Rollover.Cap = Nanos(_random.Next(0, 300_000));
            account.CarryCapNanos = budget.Rollover.Cap.Nanos;
        }

        if (_random.Next(2) > 0) return budget;
        budget.Rollover.CapTokens = _random.Next(0, 600);
        account.CarryCapTokens = budget.Rollover.CapTokens;
        return budget;
    }
}
