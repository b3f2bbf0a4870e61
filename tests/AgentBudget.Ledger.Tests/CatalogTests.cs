using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Kind = AgentBudget.Protocol.V1.CatalogChange.Types.Kind;

namespace AgentBudget.Ledger.Tests;

public sealed class CatalogTests
{
    [Fact]
    public void A_tenant_without_a_catalog_is_not_found()
    {
        var ledger = new TenantLedger("acme");
        var events = new List<LedgerEvent>();

        Answer answer = ledger.Handle(new CatalogQuery(), 1, events);

        Assert.Equal(Outcome.TenantNotFound, answer.Outcome);
        Assert.Empty(events);
        Assert.Equal(0, ledger.Sequence);
    }

    [Fact]
    public void A_first_catalog_adds_everything_that_it_names()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Tags["customer"] = new TagRule();
            catalog.Tools.Add(new Tool { Id = "crm.read", CostPerCall = Catalogs.Dollars(0.01m) });
            catalog.Skus.Add(new Sku { Id = "sandbox.minute", Unit = "minute", Cost = Catalogs.Dollars(0.01m) });
        });

        CatalogApplied applied = fixture.Journal[0].CatalogApplied;

        Assert.All(applied.Changes, change => Assert.Equal(Kind.Added, change.Kind));
        Assert.Equal(
            [
                "tenants/acme", "tags/customer", "businessUnits/marketing", "useCases/promo", "agents/writer",
                "tools/crm.read", "prices/claude-sonnet-4-5@2026-01-01T00:00:00Z",
                "prices/claude-haiku-4-5@2026-01-01T00:00:00Z", "skus/sandbox.minute",
            ],
            applied.Changes.Select(change => change.Item));
    }

    [Fact]
    public void A_catalog_applied_twice_changes_nothing()
    {
        var fixture = new LedgerFixture();
        byte[] before = fixture.Ledger.Snapshot();

        Answer again = fixture.Change(_ => { });

        Assert.Equal(Outcome.Done, again.Outcome);
        Assert.Equal(0, again.Event!.Sequence);
        Assert.Empty(again.Event.CatalogApplied.Changes);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_change_is_told_item_by_item()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog =>
        {
            catalog.TimeZone = "UTC";
            catalog.UseCases[0].Class = "other";
            catalog.BusinessUnits.Add(new BusinessUnit { Id = "supply" });
            catalog.Agents.Clear();
        });

        Assert.Equal(
            [
                (Kind.Changed, "tenants/acme"), (Kind.Added, "businessUnits/supply"),
                (Kind.Changed, "useCases/promo"), (Kind.Removed, "agents/writer"),
            ],
            answer.Event!.CatalogApplied.Changes.Select(change => (change.Kind, change.Item)));
    }

    [Fact]
    public void A_dry_run_says_what_would_change_and_changes_nothing()
    {
        var fixture = new LedgerFixture();
        byte[] before = fixture.Ledger.Snapshot();

        Answer dry = fixture.Change(catalog => catalog.UseCases[0].Class = "other", request => request.DryRun = true);

        Assert.Equal(0, dry.Event!.Sequence);
        Assert.Equal("useCases/promo", Assert.Single(dry.Event.CatalogApplied.Changes).Item);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void Usage_survives_every_change_of_the_catalog()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        long reservation = fixture.Hold(session);

        fixture.Change(catalog =>
        {
            catalog.TimeZone = "UTC";
            catalog.UseCases[0].Budget = new Protocol.V1.Budget { Tokens = 1_000_000 };
            catalog.Prices.RemoveAt(1);
            catalog.Agents[0].Models.Remove(LedgerFixture.Haiku);
            catalog.UseCases[0].Downgrade.Clear();
        });
        fixture.Restart();

        Assert.All(fixture.Path(session), account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Settled)));
        Assert.All(fixture.Path(session), account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Held)));
        Assert.Equal(6_000_000, fixture.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void The_document_is_answered_as_it_was_applied()
    {
        var fixture = new LedgerFixture();
        fixture.Change(catalog => catalog.UseCases[0].Class = "other", request =>
        {
            request.Document = "# mine\ntenant: acme\n";
            request.Format = CatalogFormat.Json;
        });

        var view = (GetCatalogResponse)fixture.Send(new CatalogQuery()).View!;

        Assert.Equal("# mine\ntenant: acme\n", view.Document);
        Assert.Equal(CatalogFormat.Json, view.Format);
        Assert.Equal("other", view.Catalog.UseCases[0].Class);
    }

    [Fact]
    public void Removing_what_open_sessions_or_holds_refer_to_is_refused_and_named()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Hold(session);
        static void RemoveAll(Catalog catalog)
        {
            catalog.Agents.Clear();
            catalog.UseCases.Clear();
            catalog.BusinessUnits.Clear();
        }

        Answer open = fixture.Change(RemoveAll);
        fixture.End(session);
        Answer held = fixture.Change(RemoveAll);

        Assert.Equal(Outcome.CatalogInUse, open.Outcome);
        Assert.Equal(
            ["agents/writer", "businessUnits/marketing", "useCases/promo"], open.Faults!.Select(fault => fault.Field));
        Assert.All(
            open.Faults!,
            fault => Assert.Contains($"sessions/s{session}", fault.Description, StringComparison.Ordinal));
        Assert.All(open.Faults!, fault => Assert.Contains("1 open holds", fault.Description, StringComparison.Ordinal));
        Assert.Equal(Outcome.CatalogInUse, held.Outcome);
        fixture.Advance(30 * LedgerFixture.Second);
        Assert.Equal(Outcome.Done, fixture.Change(RemoveAll).Outcome);
    }

    [Fact]
    public void What_is_in_use_is_counted_beyond_the_first_three()
    {
        var fixture = new LedgerFixture();
        for (int count = 0; count < 5; count++) fixture.Open();

        Answer answer = fixture.Change(catalog => catalog.Agents.Clear());

        Fault fault = Assert.Single(answer.Faults!);
        Assert.Contains("5 sessions", fault.Description, StringComparison.Ordinal);
        Assert.Contains("and 2 more", fault.Description, StringComparison.Ordinal);
    }

    [Fact]
    public void A_removed_account_leaves_when_its_last_session_is_forgotten_and_takes_late_commits_until_then()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);
        fixture.Change(catalog => catalog.Agents.Clear());
        fixture.Restart();

        fixture.Commit(session, reservation, 1000, 1000);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        Assert.Equal(Outcome.AgentNotFound, fixture.TryOpen().Outcome);
        fixture.Advance(30 * LedgerFixture.Day);
        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, "agents/writer")).Outcome);
    }

    [Fact]
    public void An_account_that_comes_back_before_it_was_forgotten_keeps_its_usage()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.End(session);
        Agent agent = Catalogs.Acme().Agents[0];
        fixture.Change(catalog => catalog.Agents.Clear());
        fixture.Restart();

        fixture.Change(catalog => catalog.Agents.Add(agent));

        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        fixture.Hold(fixture.Open());
    }

    [Fact]
    public void A_closed_session_of_a_removed_agent_looks_the_same_after_a_restart()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Change(catalog => catalog.Agents[0].Ceilings = new Ceilings { StepsPerSession = 3 });
        fixture.End(session);
        fixture.Change(catalog => catalog.Agents.Clear());
        Session before = fixture.Session(session);

        fixture.Restart();

        Assert.Equal(before, fixture.Session(session));
    }

    [Fact]
    public void A_catalog_names_the_tenant_that_it_is_applied_to()
    {
        var fixture = new LedgerFixture();

        foreach (string name in (string[])["", "other"])
        {
            Answer answer = fixture.Change(catalog => catalog.Tenant = name);
            Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
            Assert.Equal("tenant", Assert.Single(answer.Faults!).Field);
        }
    }

    [Fact]
    public void A_tenant_keeps_its_currency_for_ever()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget = null);

        Answer answer = fixture.Change(catalog => catalog.Currency = "EUR");

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal("currency", Assert.Single(answer.Faults!).Field);
    }

    [Fact]
    public void A_catalog_of_another_tenant_is_a_fault()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Tenant = "umbrella");

        Assert.Equal("tenant", Assert.Single(answer.Faults!).Field);
    }

    [Fact]
    public void A_catalog_with_faults_is_refused_whole_and_every_fault_is_named()
    {
        var fixture = new LedgerFixture();
        byte[] before = fixture.Ledger.Snapshot();

        Answer answer = fixture.Change(catalog =>
        {
            catalog.BusinessUnits.Add(new BusinessUnit { Id = "good" });
            catalog.UseCases[0].BusinessUnit = "none";
            catalog.Agents[0].UseCases.Add("none");
            catalog.Agents[0].Models.Add("none");
        });

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal(
            ["useCases[0].businessUnit", "agents[0].useCases[1]", "agents[0].models[2]"],
            answer.Faults!.Select(fault => fault.Field));
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void Prices_of_one_model_may_follow_each_other_within_a_second()
    {
        var fixture = new LedgerFixture();
        Price later = Catalogs.Price(LedgerFixture.Haiku, input: 2, output: 10);
        later.EffectiveFrom.Nanos = 1;

        Assert.Equal(Outcome.Done, fixture.Change(catalog => catalog.Prices.Add(later)).Outcome);
        Assert.Equal(Outcome.Done, fixture.Change(catalog => catalog.UseCases[0].Class = "other").Outcome);
    }

    public static TheoryData<string, Action<Catalog>> Faults => new()
    {
        { "tenant", catalog => catalog.Tenant = "" },
        { "tenant", catalog => catalog.Tenant = "Acme" },
        { "currency", catalog => catalog.Currency = "usd" },
        { "currency", catalog => catalog.Currency = "US" },
        { "timeZone", catalog => catalog.TimeZone = "Europe/Atlantis" },
        { "timeZone", catalog => catalog.TimeZone = "" },
        { "tags.a b", catalog => catalog.Tags["a b"] = new TagRule() },
        { "budget", catalog => catalog.Budget = new Protocol.V1.Budget { Period = Period.Day } },
        { "budget.limit", catalog => catalog.Budget = Budget(-1) },
        { "budget.limit", catalog => catalog.Budget = Budget(9_223_372_037) },
        { "budget.limit", catalog => catalog.Budget = Budget(1, "EUR") },
        {
            "budget.limit",
            catalog => catalog.Budget = new Protocol.V1.Budget { Limit = new Money { Units = 1, Nanos = -1 } }
        },
        { "budget.tokens", catalog => catalog.Budget = new Protocol.V1.Budget { Tokens = -1 } },
        { "budget.tokens", catalog => catalog.Budget = new Protocol.V1.Budget { Tokens = 1_000_000_000_000_001 } },
        { "businessUnits[0].budget", catalog => catalog.BusinessUnits[0].Budget = new Protocol.V1.Budget() },
        { "businessUnits[1].id", catalog => catalog.BusinessUnits.Add(new BusinessUnit { Id = "marketing" }) },
        { "businessUnits[1].id", catalog => catalog.BusinessUnits.Add(new BusinessUnit { Id = "Sales" }) },
        { "businessUnits[1].id", catalog => catalog.BusinessUnits.Add(new BusinessUnit { Id = new string('a', 65) }) },
        { "useCases[1].id", catalog => catalog.UseCases.Add(catalog.UseCases[0].Clone()) },
        { "useCases[0].businessUnit", catalog => catalog.UseCases[0].BusinessUnit = "" },
        { "useCases[0].budget.tiers[0].at", catalog => Tiers(catalog, new Tier { AtPercent = 0 }) },
        { "useCases[0].budget.tiers[0].at", catalog => Tiers(catalog, new Tier { AtPercent = 1001 }) },
        {
            "useCases[0].budget.tiers[1].at",
            catalog => Tiers(catalog, new Tier { AtPercent = 50 }, new Tier { AtPercent = 50 })
        },
        { "useCases[0].budget.tiers[0].action", catalog => Tiers(catalog, Enforcing(100, TierAction.Downgrade)) },
        {
            "useCases[0].budget.tiers[1].action",
            catalog => Tiers(catalog, Enforcing(100, TierAction.Refuse), Enforcing(110, TierAction.Downgrade))
        },
        {
            "useCases[0].budget.tiers[1].action",
            catalog => Tiers(catalog, Enforcing(100, TierAction.Refuse), Enforcing(110, TierAction.Refuse))
        },
        {
            "useCases[0].budget.tiers[1].action",
            catalog => Tiers(
                catalog,
                Enforcing(80, TierAction.Downgrade),
                Enforcing(90, TierAction.Downgrade),
                Enforcing(100, TierAction.Refuse))
        },
        {
            "useCases[0].budget.tiers",
            catalog => Tiers(catalog, [.. Enumerable.Range(1, 17).Select(at => new Tier { AtPercent = at })])
        },
        { "useCases[0].downgrade.none", catalog => catalog.UseCases[0].Downgrade["none"] = LedgerFixture.Haiku },
        {
            "useCases[0].downgrade.claude-haiku-4-5",
            catalog => catalog.UseCases[0].Downgrade[LedgerFixture.Haiku] = "none"
        },
        {
            "useCases[0].downgrade.claude-haiku-4-5",
            catalog => catalog.UseCases[0].Downgrade[LedgerFixture.Haiku] = LedgerFixture.Haiku
        },
        { "agents[1].id", catalog => catalog.Agents.Add(catalog.Agents[0].Clone()) },
        { "agents[0].businessUnit", catalog => catalog.Agents[0].BusinessUnit = "none" },
        { "agents[0].useCases[0]", catalog => catalog.Agents[0].UseCases[0] = "none" },
        { "agents[0].models[0]", catalog => catalog.Agents[0].Models[0] = "none" },
        { "agents[0].tools[0]", catalog => catalog.Agents[0].Tools[0] = "crm.*.read" },
        { "agents[0].tools[0]", catalog => catalog.Agents[0].Tools[0] = "*" },
        { "agents[0].tools[0]", catalog => catalog.Agents[0].Tools[0] = ".*" },
        { "agents[0].tools[0]", catalog => catalog.Agents[0].Tools[0] = "crm*" },
        { "agents[0].tools[0]", catalog => catalog.Agents[0].Tools[0] = "" },
        { "agents[0].ceilings.tokensPerRequest", catalog => Ceilings(catalog).TokensPerRequest = -1 },
        { "agents[0].ceilings.costPerSession", catalog => Ceilings(catalog).CostPerSession = new Money { Units = -1 } },
        { "agents[0].ceilings.tokensPerSession", catalog => Ceilings(catalog).TokensPerSession = -1 },
        { "agents[0].ceilings.stepsPerSession", catalog => Ceilings(catalog).StepsPerSession = -1 },
        { "agents[0].ceilings.toolCallsPerSession", catalog => Ceilings(catalog).ToolCallsPerSession = -1 },
        { "agents[0].ceilings.openHolds", catalog => Ceilings(catalog).OpenHolds = -1 },
        { "agents[0].ceilings.openHolds", catalog => Ceilings(catalog).OpenHolds = 10_001 },
        { "agents[0].ceilings.sessionTtl", catalog => catalog.Agents[0].SessionTtl = new Duration() },
        {
            "agents[0].ceilings.sessionLifetime",
            catalog => catalog.Agents[0].SessionLifetime = new Duration { Seconds = 2_592_001 }
        },
        { "prices[0].model", catalog => catalog.Prices[0].Model = "" },
        { "prices[0].effectiveFrom", catalog => catalog.Prices[0].EffectiveFrom = null },
        {
            "prices[0].effectiveFrom",
            catalog => catalog.Prices[0].EffectiveFrom = new Timestamp { Seconds = 253_402_300_799 }
        },
        { "prices[2].effectiveFrom", catalog => catalog.Prices.Add(catalog.Prices[0].Clone()) },
        { "prices[0].aliases", catalog => catalog.Prices[0].Aliases.Add(LedgerFixture.Haiku) },
        { "prices[0].aliases", catalog => catalog.Prices[0].Aliases.Add("") },
        {
            "prices[1].aliases",
            catalog =>
            {
                catalog.Prices[0].Aliases.Add("latest");
                catalog.Prices[1].Aliases.Add("latest");
            }
        },
        { "prices[0].rates", catalog => catalog.Prices[0].Rates = null },
        { "prices[0].rates.input", catalog => catalog.Prices[0].Rates.Input = -1 },
        { "prices[0].rates.output", catalog => catalog.Prices[0].Rates.Output = 1_000_000_000_000_001 },
        { "prices[0].rates.cacheRead", catalog => catalog.Prices[0].Rates.CacheRead = -1 },
        { "prices[0].rates.cacheWrite5m", catalog => catalog.Prices[0].Rates.CacheWrite5M = -1 },
        { "prices[0].rates.cacheWrite1h", catalog => catalog.Prices[0].Rates.CacheWrite1H = -1 },
        { "prices[0].rates.reasoning", catalog => catalog.Prices[0].Rates.Reasoning = -1 },
        { "prices[0].rates.inputAudio", catalog => catalog.Prices[0].Rates.InputAudio = -1 },
        { "prices[0].rates.outputAudio", catalog => catalog.Prices[0].Rates.OutputAudio = -1 },
        { "prices[0].rates.inputImage", catalog => catalog.Prices[0].Rates.InputImage = -1 },
        {
            "prices[0].longContext.above",
            catalog => catalog.Prices[0].LongContext = new LongContext { AboveTokens = -1 }
        },
        {
            "prices[0].longContext.rates.input",
            catalog => catalog.Prices[0].LongContext = new LongContext { Rates = new Rates { Input = -1 } }
        },
        { "prices[0].batch.multiplier", catalog => catalog.Prices[0].BatchMultiplierPpm = 10_000_001 },
        { "tools[0].id", catalog => catalog.Tools.Add(new Tool { Id = "has space" }) },
        { "tools[1].id", catalog => catalog.Tools.Add([new Tool { Id = "a.b" }, new Tool { Id = "a.b" }]) },
        {
            "tools[0].cost.perCall",
            catalog => catalog.Tools.Add(new Tool { Id = "a.b", CostPerCall = new Money { Units = -1 } })
        },
        { "skus[1].id", catalog => catalog.Skus.Add([new Sku { Id = "a" }, new Sku { Id = "a" }]) },
        {
            "skus[0].cost",
            catalog => catalog.Skus.Add(new Sku { Id = "a", Cost = new Money { Nanos = int.MaxValue } })
        },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_fault_is_named_with_its_path(string path, Action<Catalog> change)
    {
        Catalog catalog = Catalogs.Acme();
        change(catalog);

        List<Fault> faults = Check(catalog);

        Assert.Contains(path, faults.Select(fault => fault.Field));
        Assert.All(faults, fault => Assert.NotEqual("", fault.Description));
    }

    [Fact]
    public void A_catalog_without_a_fault_has_none() => Assert.Empty(Check(Catalogs.Acme()));

    [Fact]
    public void Items_of_one_kind_have_a_bound()
    {
        Catalog catalog = Catalogs.Acme();
        for (int number = 0; number < 10_000; number++)
            catalog.BusinessUnits.Add(new BusinessUnit { Id = $"u{number}" });

        Assert.Equal("businessUnits", Assert.Single(Check(catalog)).Field);
    }

    private static List<Fault> Check(Catalog catalog) => Ledger.Catalogs.CatalogRules.Check(catalog);

    [Theory]
    [InlineData("USD")]
    [InlineData("JPY")]
    [InlineData("IDR")]
    [InlineData("KWD")]
    public void A_limit_may_be_all_that_money_can_be_in_any_currency(string currency)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Currency = currency;
            catalog.Budget = Budget(9_223_372_036, currency);
            catalog.UseCases[0].Budget = Budget(9_223_372_036, currency);
        });

        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(fixture.Open()));
        Assert.Equal(9_223_372_036, fixture.Balance("useCases/promo").Limit.Units);
    }

    private static Protocol.V1.Budget Budget(long units, string currency = "USD") =>
        new() { Limit = new Money { CurrencyCode = currency, Units = units } };

    private static void Tiers(Catalog catalog, params Tier[] tiers) => catalog.UseCases[0].Budget.Tiers.Add(tiers);

    private static Tier Enforcing(int percent, TierAction action) => new() { AtPercent = percent, Action = action };

    private static Ceilings Ceilings(Catalog catalog) => catalog.Agents[0].Ceilings ??= new Ceilings();
}
