using System.Text.Json;
using AgentBudget.Cli.Prices;
using AgentBudget.Cli.Tests.Support;

namespace AgentBudget.Cli.Tests;

/// <summary>Price maps that others keep, as a catalog says them.</summary>
public sealed class PriceImportTests
{
    [Theory]
    [InlineData("1e-07", 100_000_000)]
    [InlineData("1E-7", 100_000_000)]
    [InlineData("0.0000001", 100_000_000)]
    [InlineData("3.5000000000000004e-07", 350_000_000)]
    [InlineData("0.000003", 3_000_000_000)]
    [InlineData("0", 0)]
    [InlineData("0.0", 0)]
    [InlineData("5e-16", 0)]
    [InlineData("1.5e-15", 2)]
    [InlineData("2.5e-15", 2)]
    [InlineData("1", 1_000_000_000_000_000)]
    public void A_number_is_exact_whatever_its_writer(string number, long nanos)
    {
        PriceImport import = LiteLlm($$"""{"m":{"litellm_provider":"p","input_cost_per_token":{{number}} } }""");

        Assert.Equal(nanos, Assert.Single(import.Prices).Rates["input"]);
    }

    [Theory]
    [InlineData("-1e-07", "is negative")]
    [InlineData("1.0000001", "is above 1,000,000 per million tokens")]
    [InlineData("\"much\"", "is no number")]
    [InlineData("[1]", "is no number")]
    [InlineData("1e999", "is no number")]
    public void A_price_that_is_none_is_told_and_nothing_of_its_entry_is_taken(string number, string why)
    {
        PriceImport import = LiteLlm(
            $$"""{"m":{"input_cost_per_token":1e-06,"output_cost_per_token":{{number}} } }""");

        Assert.Empty(import.Prices);
        Assert.Contains(why, Assert.Single(import.Unsaid).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_pair_of_fields_comes_to_the_rates_that_the_map_means()
    {
        (string Model, PriceMaps.Field[] Fields)[] entries = [.. PriceMaps.Pairs()];

        PriceImport import = LiteLlm(PriceMaps.LiteLlm(entries));

        Assert.Empty(import.Unsaid);
        Assert.Equal(entries.Length, import.Models);
        Dictionary<(string, string), PriceDraft> drafts =
            import.Prices.ToDictionary(price => (price.Model, price.ServiceTier));
        foreach ((string model, PriceMaps.Field[] fields) in entries)
        {
            foreach ((_, string tier) in PriceMaps.Tiers)
            {
                PriceDraft draft = drafts.GetValueOrDefault((model, tier)) ?? drafts[(model, "")];
                foreach (long above in PriceMaps.Thresholds)
                {
                    foreach ((_, string bucket) in PriceMaps.Buckets)
                        Assert.Equal((model, Meant(fields, tier, above, bucket)), (model, Said(draft, above, bucket)));
                }
            }
        }
    }

    // Of fields the one of the tier before the standard one, then the highest threshold.
    private static long? Meant(PriceMaps.Field[] fields, string tier, long above, string bucket) => fields
        .Where(field => field.Bucket == bucket && field.Above <= above)
        .Where(field => field.Tier == tier || field.Tier.Length == 0)
        .OrderByDescending(field => field.Tier.Length > 0)
        .ThenByDescending(field => field.Above)
        .FirstOrDefault()?.Nanos;

    // As a catalog reads it: the highest threshold alone, and what it does not say from the ordinary rates.
    private static long? Said(PriceDraft draft, long above, string bucket)
    {
        SortedDictionary<string, long>? rates = draft.LongContexts.LastOrDefault(context => context.Key <= above).Value;
        if (rates?.TryGetValue(bucket, out long longer) == true) return longer;
        return draft.Rates.TryGetValue(bucket, out long rate) ? rate : null;
    }

    [Fact]
    public void Ranges_are_thresholds_and_bounds_and_uplifts_are_taken()
    {
        PriceImport import = LiteLlm(
            """
            {"made-up/long": {
              "litellm_provider": "made-up", "max_input_tokens": 997952, "max_output_tokens": 32768, "max_tokens": 0,
              "regional_processing_uplift_multiplier_eu": 1.1, "provider_specific_entry": { "us": 1.1, "fast": 6.0 },
              "tiered_pricing": [
                { "range": [0, 32000.0], "input_cost_per_token": 1.2e-06, "output_cost_per_token": 6e-06 },
                { "range": [32000.0, 128000.0], "input_cost_per_token": 2.4e-06, "output_cost_per_token": 1.2e-05 },
                { "range": [128000.0, 252000.0], "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05 } ] } }
            """);

        PriceDraft price = Assert.Single(import.Prices);
        Assert.Equal((32_768, 997_952), (price.MaxOutputTokens, price.ContextTokens));
        Assert.Equal([32_000, 128_000], price.LongContexts.Keys);
        Assert.Equal(1_200_000_000, price.Rates["input"]);
        Assert.Equal(15_000_000_000, price.LongContexts[128_000]["output"]);
        Assert.Equal(
            [("eu", 1_100_000), ("us", 1_100_000)], import.Regions.Select(region => (region.Region, region.Ppm)));
        Assert.Equal("provider_specific_entry.fast", Assert.Single(import.Unsaid).Field);
    }

    [Theory]
    [InlineData("input_cost_per_second", "second")]
    [InlineData("output_cost_per_image", "image")]
    [InlineData("input_cost_per_pixel", "pixel")]
    [InlineData("input_cost_per_character_above_128k_tokens", "character")]
    [InlineData("search_context_cost_per_query", "search")]
    [InlineData("input_cost_per_request", "request")]
    [InlineData("ocr_cost_per_page", "page")]
    [InlineData("input_cost_per_video_per_second", "second of video")]
    [InlineData("output_cost_per_second_1080p", "second")]
    [InlineData("output_cost_per_video_token", "token of video")]
    [InlineData("citation_cost_per_token", "token of citations")]
    public void What_is_paid_by_another_unit_is_told_with_it(string field, string unit)
    {
        PriceImport import = LiteLlm($$"""{"m":{"input_cost_per_token":1e-06,"{{field}}":0.5 } }""");

        Assert.Equal(["input"], Assert.Single(import.Prices).Rates.Keys);
        Unsaid unsaid = Assert.Single(import.Unsaid);
        Assert.Equal((field, $"a price per {unit} cannot be said yet"), (unsaid.Field, unsaid.Why));
    }

    [Fact]
    public void A_free_model_has_rates_of_zero_and_one_without_a_price_of_tokens_is_told()
    {
        PriceImport import = LiteLlm(
            """
            {"free":{"input_cost_per_token":0,"output_cost_per_token":0.0},
             "pictures":{"output_cost_per_image":0.04},"märz":{"input_cost_per_token":1e-06},
             "stars*":{"input_cost_per_token":1e-06},"odd":{"input_cost_per_token":1e-06,"moon_phase_cost":2}}
            """);

        Assert.Equal(["free", "odd"], import.Prices.Select(price => price.Model));
        Assert.Equal([0, 0], import.Prices[0].Rates.Values);
        Assert.Equal(5, import.Entries);
        Assert.Equal(
            ["märz", "odd", "pictures", "pictures", "stars*"],
            import.Unsaid.Select(unsaid => unsaid.Entry).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_map_as_that_of_models_dev_is_read_with_its_thresholds()
    {
        const string map =
            """
            {"made-up":{"id":"made-up","models":{
              "a":{"cost":{"input":0.35000000000000004,"output":1.25,"cache_read":0.0375,"cache_write":0,"reasoning":2,
                "input_audio":3,"output_audio":4,"context_over_200k":{"input":9},
                "tiers":[{"input":0.7,"tier":{"type":"context","size":128000}},{"output":5,"tier":{"type":"hour"}}]},
                "limit":{"context":1000000,"output":64000}},
              "b":{"cost":{"input":1,"context_over_200k":{"input":2,"output":3}}},
              "none":{"limit":{"context":1}}}},
             "other":{"models":{"a":{"cost":{"input":1}}}}}
            """;
        PriceImport import = ModelsDevMap.Read(JsonDocument.Parse(map).RootElement, provider: null);

        Assert.Equal(["made-up/a", "made-up/b", "other/a"], import.Prices.Select(price => price.Model));
        PriceDraft first = import.Prices[0];
        Assert.Equal(
            [350_000_000, 1_250_000_000, 37_500_000, 0, 2_000_000_000, 3_000_000_000, 4_000_000_000],
            first.Rates.Values);
        Assert.Equal([128_000], first.LongContexts.Keys);
        Assert.Equal((64_000, 1_000_000), (first.MaxOutputTokens, first.ContextTokens));
        Assert.Equal(3_000_000_000, import.Prices[1].LongContexts[200_000]["output"]);
        Assert.Equal(1, import.Rounded);
        Assert.Equal(["cost.tiers", "cost"], import.Unsaid.Select(unsaid => unsaid.Field));
        PriceImport own = ModelsDevMap.Read(JsonDocument.Parse(map).RootElement, "other");
        Assert.Equal("a", Assert.Single(own.Prices).Model);
    }

    private static PriceImport LiteLlm(string map) =>
        LiteLlmMap.Read(JsonDocument.Parse(map).RootElement, provider: null);
}
