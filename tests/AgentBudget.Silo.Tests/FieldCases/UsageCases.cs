using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>Usage as providers report it.</summary>
internal static class UsageCases
{
    private const string FiveAnd25 = "rates: { input: 5, output: 25 }";
    private const string Written = "rates: { input: 1, output: 8, cacheRead: 0.1, cacheWrite5m: 1.25 }";
    private const string Samplings = "rates: { input: 5, output: 25, cacheRead: 0.5, cacheWrite5m: 6.25 }";
    private const string Converse =
        "rates: { input: 3, output: 15, cacheRead: 0.3, cacheWrite5m: 3.75, cacheWrite1h: 6 }";

    private const string Embedding = "rates: { input: 0.12, output: 0 }";

    private const string Audio =
        "rates: { input: 0.60, output: 2, cacheRead: 0.06, inputAudio: 10, cacheReadAudio: 0.30 }";

    private const string Skus =
        "skus: [{ id: gpu.day, unit: day, cost: 98.32 }, { id: sandbox.minute, unit: minute, cost: 0.004 }]";

    private const string Searches =
        """
        { "anthropic": { "input_tokens": 105, "output_tokens": 6039,
          "server_tool_use": { "web_search_requests": 3 } } }
        """;

    // One more than a call may have items.
    private static readonly string[] Tools = [.. Enumerable.Range(0, 17).Select(tool => $"t{tool:00}")];

    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // A key that is not known never refuses a report.
        Report("U02", "0.013815", FiveAnd25, "3000 10",
            """{ "anthropic": { "input_tokens": 2743, "output_tokens": 4, "inference_geo": "not_available" } }"""),
        Report("U02b", "0.0075 unread draft_tokens,x_groq", FiveAnd25, "3000 100",
            """
            { "openAi": { "prompt_tokens": 1000, "completion_tokens": 100, "x_groq": { "id": "req_1" },
              "draft_tokens": 7 } }
            """),
        Report("U02c", "0.0075 unread billablePromptUsage", FiveAnd25, "3000 100",
            """
            { "gemini": { "promptTokenCount": 1000, "candidatesTokenCount": 100, "totalTokenCount": 1100,
              "billablePromptUsage": { "textCount": 4000 } } }
            """),
        Report("U02d", "0.0075 unread newShape", FiveAnd25, "3000 100",
            """
            { "bedrock": { "inputTokens": 1000, "outputTokens": 100, "totalTokens": 1100, "newShape": [1, 2],
              "cacheReadInputTokens": null } }
            """),

        // What was written to a cache is inside the input, beside what was read.
        Report("U05", "0.02251675", Written, "19000 10",
            """
            { "openAiResponses": { "input_tokens": 18014, "output_tokens": 0, "total_tokens": 18014,
              "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 18011 } } }
            """),
        Report("U05b", "0.013394", Written, "19000 10",
            """
            { "openAi": { "prompt_tokens": 18014, "completion_tokens": 10,
              "prompt_tokens_details": { "cached_tokens": 8000, "cache_write_tokens": 10000 } } }
            """),
        Report("U05c", "0.00125", Written, "19000 10",
            """
            { "compatible": { "prompt_tokens": 1000, "completion_tokens": 0,
              "prompt_tokens_details": { "cached_tokens": 0, "cache_creation_tokens": 1000 } } }
            """),
        Report("U05d", "0.000183", Written, "19000 10",
            """
            { "openAi": { "prompt_tokens": 100, "completion_tokens": 0,
              "prompt_tokens_details": { "cached_tokens": 80, "cache_write_tokens": 60 } } }
            """),
        Report("U05e", "0.013394", Written, "19000 10",
            """
            { "compatible": { "prompt_tokens": 18014, "completion_tokens": 10, "cache_creation_input_tokens": 10000,
              "cache_read_input_tokens": 8000 } }
            """),

        // The iterations stand in place of the counts beside them, each with its own caches.
        Report("U07", "1.1275", FiveAnd25, "23000 1000",
            """
            { "anthropic": { "input_tokens": 23000, "output_tokens": 1000, "iterations": [
              { "type": "compaction", "input_tokens": 180000, "output_tokens": 3500 },
              { "type": "message", "input_tokens": 23000, "output_tokens": 1000 }] } }
            """),
        Report("U07b", "0.0889", Samplings, "23000 1000",
            """
            { "anthropic": { "input_tokens": 20, "output_tokens": 200, "iterations": [
              { "type": "compaction", "input_tokens": 10, "output_tokens": 100, "cache_read_input_tokens": 100000 },
              { "type": "message", "input_tokens": 20, "output_tokens": 200,
                "cache_creation_input_tokens": 5000 }] } }
            """),
        new("U07c", "0.0087", Of(FiveAnd25, prices: "{ model: n, rates: { input: 1, output: 2 } }"), tenant =>
            tenant.ReportAsync("23000 1000",
                """
                { "anthropic": { "input_tokens": 1000, "output_tokens": 100, "iterations": [
                  { "type": "message", "model": "m", "input_tokens": 1000, "output_tokens": 100 },
                  { "type": "fallback_message", "model": "n", "input_tokens": 1000, "output_tokens": 100 }] } }
                """)),
        Report("U07d", "0.00075", FiveAnd25, "23000 1000",
            """
            { "anthropic": { "input_tokens": 100, "output_tokens": 10, "iterations": [
              { "type": "compaction", "input_tokens": null, "output_tokens": 0 },
              { "type": "message", "input_tokens": 100, "output_tokens": 10 }] } }
            """),
        Report("U07e", "0.00325", FiveAnd25, "1000 10",
            $$"""
            { "anthropic": { "input_tokens": 10, "output_tokens": 0, "iterations": [
              {{string.Join(", ", Enumerable.Repeat("""{ "type": "message", "input_tokens": 10 }""", 65))}}] } }
            """),

        // Bedrock's Converse counts caches apart from the input.
        Report("U13", "0.0171", Converse, "5000 100",
            """
            { "bedrock": { "inputTokens": 100, "outputTokens": 50, "totalTokens": 4150, "cacheReadInputTokens": 1000,
              "cacheWriteInputTokens": 3000, "cacheDetails": [{ "ttl": "5m", "inputTokens": 1000 },
              { "ttl": "1h", "inputTokens": 2000 }] } }
            """),
        Report("U13b", "0.0123", Converse, "5000 100",
            """{ "bedrock": { "inputTokens": 100, "outputTokens": 50, "cacheWriteInputTokens": 3000 } }"""),
        Report("U13c", "0.00135", Converse, "5000 100",
            """{ "bedrock": { "inputTokens": 100, "outputTokens": 50, "cacheReadInputTokenCount": 1000 } }"""),
        Report("U13d", "0.00105", Converse, "5000 100",
            """
            { "bedrockInvoke": { "amazon-bedrock-invocationMetrics": { "inputTokenCount": 100, "outputTokenCount": 50,
              "invocationLatency": 900, "firstByteLatency": 100 } } }
            """),
        Report("U13e", "0.00135", Converse, "5000 100",
            """
            { "bedrockInvoke": { "output": {}, "usage": { "inputTokens": 100, "outputTokens": 50, "totalTokens": 1150,
              "cacheReadInputTokenCount": 1000, "cacheWriteInputTokenCount": 0 } } }
            """),
        Report("U13f", "0.00105", Converse, "5000 100",
            """
            { "bedrockInvoke": { "usage": { "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150 } } }
            """),

        // Cached audio has a rate of its own.
        Report("U15", "0.00236", Audio, "2000 10",
            """
            { "openAiResponses": { "input_tokens": 1300, "output_tokens": 0, "input_token_details": {
              "cached_tokens": 1000, "text_tokens": 100, "audio_tokens": 1200,
              "cached_tokens_details": { "text_tokens": 0, "audio_tokens": 1000 } } } }
            """),
        Report("U15b", "0.00236", Audio, "2000 10",
            """
            { "gemini": { "promptTokenCount": 1300, "cachedContentTokenCount": 1000, "promptTokensDetails": [
              { "modality": "AUDIO", "tokenCount": 1200 }, { "modality": "TEXT", "tokenCount": 100 }],
              "cacheTokensDetails": [{ "modality": "AUDIO", "tokenCount": 1000 }] } }
            """),
        Report("U15c", "0.002216", Audio, "2000 10",
            """
            { "openAiResponses": { "input_tokens": 1300, "output_tokens": 0, "input_token_details": {
              "cached_tokens": 1000, "text_tokens": 700, "audio_tokens": 600,
              "cached_tokens_details": { "text_tokens": 600, "audio_tokens": 400 } } } }
            """),
        Report("U15d", "0.00212", "rates: { input: 0.60, output: 2, cacheRead: 0.06, inputAudio: 10 }", "2000 10",
            """
            { "openAiResponses": { "input_tokens": 1300, "output_tokens": 0, "input_token_details": {
              "cached_tokens": 1000, "text_tokens": 100, "audio_tokens": 1200,
              "cached_tokens_details": { "audio_tokens": 1000 } } } }
            """),
        Report("U15e", "0.00236", Audio, "2000 10",
            """
            { "openAiResponses": { "input_tokens": 1300, "output_tokens": 0, "input_token_details": {
              "text_tokens": 100, "audio_tokens": 1200,
              "cached_tokens_details": { "text_tokens": 0, "audio_tokens": 1000 } } } }
            """),

        // An item without a price is flagged, and never charged as another.
        new("U17", "0.0909 unpriced web_search", Of("rates: { input: 3, output: 15 }", Skus),
            tenant => tenant.ReportAsync("105 6039", Searches)),
        new("U17b", "0.0909 unpriced code_execution", Of("rates: { input: 3, output: 15 }", Skus),
            tenant => tenant.ReportAsync("105 6039", Searches.Replace(
                "web_search", "code_execution", StringComparison.Ordinal))),
        new("U17c", "0.1209",
            Of("rates: { input: 3, output: 15 }", "skus: [{ id: web_search, unit: search, cost: 0.01 }]"),
            tenant => tenant.ReportAsync("105 6039", Searches)),
        new("U17d", "0.1659", Of("rates: { input: 3, output: 15 }, units: { web_search: 0.025 }", Skus),
            tenant => tenant.ReportAsync("105 6039", Searches)),
        new("U17e", "REASON_UNKNOWN_PRICE", Of("rates: { input: 3, output: 15 }", $"unpricedItems: refuse\n{Skus}"),
            tenant => tenant.TryHoldAsync(
                "105 6039", """{ "estimate": { "items": [{ "sku": "web_search", "count": "3" }] } }""")),
        new("U17f", $"0.0005 unread server_tool_use.t16_requests unpriced {string.Join(',', Tools[..16])}",
            Of(FiveAnd25), tenant => tenant.ReportAsync("105 0",
                $$"""
                { "anthropic": { "input_tokens": 100, "server_tool_use": {
                  {{string.Join(", ", Tools.Select(tool => $"\"{tool}_requests\": 1"))}} } } }
                """)),

        // A total that is told alone is charged at the dearer rate, whatever it was of.
        Report("U22", "0.00012", Embedding, "1000 0", """{ "compatible": { "total_tokens": 1000 } }"""),
        Report("U22b", "0.025", FiveAnd25, "1000 0", """{ "compatible": { "total_tokens": 1000 } }"""),
        Report("U22c", "0.00012", "rates: { input: 0.12 }", "1000 0", """{ "openAi": { "total_tokens": 1000 } }"""),
        Report("U22d", "0.00012", Embedding, "1000 0",
            """{ "openAi": { "prompt_tokens": 600, "completion_tokens": null, "total_tokens": 1000 } }"""),

        // What is paid by another unit than tokens is read where providers tell it.
        Counted("U23", "0.001", "units: { second: 0.0001 }", "second",
            """{ "openAi": { "type": "duration", "seconds": 9.2 } }"""),
        Counted("U23b", "0.002", "units: { query: 0.002 }", "query",
            """{ "compatible": { "billed_units": { "search_units": 1 } } }"""),
        Counted("U23c", "0.029", "units: { page: 0.001 }", "page",
            """{ "compatible": { "pages_processed": 29, "doc_size_bytes": 3002783 } }"""),
        Counted("U23d", "0.0034337", "rates: { input: 0.1, output: 0.1 }, units: { input_audio_second: 0.0000166 }",
            "input_audio_second",
            """
            { "openAi": { "prompt_audio_seconds": 203, "prompt_tokens": 4, "completion_tokens": 635,
              "total_tokens": 639 } }
            """),
        Counted("U23e", "0.0001 unread prompt_audio_seconds",
            "rates: { input: 0.1, output: 0.1 }, units: { second: 0.0001 }", "second",
            """{ "openAi": { "prompt_audio_seconds": {}, "prompt_tokens": 600, "completion_tokens": 400 } }"""),

        // What a router billed is settled, beside the own price.
        Report("U20", "0.0061 own 0.0075", FiveAnd25, "1000 100",
            """{ "openAi": { "prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.0061, "is_byok": false } }"""),
        Report("U20b", "0.0075", FiveAnd25, "1000 100",
            """{ "openAi": { "prompt_tokens": 1000, "completion_tokens": 100, "cost": 0 } }"""),
        Report("U20c", "0.0075 unread is_byok", FiveAnd25, "1000 100",
            """{ "openAi": { "prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.0003, "is_byok": true } }"""),
        new("U20d", "0.0061 own 0.0075", Of(FiveAnd25), tenant => tenant.SpendAsync("1000 100",
            """
            { "usage": { "inputTokens": 1000, "outputTokens": 100 },
              "billedCost": { "currencyCode": "USD", "nanos": 6100000 } }
            """)),
    ];

    // A call that is held for a hundred of a unit, and settled by the provider's report.
    private static FieldCase Counted(string id, string right, string price, string unit, string report) =>
        new(id, right, Of(price), tenant => tenant.SpendAsync(
            "0 0",
            $$"""{ "providerUsage": {{report}} }""",
            $$"""{ "estimate": { "items": [{ "sku": "{{unit}}", "count": "100" }] } }"""));

    private static FieldCase Report(string id, string right, string price, string hold, string report) =>
        new(id, right, Of(price), tenant => tenant.ReportAsync(hold, report));
}
