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

    [Theory]
    [InlineData("unpricedItems: refuse", true)]
    [InlineData("unpricedItems: flag", false)]
    [InlineData("timeZone: UTC", false)]
    public void Items_without_a_price_are_flagged_or_refused(string key, bool refuses) =>
        Assert.Equal(refuses, ReadAll($"tenant: acme\ncurrency: USD\n{key}").RefuseUnpricedItems);

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
