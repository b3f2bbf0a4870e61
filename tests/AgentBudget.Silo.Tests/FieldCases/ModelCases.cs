using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// The models of public price maps that are hardest to price: each with a list of its shape and a report of its
/// provider's. The right values were computed by hand, in the comments per million.
/// </summary>
internal static class ModelCases
{
    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // Half price at night, and a cache: half of 2000 × 0.28 + 8000 × 0.028 + 1000 × 0.42. It is night all day here.
        Report("M01", "0.000602",
            """
            rates: { input: 0.28, output: 0.42, cacheRead: 0.028 }, hours: { zone: UTC, spans: [
              { from: "00:00", to: "16:30", multiplier: 0.5 }, { from: "16:30", to: "24:00", multiplier: 0.5 }] }
            """,
            "10000 1000",
            """
            { "openAi": { "prompt_tokens": 10000, "completion_tokens": 1000, "total_tokens": 11000,
              "prompt_cache_hit_tokens": 8000, "prompt_cache_miss_tokens": 2000 } }
            """),
        // Three tiers, the whole request in the highest: 50,000 × 3 + 150,000 × 0.6 + 1000 × 15.
        Report("M01b", "0.255",
            """
            rates: { input: 1.2, output: 6, cacheRead: 0.24 }, longContext: [
              { above: 32000, rates: { input: 2.4, output: 12, cacheRead: 0.48 } },
              { above: 128000, rates: { input: 3, output: 15, cacheRead: 0.6 } }]
            """,
            "200000 1000",
            """
            { "openAi": { "prompt_tokens": 200000, "completion_tokens": 1000, "total_tokens": 201000,
              "prompt_tokens_details": { "cached_tokens": 150000 } } }
            """),
        // Text, audio and images, cached or not: 200 × 4 + 700 × 32 + 200 × 5 + 100 × 0.4 + 300 × 0.4, and out
        // 100 × 16 + 400 × 64.
        Report("M01c", "0.05156",
            """
            rates: { input: 4, output: 16, cacheRead: 0.4, inputAudio: 32, outputAudio: 64, cacheReadAudio: 0.4,
              inputImage: 5 }
            """,
            "2000 500",
            """
            { "openAiResponses": { "input_tokens": 1500, "output_tokens": 500, "total_tokens": 2000,
              "input_token_details": { "text_tokens": 300, "audio_tokens": 1000, "image_tokens": 200,
                "cached_tokens": 400, "cached_tokens_details": { "text_tokens": 100, "audio_tokens": 300 } },
              "output_token_details": { "text_tokens": 100, "audio_tokens": 400 } } }
            """),
        // Thoughts apart, audio in the cache: 300 × 0.3 + 700 × 1 + 200 × 0.03 + 800 × 0.1 + 150 × 2.5.
        Report("M01d", "0.001251",
            "rates: { input: 0.3, output: 2.5, cacheRead: 0.03, inputAudio: 1, cacheReadAudio: 0.1 }",
            "3000 200",
            """
            { "gemini": { "promptTokenCount": 2000, "cachedContentTokenCount": 1000, "candidatesTokenCount": 100,
              "thoughtsTokenCount": 50, "totalTokenCount": 2150, "promptTokensDetails": [
              { "modality": "AUDIO", "tokenCount": 1500 }, { "modality": "TEXT", "tokenCount": 500 }],
              "cacheTokensDetails": [{ "modality": "AUDIO", "tokenCount": 800 },
              { "modality": "TEXT", "tokenCount": 200 }] } }
            """),
        // Images cost twice as much in a long request too: 200,000 × 2.5 + 100 × 10, and two at 0.0006575.
        new("M01e", "0.502315",
            Of("""
                rates: { input: 1.25, output: 5 }, units: { input_image: 0.00032875 },
                  longContext: { above: 128000, rates: { input: 2.5, output: 10 }, units: { input_image: 0.0006575 } }
                """),
            tenant => tenant.SpendAsync("200000 100",
                """
                { "usage": { "inputTokens": 200000, "outputTokens": 100,
                  "items": [{ "sku": "input_image", "count": 2 }] } }
                """)),
        // Citations are input, thoughts are beside the answer: 2033 × 2 + 1000 × 8 + 5000 × 3; searches and a request.
        Report("M01f", "0.122066",
            "rates: { input: 2, output: 8, reasoning: 3 }, units: { web_search: 0.005, request: 0.005 }",
            "5000 9000",
            """
            { "compatible": { "prompt_tokens": 33, "completion_tokens": 1000, "citation_tokens": 2000,
              "reasoning_tokens": 5000, "num_search_queries": 18, "search_context_size": "low" } }
            """),
        // Cache writes, a threshold, priority and a region's uplift at once:
        // (150,000 × 10 + 100,000 × 1 + 50,000 × 12.5 + 1000 × 45) × 2 × 1.1.
        new("M01g", "4.994",
            Of("""
                rates: { input: 5, output: 30, cacheRead: 0.5, cacheWrite5m: 6.25 }, priority: { multiplier: 2 },
                  longContext: { above: 272000, rates: { input: 10, output: 45, cacheRead: 1, cacheWrite5m: 12.5 } }
                """,
                "regionalMultipliers: [{ region: eu, models: \"*\", multiplier: 1.1 }]"),
            tenant => tenant.SpendAsync("300000 1000",
                """
                { "providerUsage": { "openAiResponses": { "input_tokens": 300000, "output_tokens": 1000,
                  "total_tokens": 301000, "service_tier": "priority",
                  "input_tokens_details": { "cached_tokens": 100000, "cache_write_tokens": 50000 } } } }
                """, """{ "region": "eu", "serviceTier": "SERVICE_TIER_PRIORITY" }""")),
        // A compaction, then another model in place of the one that refused: 1000 × 5 + 10,000 × 0.5 + 100 × 25, then
        // 2000 × 1 + 200 × 5.
        new("M01h", "0.0155",
            Of(
                "rates: { input: 5, output: 25, cacheRead: 0.5 }",
                prices: "{ model: n, rates: { input: 1, output: 5 } }"),
            tenant => tenant.ReportAsync("13000 300",
                """
                { "anthropic": { "input_tokens": 2000, "output_tokens": 200, "iterations": [
                  { "type": "compaction", "model": "m", "input_tokens": 1000, "output_tokens": 100,
                    "cache_read_input_tokens": 10000 },
                  { "type": "fallback_message", "model": "n", "input_tokens": 2000, "output_tokens": 200 }] } }
                """)),
        // A free one, where nothing may be spent.
        new("M01i", "0",
            Of("rates: { input: 0, output: 0, cacheRead: 0 }", useCase: "budget: { limit: 0, period: month }"),
            tenant => tenant.ReportAsync("1000 1000",
                """
                { "openAi": { "prompt_tokens": 1000, "completion_tokens": 1000,
                  "prompt_tokens_details": { "cached_tokens": 500 } } }
                """)),
    ];

    private static FieldCase Report(string id, string right, string price, string tokens, string report) =>
        new(id, right, Of(price), tenant => tenant.ReportAsync(tokens, report));
}
