using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Simulation.Clients;

/// <summary>
/// Catalogs of a few accounts with small budgets, so that a run of some hundred commands comes to every limit.
/// </summary>
internal static partial class Catalogs
{
    /// <summary>A token in or out costs one nano.</summary>
    public const string Unit = "unit";

    /// <summary>A token costs several.</summary>
    public const string Dear = "dear";

    /// <summary>At the highest rate there is.</summary>
    public const string Vast = "vast";

    public static readonly string[] Models = [Unit, Unit, Dear, Dear, "odd", "dear-latest", "free", "unheard-of"];

    private const int FurtherWindowsMax = 2;

    private static readonly Period[] Periods =
    [
        Period.None, Period.Hour, Period.Day, Period.Week, Period.Month, Period.Hour, Period.Quarter, Period.Year,
        Period.Rolling,
    ];

    private static readonly string[] Windows = ["", "", "day", "week", "month", "none", "rolling:60s"];

    /// <summary>A catalog, sometimes one with a fault, sometimes not to be applied.</summary>
    public static ApplyCatalogCommand Apply(TenantModel tenant)
    {
        SimRandom random = tenant.Random;
        bool isAlike = tenant.LastCatalog is not null && random.Below(3) == 0;
        ApplyCatalogCommand apply = isAlike ? AlmostLast(tenant) : First(tenant);
        if (random.Below(30) == 0) apply.Catalog.UseCases[0].BusinessUnit = "unheard-of";
        apply.Request.Document = apply.Catalog.ToString();
        apply.Request.DryRun = random.Below(20) == 0;
        return apply;
    }

    /// <summary>A catalog without a fault.</summary>
    public static ApplyCatalogCommand First(TenantModel tenant)
    {
        Catalog catalog = Make(tenant.Name, tenant.Random);
        tenant.LastCatalog = catalog.Clone();
        return Of(tenant, catalog);
    }

    // The last catalog but for a number that was zero and is absent, or the other way round.
    private static ApplyCatalogCommand AlmostLast(TenantModel tenant)
    {
        Catalog catalog = tenant.LastCatalog!.Clone();
        Rates rates = catalog.Prices.First(price => price.Model == "odd").Rates;
        Budget? budget = catalog.UseCases[0].Budget;
        if (tenant.Random.Coin() || budget?.Limit is null)
        {
            if (rates.HasCacheRead) rates.ClearCacheRead();
            else rates.CacheRead = 0;
        }
        else if (budget.HasTokens && budget.Tokens == 0)
        {
            budget.ClearTokens();
        }
        else
        {
            budget.Tokens = 0;
        }

        tenant.LastCatalog = catalog.Clone();
        return Of(tenant, catalog);
    }

    private static ApplyCatalogCommand Of(TenantModel tenant, Catalog catalog)
    {
        var request = new ApplyCatalogRequest { RequestId = tenant.NextId(), Document = catalog.ToString() };
        return new ApplyCatalogCommand(request, catalog, [], "admin");
    }

    public static string AnyAgent(TenantModel tenant) => $"a{tenant.Random.Below(3)}";

    public static string AnyUseCase(TenantModel tenant) => $"u{tenant.Random.Below(3)}";

    public static string AnyAccount(TenantModel tenant) => tenant.Random.Below(6) switch
    {
        0 => $"tenants/{tenant.Name}",
        1 => "businessUnits/b0",
        2 => $"agents/{AnyAgent(tenant)}",
        3 => "useCases/nothing",
        _ => $"useCases/{AnyUseCase(tenant)}",
    };

    public static string AnyWindow(TenantModel tenant) => tenant.Random.Any(Windows);

    public static Money Nanos(long nanos) => new()
    {
        CurrencyCode = "USD",
        Units = nanos / 1_000_000_000,
        Nanos = (int)(nanos % 1_000_000_000),
    };

    private static Catalog Make(string tenant, SimRandom random)
    {
        var catalog = new Catalog { Tenant = tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.RefuseUnpricedItems = random.Coin();
        var tag = new TagRule { Required = random.Below(8) == 0 };
        tag.Values.Add(["k1", "k2"]);
        catalog.Tags.Add("customer", tag);
        int units = (int)random.Between(1, 2);
        for (int i = 0; i < units; i++)
        {
            var unit = new BusinessUnit { Id = $"b{i}" };
            unit.Budget = BudgetOf(random, 20_000, unit.FurtherBudgets);
            catalog.BusinessUnits.Add(unit);
        }

        int useCases = (int)random.Between(1, 3);
        for (int i = 0; i < useCases; i++) catalog.UseCases.Add(UseCaseOf(random, i, units));
        AddAgents(catalog, random, units);
        AddPrices(catalog, random);
        AddCosts(catalog, random);
        AddParts(catalog, random);
        catalog.Budget = BudgetOf(random, 30_000, catalog.FurtherBudgets);
        return catalog;
    }

    private static void AddTiers(Budget budget, SimRandom random) => budget.Tiers.Add(
    [
        new Tier { AtPercent = random.Below(50) + 10, Notify = { "owner" } },
        new Tier { AtPercent = 90, Action = TierAction.Downgrade },
        new Tier { AtPercent = random.Below(100) + 91, Action = TierAction.Refuse },
    ]);

    private static UseCase UseCaseOf(SimRandom random, int number, int units)
    {
        var useCase = new UseCase
        {
            Id = $"u{number}",
            BusinessUnit = $"b{random.Below(units)}",
            AllowWithoutCheaperModel = random.Coin(),
        };
        useCase.Budget = BudgetOf(random, 9_000, useCase.FurtherBudgets);
        if (random.Coin()) useCase.Downgrade.Add(Dear, Unit);
        if (useCase.Budget is { } budget && random.Below(4) == 0) AddTiers(budget, random);
        return useCase;
    }

    private static void AddAgents(Catalog catalog, SimRandom random, int units)
    {
        int agents = (int)random.Between(1, 3);
        for (int i = 0; i < agents; i++)
        {
            catalog.Agents.Add(AgentOf(random, i, units));
            catalog.Agents[i].UseCases.Add(
                catalog.UseCases.Select(useCase => useCase.Id).Take((int)random.Between(1, 3)));
        }

        foreach (Agent agent in catalog.Agents)
        {
            agent.Delegates = new Delegates();
            agent.Delegates.Agents.Add(
                catalog.Agents.Select(other => other.Id).Where(_ => random.Below(4) > 0).ToArray());
            agent.Delegates.UseCases.Add(
                catalog.UseCases.Select(useCase => useCase.Id).Where(_ => random.Below(4) > 0).ToArray());
        }
    }

    private static Agent AgentOf(SimRandom random, int number, int units)
    {
        var agent = new Agent
        {
            Id = $"a{number}",
            BusinessUnit = $"b{random.Below(units)}",
            Tools = { "crm.read", "search.*" },
            Models = { Unit, Dear, "odd", "free", Vast },
            SessionTtl = new Duration { Seconds = random.Spread(60, 86_400) },
        };
        agent.Budget = BudgetOf(random, 15_000, agent.FurtherBudgets);
        if (random.Below(3) == 0)
        {
            agent.Ceilings = new Ceilings
            {
                StepsPerSession = random.Spread(1, 60),
                OpenHolds = random.Spread(1, 40),
            };
        }

        if (random.Below(3) == 0) agent.Breakers = BreakersOf(random);
        if (random.Below(6) == 0)
        {
            agent.Bounds = new AgentBounds
            {
                OpenHolds = random.Spread(1, 40),
                OpenSessions = random.Spread(1, 12),
                SessionsPerMinute = random.Spread(1, 12),
            };
        }

        return agent;
    }

    private static void AddPrices(Catalog catalog, SimRandom random)
    {
        catalog.Prices.Add(PriceOf(Unit, 1_000_000, 1_000_000));
        Price dear = PriceOf(Dear, 3_000_000, 7_000_000);
        dear.Aliases.Add("dear-latest");
        if (random.Coin()) dear.BatchMultiplierPpm = 500_000;
        if (random.Coin()) dear.MaxOutputTokens = random.Spread(0, 300);
        if (random.Coin())
        {
            var rates = new Rates { Input = 5_000_000 };
            dear.LongContext = new LongContext { AboveTokens = 1500, Rates = rates };
            if (random.Coin())
            {
                var longer = new Rates { Input = 9_000_000, Output = 0 };
                dear.LongerContexts.Add(new LongContext { AboveTokens = 2200, Rates = longer });
            }
        }

        if (random.Coin()) AddUnits(dear.Units, random);
        if (random.Coin() && dear.LongContext is not null) AddUnits(dear.LongContext.Units, random);
        catalog.Prices.Add(dear);
        Price odd = PriceOf("odd", 333_333 + random.Below(3), 777_777);
        odd.Rates.CacheRead = random.Coin() ? 12_345 : 0;
        AddUnits(odd.Units, random);
        catalog.Prices.Add(odd);
        Price free = PriceOf("free", 0, 0);
        free.Rates.CacheRead = 1;
        catalog.Prices.Add(free);
        catalog.Prices.Add(PriceOf(Vast, 1_000_000_000_000_000, 1_000_000_000_000_000));
    }

    private static Breakers BreakersOf(SimRandom random)
    {
        var breakers = new Breakers();
        if (random.Coin()) breakers.Refusals = CountOf(random, timesMax: 30);
        if (random.Coin()) breakers.StepsWithoutOutcome = CountOf(random, timesMax: 30);
        if (random.Coin()) breakers.SameToolCall = CountOf(random, timesMax: 4);
        if (random.Coin()) breakers.BurnRate = new BurnBreaker { CostPerMinute = Nanos(random.Spread(1, 4000)) };
        if (random.Coin()) breakers.SuspendedSessionsOfUser = CountOf(random, timesMax: 2);
        if (random.Coin()) breakers.RefusalsOfAgent = CountOf(random, timesMax: 30);
        if (random.Coin()) breakers.BurnRateOfAgent = new BurnBreaker { CostPerMinute = Nanos(random.Spread(1, 9000)) };
        return breakers;
    }

    private static CountBreaker CountOf(SimRandom random, long timesMax) => new()
    {
        Times = random.Spread(1, timesMax),
        Mode = (BreakerMode)random.Below(3),
        Suspends = (BreakerReach)random.Below(3),
    };

    private static void AddCosts(Catalog catalog, SimRandom random)
    {
        catalog.Skus.Add(new Sku { Id = "sandbox.minute", Unit = "minute", Cost = Nanos(random.Spread(1, 900)) });
        catalog.Tools.Add(new Tool { Id = "search.web", CostPerCall = Nanos(random.Spread(1, 300)) });
    }

    // Of a name that nothing else has, of a tool's, and of every call.
    private static void AddUnits(RepeatedField<UnitRate> units, SimRandom random)
    {
        foreach (string unit in (string[])["image", "search.web", "request"])
        {
            if (random.Coin()) units.Add(new UnitRate { Unit = unit, Rate = random.Spread(0, 300_000_000) });
        }
    }

    private static Price PriceOf(string model, long input, long output) => new()
    {
        Model = model,
        EffectiveFrom = new Timestamp { Seconds = 1_700_000_000 },
        Rates = new Rates { Input = input, Output = output },
    };

    // The first window; sometimes more of other periods beside it.
    private static Budget? BudgetOf(SimRandom random, long nanosMax, RepeatedField<Budget> further)
    {
        if (random.Below(3) == 0) return null;
        int first = random.Below(Periods.Length);
        if (random.Below(4) == 0)
        {
            long windows = random.Between(1, FurtherWindowsMax);
            for (int i = 1; i <= windows; i++)
                further.Add(WindowOf(random, nanosMax, Periods[(first + i) % Periods.Length]));
        }

        return WindowOf(random, nanosMax, Periods[first]);
    }

    private static Budget WindowOf(SimRandom random, long nanosMax, Period period)
    {
        var budget = new Budget { Period = period };
        bool hasMoney = random.Below(6) > 0;
        if (hasMoney) budget.Limit = Nanos(LimitOf(random, nanosMax));
        if (!hasMoney || random.Below(4) == 0) budget.Tokens = LimitOf(random, nanosMax);
        if (period == Period.Rolling) budget.Rolling = new Duration { Seconds = random.Spread(60, 3600) };
        else if (period != Period.None && random.Below(3) == 0) budget.Rollover = RolloverOf(random, nanosMax);
        // Most runs see hours end and nothing longer.
        budget.CarryOverspend = period == Period.Hour
            || (period is not (Period.None or Period.Rolling) && random.Coin());
        if (random.Below(3) == 0) budget.Anchor = AnchorOf(random, period);
        if (hasMoney && random.Coin()) budget.AutoApprove = new AutoApproval { Limit = Nanos(random.Spread(1, 9000)) };
        return budget;
    }

    private static PeriodAnchor? AnchorOf(SimRandom random, Period period) => period switch
    {
        Period.Day => new PeriodAnchor { Minute = (int)random.Between(1, 1439) },
        Period.Week => new PeriodAnchor { Weekday = (int)random.Between(1, 7) },
        Period.Month => new PeriodAnchor { Day = (int)random.Between(1, 31) },
        Period.Year => new PeriodAnchor { Month = (int)random.Between(1, 12), Day = (int)random.Between(1, 28) },
        Period.Unspecified or Period.None or Period.Hour or Period.Quarter or Period.Rolling => null,
    };

    // Most let some calls through before they stop them; some stop the first.
    private static long LimitOf(SimRandom random, long max) =>
        random.Below(6) == 0 ? random.Spread(0, max) : random.Between(max / 2, 4 * max);

    private static Rollover RolloverOf(SimRandom random, long nanosMax)
    {
        var rollover = new Rollover();
        if (random.Coin()) rollover.Cap = Nanos(random.Spread(0, nanosMax));
        if (random.Coin()) rollover.CapTokens = random.Spread(0, nanosMax);
        return rollover;
    }
}
