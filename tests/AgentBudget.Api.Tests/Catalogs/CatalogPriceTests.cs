using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests.Catalogs;

/// <summary>Prices as documents say them.</summary>
public sealed class CatalogPriceTests
{
    [Fact]
    public void A_rate_of_zero_is_there_and_an_absent_one_is_not()
    {
        Price price = Read("rates: { input: 0, output: 0 }");

        Assert.True(price.Rates is { HasInput: true, Input: 0, HasOutput: true, Output: 0 });
        Assert.False(price.Rates.HasCacheRead);
    }

    [Fact]
    public void Every_bucket_has_a_key()
    {
        Price price = Read("""
            rates: { input: 1, output: 2, cacheRead: 3, cacheWrite5m: 4, cacheWrite1h: 5, reasoning: 6, inputAudio: 7,
                outputAudio: 8, inputImage: 9, cacheReadAudio: 10, cacheWriteAudio: 11, outputImage: 12 }
            """);

        Assert.Equal(
            (10_000_000_000, 11_000_000_000, 12_000_000_000),
            (price.Rates.CacheReadAudio, price.Rates.CacheWriteAudio, price.Rates.OutputImage));
        Assert.All(
            Rates.Descriptor.Fields.InDeclarationOrder(), field => Assert.True(field.Accessor.HasValue(price.Rates)));
    }

    [Fact]
    public void A_context_threshold_is_a_map_and_several_are_a_list()
    {
        Price one = Read("rates: { input: 1 }, longContext: { above: 200000, rates: { input: 2 } }");
        Price several = Read("""
            rates: { input: 1 }, longContext: [{ above: 32000, rates: { input: 2 } },
                { above: 128000, rates: { input: 3 } }, { above: 252000, rates: { input: 4 } }]
            """);

        Assert.Equal((200_000, 0), (one.LongContext.AboveTokens, one.LongerContexts.Count));
        Assert.Equal(32_000, several.LongContext.AboveTokens);
        Assert.Equal([128_000, 252_000], several.LongerContexts.Select(context => context.AboveTokens));
        Assert.Equal([3_000_000_000, 4_000_000_000], several.LongerContexts.Select(context => context.Rates.Input));
    }

    [Theory]
    [InlineData("maxOutputTokens: 64000", 64_000L)]
    [InlineData("maxOutputTokens: 0", 0L)]
    [InlineData("provider: own", null)]
    public void The_greatest_output_of_a_model_is_there_or_absent(string key, long? most)
    {
        Price price = Read($"rates: {{ input: 1 }}, {key}");

        Assert.Equal(most, price.HasMaxOutputTokens ? price.MaxOutputTokens : null);
    }

    [Fact]
    public void Units_are_money_for_one_to_the_fifteenth_decimal_also_above_a_threshold()
    {
        Price price = Read("""
            units: { second: 0.0001, pixel: 0.000000019073486, request: 1000, image: 0 },
                longContext: { above: 128000, units: { second: 0.0002 } }
            """.ReplaceLineEndings(" "));

        Assert.Equal(
            [("second", 100_000_000_000), ("pixel", 19_073_486), ("request", 1_000_000_000_000_000_000), ("image", 0)],
            price.Units.Select(unit => (unit.Unit, unit.Rate)));
        Assert.Equal(200_000_000_000, Assert.Single(price.LongContext.Units).Rate);
        Assert.Equal(new Rates(), price.Rates);
    }

    [Theory]
    [InlineData("units: { second: -1 }", "prices[0].units.second", "must not be negative.")]
    [InlineData("units: { second: 1001 }", "prices[0].units.second", "must be between 0 and 1,000 for one")]
    [InlineData("units: { second: 10000 }", "prices[0].units.second", "is too large: at most 9223 is accepted.")]
    [InlineData("units: { a: 1, a: 2 }", "prices[0].units.a", "is there twice.")]
    [InlineData("units: { \"a b\": 1 }", "prices[0].units.a b", "is no name of a unit")]
    [InlineData("provider: own", "prices[0].rates", "is missing.")]
    [InlineData("rates: {}", "prices[0].rates", "needs at least one rate, here or in units")]
    public void A_unit_that_is_none_and_a_price_without_any_rate_are_named_with_line_and_place(
        string key, string place, string sentence)
    {
        CatalogReading reading = CatalogReader.Read(
            $"{{ tenant: acme, currency: USD,\nprices: [{{ model: m, {key} }}] }}", CatalogFormat.Yaml);

        Assert.Contains(
            reading.Faults,
            fault => fault.Path == place && fault.Line == 2
                && fault.Description.Contains(sentence, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("unpricedItems: refuse", true)]
    [InlineData("unpricedItems: flag", false)]
    [InlineData("timeZone: UTC", false)]
    public void Items_without_a_price_are_flagged_or_refused(string key, bool refuses) =>
        Assert.Equal(refuses, ReadAll($"tenant: acme\ncurrency: USD\n{key}").RefuseUnpricedItems);

    [Fact]
    public void Hours_of_the_week_are_read_with_their_zone_days_and_times()
    {
        Price price = Read("""
            rates: { input: 1, output: 2 }, hours: { zone: Asia/Shanghai, spans: [
            { days: [monday, friday], from: "09:00", to: "18:30", multiplier: 2 }, { from: "22:00", to: "24:00",
            rates: { input: 0 } }] }
            """.ReplaceLineEndings(" "));

        Assert.Equal("Asia/Shanghai", price.Hours.TimeZone);
        Assert.Equal([1, 5], price.Hours.Spans[0].Weekdays);
        Assert.Equal((540, 1110), (price.Hours.Spans[0].FromMinute, price.Hours.Spans[0].ToMinute));
        Assert.Equal(2_000_000, price.Hours.Spans[0].MultiplierPpm);
        Assert.Empty(price.Hours.Spans[1].Weekdays);
        Assert.Equal((1320, 1440), (price.Hours.Spans[1].FromMinute, price.Hours.Spans[1].ToMinute));
        Assert.True(price.Hours.Spans[1].Rates is { HasInput: true, Input: 0, HasOutput: false });
    }

    [Theory]
    [InlineData("""spans: [{ from: "9", multiplier: 2 }]""", "prices[0].hours.spans[0].from")]
    [InlineData("""zone: Mars, spans: [{ multiplier: 2 }]""", "prices[0].hours.zone")]
    [InlineData("""zone: UTC, spans: [{ days: [moonday], multiplier: 2 }]""", "prices[0].hours.spans[0].days[0]")]
    [InlineData("""zone: UTC, spans: [{ multiplier: 2 }, { multiplier: 3 }]""", "prices[0].hours.spans[1]")]
    [InlineData("""zone: UTC, spans: [{ from: "10:00" }]""", "prices[0].hours.spans[0]")]
    [InlineData("""zone: UTC, spans: []""", "prices[0].hours.spans")]
    public void Hours_that_are_none_are_named_with_their_line_and_place(string hours, string place)
    {
        CatalogReading reading = CatalogReader.Read(
            $"{{ tenant: acme, currency: USD,\n"
            + $"prices: [{{ model: m, rates: {{ input: 1 }}, hours: {{ {hours} }} }}] }}",
            CatalogFormat.Yaml);

        Assert.Contains(reading.Faults, fault => fault.Path == place && fault.Line == 2);
    }

    [Fact]
    public void Regional_multipliers_are_read_for_all_models_or_a_family()
    {
        CatalogReading reading = CatalogReader.Read(
            """
            tenant: acme
            currency: USD
            regionalMultipliers:
              - { region: eu, multiplier: 1.1 }
              - { region: us, models: "gpt-*", provider: openai, multiplier: 0.5 }
            """,
            CatalogFormat.Yaml);

        Assert.Empty(reading.Faults);
        Assert.Equal(
            [("eu", "*", "", 1_100_000L), ("us", "gpt-*", "openai", 500_000L)],
            reading.Catalog.RegionalMultipliers.Select(
                rule => (rule.Region, rule.Models, rule.Provider, rule.MultiplierPpm)));
    }

    [Fact]
    public void Budgets_on_models_and_of_users_are_read_on_every_account_and_a_family_of_nothing_is_a_notice()
    {
        string parts = """
            modelBudgets: [{ models: "m*", budget: { limit: 1, period: day } }, { models: "no-*",
            budgets: [{ limit: 1 }, { tokens: 5, period: hour }] }], userBudgets: { budget: { limit: 2 },
            users: [{ user: "kim@acme.test", budget: { limit: 3 } }, { user: lee }] }
            """.ReplaceLineEndings(" ");
        CatalogReading reading = CatalogReader.Read(
            $"""
            tenant: acme
            currency: USD
            businessUnits: [{"{"} id: b, {parts} {"}"}]
            useCases: [{"{"} id: u, businessUnit: b, {parts} {"}"}]
            agents: [{"{"} id: a, businessUnit: b, {parts} {"}"}]
            prices: [{"{"} model: m1, rates: {"{"} input: 1 {"}"} {"}"}]
            """,
            CatalogFormat.Yaml);

        Assert.Empty(reading.Faults);
        Catalog catalog = reading.Catalog;
        Assert.All(
            [catalog.BusinessUnits[0].ModelBudgets, catalog.UseCases[0].ModelBudgets, catalog.Agents[0].ModelBudgets],
            budgets => Assert.Equal(["m*", "no-*"], budgets.Select(budget => budget.Models)));
        Assert.Equal(Period.Hour, catalog.Agents[0].ModelBudgets[1].FurtherBudgets.Single().Period);
        Assert.Equal(3, catalog.UseCases[0].UserBudgets.Users[0].Budget.Limit.Units);
        Assert.Null(catalog.UseCases[0].UserBudgets.Users[1].Budget);
        Assert.Contains(reading.Notices, notice => notice.Contains("no model with a price", StringComparison.Ordinal));
    }

    private static Price Read(string keys) =>
        Assert.Single(ReadAll($$"""
            tenant: acme
            currency: USD
            prices:
              - { model: m, {{keys}} }
            """).Prices);

    private static Catalog ReadAll(string document)
    {
        CatalogReading reading = CatalogReader.Read(document, CatalogFormat.Yaml);
        Assert.Empty(reading.Faults);
        return reading.Catalog;
    }
}
