using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;
using static AgentBudget.Silo.Tests.FieldCases.FieldTenant;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>Price books.</summary>
internal static class PriceCases
{
    private const string Free = "rates: { input: 0, output: 0 }";
    private const string Nothing = "budget: { limit: 0, period: month }";

    private const string Tiered =
        """
        rates: { input: 1, output: 2 }, longContext: [{ above: 32000, rates: { input: 2 } },
          { above: 128000, rates: { input: 3, output: 6 } }]
        """;

    private const string Tiers =
        """
        rates: { input: 5, output: 30 }, priority: { multiplier: 2.5 }, flex: { multiplier: 0.5 },
          batch: { multiplier: 0.5 }
        """;

    private const string Wrong = "rates: { input: 1, output: 1 }";

    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // Zero is a price, and what costs nothing is allowed where no money is left.
        new("P02", "0", Of(Free, useCase: Nothing), tenant => tenant.UseAsync(1000, 1000)),
        new("P02b", "1 REASON_USE_CASE_BUDGET 0",
            Of(Free, useCase: "budget: { limit: 1, period: month }", prices: $"{{ model: n, {Wrong} }}"),
            async tenant =>
            {
                string spent = await tenant.UseAsync(1_000_000, hold: """{ "model": "n" }""");
                string denied = await tenant.TryHoldAsync("200000 0", """{ "model": "n" }""");
                return $"{spent} {denied} {await tenant.UseAsync(1000, 1000)}";
            }),
        new("P02c", "REASON_USE_CASE_BUDGET", Of(Free, useCase: "budget: { tokens: 10, period: month }"),
            tenant => tenant.TryHoldAsync("100 0")),
        new("P02d", "0 REASON_USE_CASE_BUDGET", Of("rates: { input: 0, output: 1 }", useCase: Nothing),
            async tenant => $"{await tenant.TryHoldAsync("1000 0")} {await tenant.TryHoldAsync("1000 1")}"),

        // Free models stand in a book beside others, and what is dear of them is dear.
        new("P03", "0 0.003", Of(Free, prices: "{ model: n, rates: { input: 1, output: 2 } }"), async tenant =>
            $"{await tenant.UseAsync(1000, 1000)} {await tenant.UseAsync(1000, 1000, """{ "model": "n" }""")}"),
        new("P03b", "0 0.000011", Of($"{Free}, longContext: {{ above: 10, rates: {{ input: 1 }} }}"), async tenant =>
            $"{await tenant.UseAsync(10, 10)} {await tenant.UseAsync(11, 10)}"),
        new("P03c", "0 0.001", Of(Free, prices: "{ model: m, region: eu, rates: { input: 1, output: 0 } }"),
            async tenant =>
                $"{await tenant.UseAsync(1000, 1)} {await tenant.UseAsync(1000, 1, """{ "region": "eu" }""")}"),
        new("P03d", "0 0.005", Of($"{Free}, units: {{ web_search: 0.005 }}"), async tenant =>
        {
            string tokens = await tenant.UseAsync(1000, 1000);
            string searched = await tenant.ReportAsync("1000 0",
                """{ "anthropic": { "input_tokens": 9, "server_tool_use": { "web_search_requests": 1 } } }""");
            return $"{tokens} {searched}";
        }),

        // A request pays the rates of the highest threshold that it is above, whole.
        new("P06", "0.032", Of(Tiered), tenant => tenant.UseAsync(32_000)),
        new("P06b", "0.064002", Of(Tiered), tenant => tenant.UseAsync(32_001)),
        new("P06c", "0.066002", Of(Tiered), tenant => tenant.UseAsync(32_001, 1000)),
        new("P06d", "0.390003", Of(Tiered), tenant => tenant.UseAsync(128_001, 1000)),

        // What was served is settled.
        new("P07", "0.035", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "usage": { "inputTokens": 1000, "outputTokens": 1000 }, "serviceTier": "SERVICE_TIER_STANDARD" }
            """, """{ "serviceTier": "SERVICE_TIER_PRIORITY" }""")),
        new("P07b", "0.035", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "openAi": { "prompt_tokens": 1000, "completion_tokens": 1000,
              "service_tier": "default" } } }
            """, """{ "serviceTier": "SERVICE_TIER_PRIORITY" }""")),
        new("P07c", "0.0875", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "openAi": { "prompt_tokens": 1000, "completion_tokens": 1000,
              "service_tier": "priority" } } }
            """)),
        new("P07d", "0.0175", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "openAi": { "prompt_tokens": 1000, "completion_tokens": 1000,
              "service_tier": "default" } } }
            """, """{ "serviceTier": "SERVICE_TIER_BATCH" }""")),
        // A list without a price for the tier that served is settled at its ordinary rates.
        new("P07e", "0.003", Of("rates: { input: 1, output: 2 }"), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "openAi": { "prompt_tokens": 1000, "completion_tokens": 1000,
              "service_tier": "priority" } } }
            """)),
        new("P07f", "0.0175", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "gemini": { "promptTokenCount": 1000, "candidatesTokenCount": 1000,
              "trafficType": "ON_DEMAND_FLEX" } } }
            """, """{ "serviceTier": "SERVICE_TIER_PRIORITY" }""")),
        new("P07g", "0.0875", Of(Tiers), tenant => tenant.SpendAsync("1000 1000",
            """
            { "providerUsage": { "anthropic": { "input_tokens": 1000, "output_tokens": 1000,
              "service_tier": "standard", "speed": "fast" } } }
            """, """{ "serviceTier": "SERVICE_TIER_PRIORITY" }""")),

        // Hours of the week: every day is in the first, none that is near in the last.
        new("P11", "0.006", Of(Hours("""{ multiplier: 2 }""")), tenant => tenant.UseAsync(1000, 1000)),
        new("P11b", "0.002", Of(Hours("""{ rates: { input: 0 } }""")), tenant => tenant.UseAsync(1000, 1000)),
        new("P11c", "0.004", Of(Hours("""{ multiplier: 2, rates: { output: 1 } }""")),
            tenant => tenant.UseAsync(1000, 1000)),
        new("P11d", "0.003", Of(Hours($"{{ days: [{FieldSilo.InFourDays}], multiplier: 2 }}")),
            tenant => tenant.UseAsync(1000, 1000)),
        // A call is priced as of the time it is held at, however long it runs.
        new("P11e", "0.002 late", Of(Hours($"{{ days: [{FieldSilo.InFourDays}], multiplier: 2 }}")), async tenant =>
        {
            string reservation = await tenant.HoldAsync("1000 1000", """{ "ttl": "86400s" }""");
            await tenant.Silo.MoveAsync(TimeSpan.FromDays(4));
            return await tenant.CommitAsync(reservation, """{ "usage": { "inputTokens": 0, "outputTokens": 1000 } }""");
        }),

        // A wrong price was mended: the past is credited, rated again, or a budget starts over.
        new("P20", "1 0.6", Of(Wrong), async tenant =>
        {
            string spent = await tenant.UseAsync(1_000_000);
            await AdjustAsync(tenant, -0.4m);
            return $"{spent} {await tenant.SettledAsync()}";
        }),
        new("P20b", "-0.5 1", Of(Wrong), async tenant =>
        {
            await tenant.UseAsync(1_000_000);
            await tenant.ApplyAsync(Of("rates: { input: 0.5, output: 1 }"));
            return $"{await RerateAsync(tenant, applies: false)} {await tenant.SettledAsync()}";
        }),
        new("P20c", "-0.5 0.5 0", Of(Wrong), async tenant =>
        {
            await tenant.UseAsync(1_000_000);
            await tenant.ApplyAsync(Of("rates: { input: 0.5, output: 1 }"));
            string written = await RerateAsync(tenant, applies: true);
            return $"{written} {await tenant.SettledAsync()} {await RerateAsync(tenant, applies: false)}";
        }),
        new("P20d", "0 1", Of(Wrong), async tenant =>
        {
            await tenant.UseAsync(1_000_000);
            await tenant.CallAsync(
                "ResetBudget", new JsonObject { ["grain"] = "useCases/u", ["reason"] = "wrong prices" });
            return $"{await tenant.SettledAsync()} {await tenant.ChargebackAsync()}";
        }),
        new("P20e", "BadRequest 1", Of(Wrong), async tenant =>
        {
            await tenant.UseAsync(1_000_000);
            (HttpStatusCode status, _) = await tenant.TryAsync("AdjustSpend", new JsonObject
            {
                ["grain"] = "useCases/u",
                ["amount"] = Dollars(-1.5m),
                ["reason"] = "too much",
            });
            return $"{status} {await tenant.SettledAsync()}";
        }),

        // What a model bills beside tokens: seconds, images, pixels, characters, queries, requests.
        Unit("P29", "0.0061", "units: { second: 0.0001 }", "second", 61),
        Unit("P29b", "0.00394", "units: { input_image: 0.00197 }", "input_image", 2),
        Unit("P29c", "0.02", "units: { pixel: 0.000000019073486 }", "pixel", 1_048_576),
        Unit("P29d", "0.0005", "units: { character: 0.000000125 }", "character", 4000),
        Unit("P29e", "0.002", "units: { query: 0.002 }", "query", 1),
        new("P29f", "0.008", Of("rates: { input: 1, output: 2 }, units: { request: 0.005 }"),
            tenant => tenant.UseAsync(1000, 1000)),
        new("P29g", "0.128 0.0001 0.256002 0.0002",
            Of("""
                rates: { input: 1, output: 2 }, units: { second: 0.0001 },
                  longContext: { above: 128000, rates: { input: 2 }, units: { second: 0.0002 } }
                """),
            async tenant =>
            {
                string at = await SplitAsync(tenant, 128_000);
                return $"{at} {await SplitAsync(tenant, 128_001)}";
            }),
    ];

    private static string Hours(string span) =>
        $$"""rates: { input: 1, output: 2 }, hours: { zone: UTC, spans: [{{span}}] }""";

    private static FieldCase Unit(string id, string right, string units, string unit, long count)
    {
        string items = string.Create(
            CultureInfo.InvariantCulture, $$"""{ "items": [{ "sku": "{{unit}}", "count": "{{count}}" }] }""");
        return new(id, right, Of(units), tenant =>
            tenant.SpendAsync("0 0", $$"""{ "usage": {{items}} }""", $$"""{ "estimate": {{items}} }"""));
    }

    // The tokens of one call and a second of it.
    private static async Task<string> SplitAsync(FieldTenant tenant, long input)
    {
        string tokens = await tenant.UseAsync(input);
        string all = await tenant.SpendAsync(
            string.Create(CultureInfo.InvariantCulture, $"{input} 0"),
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""{ "usage": { "inputTokens": {{input}}, "items": [{ "sku": "second", "count": 1 }] } }"""));
        decimal second = decimal.Parse(all, CultureInfo.InvariantCulture)
            - decimal.Parse(tokens, CultureInfo.InvariantCulture);
        return $"{tokens} {second.ToString("0.#########", CultureInfo.InvariantCulture)}";
    }

    private static Task<JsonNode> AdjustAsync(FieldTenant tenant, decimal amount) =>
        tenant.CallAsync("AdjustSpend", new JsonObject
        {
            ["grain"] = "useCases/u",
            ["amount"] = Dollars(amount),
            ["reason"] = "a wrong price",
        });

    // What the use case's spend differs by at the second version of the prices.
    private static async Task<string> RerateAsync(FieldTenant tenant, bool applies)
    {
        await tenant.Silo.MoveAsync(TimeSpan.FromSeconds(4));
        DateTimeOffset now = tenant.Silo.Now.AddSeconds(-2); // After the charges, and before log time.
        JsonNode rated = await tenant.CallAsync("RerateSpend", new JsonObject
        {
            ["startTime"] = TimeOf(now.AddHours(-1)),
            ["endTime"] = TimeOf(now),
            ["priceVersion"] = "2",
            ["apply"] = applies,
            ["reason"] = "a wrong price",
        });
        JsonNode? difference =
            Items(rated["differences"]).SingleOrDefault(one => (string?)one["grain"] == "useCases/u");
        return MoneyOf(difference?["difference"]);
    }
}
