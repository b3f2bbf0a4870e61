using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests.Catalogs;

public sealed class CatalogReaderTests
{
    private const string Minimal = """
        tenant: acme
        currency: USD
        businessUnits:
          - id: marketing
            budget: { limit: 5000, period: month }
        useCases:
          - id: trade-promo
            businessUnit: marketing
        """;

    [Theory]
    [InlineData("useCases:\n  - { id: promo, b\n  - { id: ghost }udget: { limit: 100 } }\n")]
    [InlineData("useCases:\n  - { id: promo, b\n  - ghost }\n")]
    [InlineData("a: { b\n  - c }")]
    public void What_breaks_inside_braces_is_a_fault_of_its_line(string document)
    {
        CatalogReading reading = CatalogReader.Read(document, CatalogFormat.Yaml);

        Assert.NotEmpty(reading.Faults);
        Assert.All(reading.Faults, fault => Assert.InRange(fault.Line, 1, 3));
    }

    [Fact]
    public void The_demo_catalog_reads_without_a_fault()
    {
        CatalogReading reading = CatalogReader.Read(File.ReadAllText("demo-catalog.yaml"), CatalogFormat.Yaml);

        Assert.Empty(reading.Faults);
        Catalog catalog = reading.Catalog;
        Assert.Equal("acme", catalog.Tenant);
        Assert.Equal("Europe/Berlin", catalog.TimeZone);
        Assert.Equal(["marketing", "supply-chain"], catalog.BusinessUnits.Select(unit => unit.Id));
        Assert.Equal(100, catalog.UseCases[0].Budget.Limit.Units);
        Assert.Equal([50, 80, 100, 110], catalog.UseCases[0].Budget.Tiers.Select(tier => tier.AtPercent));
        Assert.Equal(TierAction.Downgrade, catalog.UseCases[0].Budget.Tiers[2].Action);
        Assert.Equal("claude-haiku-4-5", catalog.UseCases[0].Downgrade["claude-sonnet-4-5"]);
        Assert.Equal(20_000_000, catalog.UseCases[1].Budget.Tokens);
        Assert.Empty(catalog.UseCases[1].Budget.Tiers);
        Assert.Equal(["crm.read", "search.*"], catalog.Agents[0].Tools);
        Assert.Equal(3600, catalog.Agents[0].SessionTtl.Seconds);
        Assert.Equal(8 * 3600, catalog.Agents[0].SessionLifetime.Seconds);
        Assert.Equal(100, catalog.Agents[0].Ceilings.OpenHolds);
        Assert.Equal(18_750_000_000, catalog.Prices[0].Rates.CacheWrite5M * 5);
        RunCeilings run = catalog.Agents[0].Ceilings.Run;
        Assert.Equal((5, 20, 8, 3), (run.Cost.Units, run.Subagents, run.ConcurrentSubagents, run.Depth));
        Breakers breakers = catalog.Agents[0].Breakers;
        Assert.Equal((5, BreakerMode.Enforce), (breakers.SameToolCall.Times, breakers.SameToolCall.Mode));
        Assert.Equal((1, 500_000_000), (breakers.BurnRate.CostPerMinute.Units, breakers.BurnRate.CostPerMinute.Nanos));
        CountBreaker steps = breakers.StepsWithoutOutcome;
        Assert.Equal((40, BreakerMode.Observe), (steps.Times, steps.Mode));
        Assert.Equal((20, BreakerReach.Run), (breakers.Refusals.Times, breakers.Refusals.Suspends));
        Assert.Equal(500_000, catalog.Prices[0].BatchMultiplierPpm);
        Assert.Equal(25_000_000, catalog.Prices[2].Rates.CacheRead);
        Assert.False(catalog.Prices[2].Rates.HasCacheWrite5M);
        Assert.Equal(1_500_000, catalog.Skus[1].Cost.Nanos);
        Assert.True(catalog.Tags["environment"].Required);
    }

    [Fact]
    public void What_is_kept_and_not_enforced_is_said_once_each_with_its_lines()
    {
        CatalogReading reading = CatalogReader.Read(File.ReadAllText("demo-catalog.yaml"), CatalogFormat.Yaml);

        Assert.Matches(@"^notify addresses are kept.*\(lines? \d+.*\)\.$", Assert.Single(reading.Notices));
    }

    [Fact]
    public void Windows_rolling_periods_rollover_and_prices_by_region_and_tier_are_read()
    {
        const string document = """
            tenant: acme
            currency: USD
            budgets:
              - { limit: 100, period: month, rollover: unused }
              - { limit: 5, period: { rolling: 7d } }
              - { tokens: 10, period: day, rollover: { cap: 2.50, capTokens: 3 } }
            prices:
              - { model: m, region: eu, serviceTier: priority, rates: { input: 1 } }
              - { model: m, rates: { input: 1 }, flex: { multiplier: 0.5 }, priority: { multiplier: 2 } }
            """;

        CatalogReading reading = CatalogReader.Read(document, CatalogFormat.Yaml);

        Assert.Empty(reading.Faults);
        Catalog catalog = reading.Catalog;
        Assert.Equal((Period.Month, new Rollover()), (catalog.Budget.Period, catalog.Budget.Rollover));
        Budget rolling = catalog.FurtherBudgets[0];
        Assert.Equal((Period.Rolling, 604_800), (rolling.Period, rolling.Rolling.Seconds));
        Rollover rollover = catalog.FurtherBudgets[1].Rollover;
        Assert.Equal((2, 500_000_000, 3), (rollover.Cap.Units, rollover.Cap.Nanos, rollover.CapTokens));
        Assert.Equal(("eu", ServiceTier.Priority), (catalog.Prices[0].Region, catalog.Prices[0].ServiceTier));
        Assert.Equal(
            (500_000, 2_000_000), (catalog.Prices[1].FlexMultiplierPpm, catalog.Prices[1].PriorityMultiplierPpm));
    }

    [Theory]
    [InlineData("hour", Period.Hour, 0, 0, 0, 0)]
    [InlineData("{ month: 15 }", Period.Month, 0, 15, 0, 0)]
    [InlineData("{ month: 1 }", Period.Month, 0, 0, 0, 0)]
    [InlineData("{ day: \"13:40\" }", Period.Day, 0, 0, 0, 820)]
    [InlineData("{ day: \"00:00\" }", Period.Day, 0, 0, 0, 0)]
    [InlineData("{ week: wednesday }", Period.Week, 0, 0, 3, 0)]
    [InlineData("{ week: monday }", Period.Week, 0, 0, 0, 0)]
    [InlineData("{ year: \"04-06\" }", Period.Year, 4, 6, 0, 0)]
    [InlineData("{ year: \"02-29\" }", Period.Year, 2, 29, 0, 0)]
    [InlineData("{ year: \"01-01\" }", Period.Year, 0, 0, 0, 0)]
    public void A_period_with_an_anchor_is_read(
        string period, Period kind, int month, int day, int weekday, int minute)
    {
        CatalogReading reading = CatalogReader.Read(
            $"{{ tenant: acme, currency: USD, budget: {{ limit: 1, period: {period}, carry: overspend }} }}",
            CatalogFormat.Yaml);

        Assert.Empty(reading.Faults);
        Budget budget = reading.Catalog.Budget;
        var anchor = new PeriodAnchor { Month = month, Day = day, Weekday = weekday, Minute = minute };
        Assert.Equal((kind, true), (budget.Period, budget.CarryOverspend));
        Assert.Equal(anchor.Equals(new PeriodAnchor()) ? null : anchor, budget.Anchor);
    }

    [Theory]
    [InlineData("{ month: 0 }")]
    [InlineData("{ month: 32 }")]
    [InlineData("{ day: \"24:00\" }")]
    [InlineData("{ day: noon }")]
    [InlineData("{ week: someday }")]
    [InlineData("{ year: \"02-30\" }")]
    [InlineData("{ quarter: 15 }")]
    [InlineData("{ month: 15, week: monday }")]
    [InlineData("{ }")]
    [InlineData("fortnight")]
    public void A_period_that_cannot_be_is_a_fault(string period)
    {
        CatalogReading reading = CatalogReader.Read(
            $"{{ tenant: acme, currency: USD, budget: {{ limit: 1, period: {period} }} }}", CatalogFormat.Yaml);

        Assert.Contains(reading.Faults, fault => fault.Path.StartsWith("budget.period", StringComparison.Ordinal));
    }

    [Fact]
    public void A_catalog_that_uses_nothing_unfinished_has_no_notices()
    {
        CatalogReading reading = CatalogReader.Read(Minimal, CatalogFormat.Unspecified);

        Assert.Empty(reading.Faults);
        Assert.Empty(reading.Notices);
        Assert.Equal("UTC", reading.Catalog.TimeZone);
        Assert.Null(reading.Catalog.UseCases[0].Budget);
    }

    [Fact]
    public void Json_reads_as_the_same_catalog()
    {
        const string json = """
            {
              "tenant": "acme", "currency": "USD",
              "businessUnits": [ { "id": "marketing", "budget": { "limit": 5000, "period": "month" } } ],
              "useCases": [ { "id": "trade-promo", "businessUnit": "marketing" } ]
            }
            """;

        CatalogReading reading = CatalogReader.Read(json, CatalogFormat.Json);

        Assert.Empty(reading.Faults);
        Assert.Equal(CatalogReader.Read(Minimal, CatalogFormat.Yaml).Catalog, reading.Catalog);
    }

    [Theory]
    [InlineData("tenant: acme\ncurrency: USD\nfoo: 1", 3, "foo", "is not a key of a catalog")]
    [InlineData("tenant: acme\ncurrency: USD\ncurrency: EUR", 3, "currency", "is there twice")]
    [InlineData("currency: USD", 1, "tenant", "is missing")]
    [InlineData("tenant: acme", 1, "currency", "is missing")]
    [InlineData("tenant: Acme\ncurrency: USD", 1, "tenant", "must be lower-case")]
    [InlineData("tenant: acme\ncurrency: usd", 2, "currency", "ISO 4217")]
    [InlineData("tenant: acme\ncurrency: USD\ntimeZone: Mars/Base", 3, "timeZone", "IANA")]
    [InlineData("tenant: acme\ncurrency: USD\ntags: [a]", 3, "tags", "must be a map")]
    [InlineData("tenant: acme\ncurrency: USD\ntags: { a: { required: yes } }", 3, "tags.a.required", "true or false")]
    [InlineData("tenant: acme\ncurrency: USD\nbusinessUnits: { id: x }", 3, "businessUnits", "must be a list")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { period: month }", 3, "budget", "needs a limit")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: -1 }", 3, "budget.limit", "must not be negative")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1.0000000001 }",
        3, "budget.limit", "more than 9 digits")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: 9223372036.854775808 }", 3, "budget.limit", "too large")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: 1e3 }", 3, "budget.limit", "decimal number")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: .5 }", 3, "budget.limit", "decimal number")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: 1,000 }", 3, "budget.000", "is not a key")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: }", 3, "budget.limit", "has no value")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { limit: { a: 1 } }", 3, "budget.limit", "single value")]
    [InlineData("tenant: acme\ncurrency: USD\nbudget: { tokens: 1.5 }", 3, "budget.tokens", "whole number")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, period: fortnight }",
        3, "budget.period", "must be none, hour, day")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, period: { rolling: 30s } }",
        3, "budget.period.rolling", "1 min to 365 days")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, period: day, rollover: half }",
        3, "budget.rollover", "must be none, unused")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1 }\nbudgets: [{ limit: 1 }]",
        4, "budgets", "one of the two")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudgets: [{ limit: 1, period: day }, { limit: 2, period: day }]",
        3, "budgets[1].period", "another window of day")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget:\n  limit: 1\n  tiers:\n    - { at: 80, notify: [owner] }"
        + "\n    - { at: 50, notify: [owner] }",
        7, "budget.tiers[1].at", "above the tier before")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, tiers: [{ at: 0, action: stop }] }",
        3, "budget.tiers[0].at", "from 1 to 1000")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, tiers: [{ at: 1, action: stop }] }",
        3, "budget.tiers[0].action", "downgrade or refuse")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbudget: { limit: 1, tiers: [{ at: 1, notify: [boss] }] }",
        3, "budget.tiers[0].notify[0]", "owner or finance")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbusinessUnits:\n  - id: a\n  - id: a",
        5, "businessUnits[1].id", "is there twice")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nbusinessUnits:\n  - id: a\n    owner: { notify: \"ftp://x\" }",
        5, "businessUnits[0].owner.notify", "https URL")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nuseCases:\n  - { id: a, businessUnit: b, withoutCheaperModel: maybe }",
        4, "useCases[0].withoutCheaperModel", "allow or refuse")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nagents:\n  - { id: a, businessUnit: b, tools: [\"*\"] }",
        4, "agents[0].tools[0]", "namespace")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nagents:\n  - { id: a, businessUnit: b, ceilings: { sessionTtl: 1w } }",
        4, "agents[0].ceilings.sessionTtl", "90s, 30m")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nagents:"
        + "\n  - { id: a, businessUnit: b, ceilings: { sessionTtl: 2h, sessionLifetime: 1h } }",
        4, "agents[0].ceilings.sessionTtl", "longer than")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nagents:\n  - { id: a, businessUnit: b, breakers: { refusals: { times: 0 } } }",
        4, "agents[0].breakers.refusals.times", "from 1")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nagents:"
        + "\n  - { id: a, businessUnit: b, breakers: { refusals: { times: 1, mode: x } } }",
        4, "agents[0].breakers.refusals.mode", "observe or enforce")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nprices:\n  - { model: m, rates: { input: 1, inputs: 1 } }",
        4, "prices[0].rates.inputs", "is not a key")]
    [InlineData("tenant: acme\ncurrency: USD\nprices:\n  - { model: m }", 4, "prices[0].rates", "is missing")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nprices:\n  - { model: m m, rates: { input: 1 } }",
        4, "prices[0].model", "without spaces")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nprices:\n  - { model: m, rates: { input: 1 }, effectiveFrom: 01/02/2026 }",
        4, "prices[0].effectiveFrom", "must be a day")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nprices:\n  - { model: m, rates: { input: 1 }, batch: { multiplier: 0 } }",
        4, "prices[0].batch.multiplier", "above 0")]
    [InlineData(
        "tenant: acme\ncurrency: USD\nprices:"
        + "\n  - { model: m, rates: { input: 1 }, batch: { multiplier: 0.1234567 } }",
        4, "prices[0].batch.multiplier", "more than 6 digits")]
    [InlineData("tenant: &a acme\ncurrency: USD", 1, "", "anchors")]
    [InlineData("tenant: acme\ncurrency: [USD", 3, "", "not readable")]
    [InlineData("", 1, "", "empty")]
    [InlineData("just words", 1, "", "must be a map")]
    [InlineData("tenant: acme\ncurrency: USD\n---\ntenant: b", 3, "", "second document")]
    [InlineData("? [a]\n: b", 1, "", "key must be a word")]
    public void A_fault_is_named_with_its_line(string document, int line, string path, string description)
    {
        CatalogReading reading = CatalogReader.Read(document, CatalogFormat.Yaml);

        Assert.Contains(
            reading.Faults,
            fault => fault.Line == line && fault.Path == path
                && fault.Description.Contains(description, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_fault_is_named_at_once()
    {
        CatalogReading reading = CatalogReader.Read(
            "tenant: ACME\ncurrency: dollars\nbudget: { limit: -1, period: never }\nwhatever: 1", CatalogFormat.Yaml);

        Assert.Equal(
            ["tenant", "currency", "budget.limit", "budget.period", "whatever"],
            reading.Faults.OrderBy(fault => fault.Line).Select(fault => fault.Path));
    }

    [Fact]
    public void A_document_that_is_yaml_and_not_json_is_refused_as_json()
    {
        CatalogReading reading = CatalogReader.Read("{\n  tenant: acme\n}", CatalogFormat.Json);

        Assert.Equal((2, "not readable as JSON."), (reading.Faults.Single().Line, reading.Faults.Single().Description));
    }

    [Fact]
    public void A_hostile_document_is_refused_without_harm()
    {
        Assert.Contains(
            CatalogReader.Read(new string('[', 100_000), CatalogFormat.Yaml).Faults,
            fault => fault.Description.Contains("nested deeper", StringComparison.Ordinal));
        Assert.Contains(
            CatalogReader.Read(new string('x', CatalogReader.DocumentBytesMax + 1), CatalogFormat.Yaml).Faults,
            fault => fault.Description.Contains("larger than", StringComparison.Ordinal));
        string manyKeys = string.Concat(Enumerable.Range(0, 20_000).Select(index => $"k{index}: 1\n"));
        Assert.Equal(DocumentFindings.FaultsMax, CatalogReader.Read(manyKeys, CatalogFormat.Yaml).Faults.Count);
    }

    [Fact]
    public void A_path_of_the_ledger_is_found_at_its_line_or_the_nearest_above()
    {
        CatalogReading reading = CatalogReader.Read(Minimal, CatalogFormat.Yaml);

        Assert.Equal(8, reading.LineOf("useCases[0].businessUnit"));
        Assert.Equal(7, reading.LineOf("useCases[0].downgrade[claude]"));
        Assert.Equal(6, reading.LineOf("useCases[9].id"));
        Assert.Equal(1, reading.LineOf("agents[0]"));
    }
}
