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

    // Half a unit of money for one, in nanos per million.
    [Theory]
    [InlineData("input_cost_per_second", "second")]
    [InlineData("output_cost_per_second", "second")]
    [InlineData("output_cost_per_second_1080p", "second_1080p")]
    [InlineData("input_cost_per_audio_per_second", "input_audio_second")]
    [InlineData("output_cost_per_audio_per_second", "output_audio_second")]
    [InlineData("input_cost_per_video_per_second", "input_video_second")]
    [InlineData("input_cost_per_video_per_second_above_8s_interval", "input_video_second_above_8s_interval")]
    [InlineData("output_cost_per_video_per_second", "output_video_second")]
    [InlineData("input_cost_per_image", "input_image")]
    [InlineData("output_cost_per_image", "output_image")]
    [InlineData("output_cost_per_image_premium_image", "output_image_premium_image")]
    [InlineData("output_cost_per_image_above_512_and_512_pixels", "output_image_above_512_and_512_pixels")]
    [InlineData("input_cost_per_pixel", "pixel")]
    [InlineData("output_cost_per_pixel", "pixel")]
    [InlineData("input_cost_per_character", "input_character")]
    [InlineData("output_cost_per_character", "output_character")]
    [InlineData("input_cost_per_query", "query")]
    [InlineData("search_context_cost_per_query", "web_search")]
    [InlineData("web_search_cost_per_call", "web_search")]
    [InlineData("input_cost_per_request", "request")]
    [InlineData("code_interpreter_cost_per_session", "code_interpreter_session")]
    [InlineData("ocr_cost_per_page", "page")]
    [InlineData("ocr_cost_per_credit", "credit")]
    [InlineData("annotation_cost_per_page", "annotated_page")]
    [InlineData("file_search_cost_per_1k_calls", "file_search", 1000)]
    public void What_is_paid_by_another_unit_is_a_rate_of_the_unit(string field, string unit, int of = 1)
    {
        foreach (string tokens in new[] { "", "\"input_cost_per_token\":1e-06," })
        {
            PriceImport import = LiteLlm($$"""{"m":{ {{tokens}} "{{field}}":0.5 } }""");

            Assert.Empty(import.Unsaid);
            PriceDraft price = Assert.Single(import.Prices);
            Assert.Equal(500_000_000_000_000 / of, price.Rates[unit]);
            Assert.Equal(tokens.Length > 0, price.Rates.ContainsKey("input"));
        }
    }

    [Fact]
    public void Units_have_thresholds_and_service_tiers_of_their_own_and_of_two_names_the_dearer_is_paid()
    {
        PriceImport import = LiteLlm(
            """
            {"m":{"input_cost_per_token":1e-06,"input_cost_per_character":1e-06,"input_cost_per_image":0.001,
                "input_cost_per_character_above_128k_tokens":2e-06,"input_cost_per_token_priority":2e-06,
                "input_cost_per_image_batches":0.0005,"input_cost_per_second":0.0001,"output_cost_per_second":0.0,
                "input_cost_per_pixel":1.9e-08,"output_cost_per_pixel":1.9e-08},
             "q":{"tiered_pricing":[{"range":[0,1000],"input_cost_per_query":0.001},
                {"range":[1000,2000],"input_cost_per_query":0.002}]}}
            """);

        Assert.Empty(import.Unsaid);
        Assert.Equal(["", "batch", "priority", ""], import.Prices.Select(price => price.ServiceTier));
        Assert.All(import.Prices.Take(3), price =>
        {
            Assert.Equal(100_000_000_000, price.Rates["second"]);
            Assert.Equal(19_000_000, price.Rates["pixel"]);
            Assert.Equal(1_000_000_000, price.Rates["input_character"]);
            Assert.Equal(2_000_000_000, price.LongContexts[128_000]["input_character"]);
        });
        Assert.Equal(
            [1_000_000_000_000, 500_000_000_000, 1_000_000_000_000],
            import.Prices.Take(3).Select(price => price.Rates["input_image"]));
        Assert.Equal(1_000_000_000_000, import.Prices[3].Rates["query"]);
        Assert.Equal(2_000_000_000_000, import.Prices[3].LongContexts[1000]["query"]);
    }

    [Theory]
    [InlineData("""{"search_context_size_low":0.005,"search_context_size_high":0.01}""", 10, true)]
    [InlineData("""{"search_context_size_low":0.01,"search_context_size_high":0.01}""", 10, false)]
    [InlineData("""{"search_context_size_medium":0,"search_context_size_high":null}""", 0, false)]
    public void Of_the_sizes_of_a_search_the_dearest_is_taken_and_told(string sizes, long thousandths, bool isTold)
    {
        PriceImport import = LiteLlm($$"""{"m":{"search_context_cost_per_query":{{sizes}} } }""");

        Assert.Equal(thousandths * 1_000_000_000_000, Assert.Single(import.Prices).Rates["web_search"]);
        Assert.Equal(
            isTold ? ["no call says its size: the dearest is taken"] : [], import.Unsaid.Select(unsaid => unsaid.Why));
    }

    [Theory]
    [InlineData("output_cost_per_video_token", "tokens of video are counted as input")]
    [InlineData("citation_cost_per_token", "tokens of citations are counted as input")]
    [InlineData("computer_use_input_cost_per_1k_tokens", "tokens of computer use are counted as input and output")]
    [InlineData(
        "vector_store_cost_per_gb_per_day", "a price of storage by the day is no part of a call: it can be a SKU")]
    [InlineData("guardrail_cost_per_unit", "no call says how many units its guardrail counted")]
    [InlineData("regional_endpoint_uplift_multiplier", "names no region")]
    [InlineData("input_cost_per_second{x: 1}", "is no field that is known")]
    [InlineData("moon_phase_cost", "is no field that is known")]
    public void What_cannot_be_said_is_told_with_its_reason(string field, string why)
    {
        PriceImport import = LiteLlm($$"""{"m":{"input_cost_per_token":1e-06,"{{field}}":0.5 } }""");

        Assert.Equal(["input"], Assert.Single(import.Prices).Rates.Keys);
        Unsaid unsaid = Assert.Single(import.Unsaid);
        Assert.Equal((field, why), (unsaid.Field, unsaid.Why));
    }

    [Theory]
    [InlineData("-1", "is negative")]
    [InlineData("1000.1", "is above 1,000 for one")]
    [InlineData("{\"a\":\"much\"}", "is no number")]
    public void A_price_of_a_unit_that_is_none_is_told_and_nothing_of_its_entry_is_taken(string number, string why)
    {
        PriceImport import = LiteLlm($$"""{"m":{"input_cost_per_token":1e-06,"output_cost_per_image":{{number}} } }""");

        Assert.Empty(import.Prices);
        Assert.Contains(why, Assert.Single(import.Unsaid).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void A_free_model_has_rates_of_zero_and_one_without_a_price_is_told()
    {
        PriceImport import = LiteLlm(
            """
            {"free":{"input_cost_per_token":0,"output_cost_per_token":0.0},
             "pictures":{"output_cost_per_video_token":0.04},"märz":{"input_cost_per_token":1e-06},
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
