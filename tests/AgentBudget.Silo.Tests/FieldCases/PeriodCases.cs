using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;
using static AgentBudget.Silo.Tests.FieldCases.FieldTenant;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>Periods, limits, holds and clocks.</summary>
internal static class PeriodCases
{
    private const string One = "rates: { input: 1, output: 1 }"; // A million tokens are a dollar.
    private const string ATokenEach = "rates: { input: 1000000, output: 1000000 }"; // A token is a dollar.
    private const string Stops = "tiers: [{ at: 100, action: refuse }]";
    private const string Wide = "budget: { limit: 5000, period: month }";
    private const string Thinker = "rates: { input: 3, output: 15 }";
    private const string Charges = """{ "ttl": "5s", "onExpiry": "ON_EXPIRY_CHARGE" }""";

    private const string Opus =
        "{ model: claude-opus-4, rates: { input: 1, output: 1 } }, "
        + "{ model: claude-opus-5, rates: { input: 1, output: 1 } }";

    private const string OpusBudget =
        """modelBudgets: [{ models: "claude-opus-*", budget: { limit: 100, period: day } }]""";

    private const string Users =
        """
        userBudgets: { budget: { limit: 10, period: month }, users: [{ user: "user:vip@acme.test", budget:
          { limit: 100, period: month } }] }
        """;

    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // Absent is not zero.
        new("L01", "useCases/u REASON_USE_CASE_BUDGET", Of(One, useCase: "budget: { limit: 100 }"), async tenant =>
            $"{await tenant.ApplyAsync(Of(One, useCase: "budget: { limit: 100, tokens: 0 }"))} "
            + await tenant.TryHoldAsync("1 0")),
        new("L01b", "useCases/u 0.000001", Of(One, useCase: "budget: { limit: 100, tokens: 0 }"), async tenant =>
            $"{await tenant.ApplyAsync(Of(One, useCase: "budget: { limit: 100 }"))} "
            + await tenant.TryHoldAsync("1 0")),
        new("L01c", "0 prices/m@1970-01-01T00:00:00Z REASON_UNKNOWN_PRICE",
            Of("rates: { input: 1, output: 1, cacheRead: 0 }"), async tenant =>
            {
                const string cached = """{ "estimate": { "cacheReadTokens": "5" } }""";
                string free = await tenant.TryHoldAsync("0 0", cached);
                return $"{free} {await tenant.ApplyAsync(Of(One))} {await tenant.TryHoldAsync("0 0", cached)}";
            }),
        new("L01d", "0.001 prices/m@1970-01-01T00:00:00Z BadRequest estimate.max_output_tokens",
            Of($"{One}, maxOutputTokens: 0"), async tenant =>
            {
                string none = await tenant.TryHoldAsync("1000");
                return $"{none} {await tenant.ApplyAsync(Of(One))} {await RefusedHoldAsync(tenant, "1000")}";
            }),

        // A changed period counts what the ledger knows of it.
        new("L08", "5", Of(One, useCase: Limited("none")), tenant => ChangedAsync(tenant, "day", daysLater: 3)),
        new("L08b", "REASON_USE_CASE_BUDGET", Of(One, useCase: Limited("none")),
            tenant => ChangedAsync(tenant, "day", daysLater: 0)),
        new("L08c", "REASON_USE_CASE_BUDGET", Of(One, useCase: Limited("day")),
            tenant => ChangedAsync(tenant, "{ month: BEFORE }", daysLater: 3)),
        new("L08d", "5", Of(One, useCase: Limited("none")),
            tenant => ChangedAsync(tenant, "{ rolling: 1d }", daysLater: 3)),

        // Periods that begin where somebody says, and hours.
        new("L10", "15 00:00", Of(One, useCase: Limited("{ month: 15 }")), tenant => EndsAsync(tenant, "dd HH:mm")),
        new("L10b", "13:40", Of(One, useCase: Limited("""{ day: "13:40" }""")), tenant => EndsAsync(tenant, "HH:mm")),
        new("L10c", "00:00", Of(One, useCase: Limited("hour")), tenant => EndsAsync(tenant, "mm:ss")),
        new("L10d", "Wednesday 00:00", Of(One, useCase: Limited("{ week: wednesday }")),
            tenant => EndsAsync(tenant, "dddd HH:mm")),

        // What was spent above a limit is taken from the next period, where the catalog says so.
        new("L11", "5", Of(One, useCase: Limited("day", "carry: overspend")), tenant => LeftAsync(tenant, 15, days: 1)),
        new("L11b", "10", Of(One, useCase: Limited("day")), tenant => LeftAsync(tenant, 15, days: 1)),
        new("L11c", "5", Of(One, useCase: Limited("day", "carry: overspend")),
            tenant => LeftAsync(tenant, 25, days: 2)),
        new("L11d", "16", Of(One, useCase: Limited("day", "rollover: unused")),
            tenant => LeftAsync(tenant, 4, days: 1)),

        // A family of models has a budget, over all users.
        new("L13", "60 REASON_MODEL_BUDGET", Of(One, OpusBudget, Wide, prices: Opus), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 60, "claude-opus-4")} "
            + await ForAsync(tenant, "user:lee@acme.test", 60, "claude-opus-5")),
        new("L13b", "100 100", Of(One, OpusBudget, Wide, prices: Opus), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 100, "claude-opus-4")} "
            + await ForAsync(tenant, "user:kim@acme.test", 100, "m")),
        new("L13c", "60 REASON_MODEL_BUDGET", Of(One, useCase: $"{Wide}, {OpusBudget}", prices: Opus), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 60, "claude-opus-4")} "
            + await ForAsync(tenant, "user:kim@acme.test", 60, "claude-opus-5")),
        new("L13d", "60 60", Of(
            One, OpusBudget.Replace("opus-*", "opus-5", StringComparison.Ordinal), Wide, prices: Opus), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 60, "claude-opus-4")} "
            + await ForAsync(tenant, "user:kim@acme.test", 60, "claude-opus-5")),
        // A call that was held on one model and ran on another counts for the family of that.
        new("L13e", "60 REASON_MODEL_BUDGET", Of(One, OpusBudget, Wide, prices: Opus), async tenant =>
        {
            await tenant.OpenAsync("user:kim@acme.test");
            string settled = await tenant.SpendAsync("60000000 0",
                """{ "model": "claude-opus-4", "usage": { "inputTokens": "60000000" } }""");
            return $"{settled} {await ForAsync(tenant, "user:lee@acme.test", 60, "claude-opus-5")}";
        }),
        new("L13f", "60 60", Of(One, OpusBudget, Wide, prices: Opus), async tenant =>
        {
            await tenant.OpenAsync("user:kim@acme.test");
            string settled = await tenant.SpendAsync("60000000 0",
                """{ "model": "m", "usage": { "inputTokens": "60000000" } }""", """{ "model": "claude-opus-4" }""");
            return $"{settled} {await ForAsync(tenant, "user:lee@acme.test", 60, "claude-opus-5")}";
        }),

        // Every end user has a budget, and some another.
        new("L14", "8 REASON_USER_BUDGET", Of(One, Users, Wide), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 8)} {await ForAsync(tenant, "user:kim@acme.test", 8)}"),
        new("L14b", "8 8", Of(One, Users, Wide), async tenant =>
            $"{await ForAsync(tenant, "user:kim@acme.test", 8)} {await ForAsync(tenant, "user:lee@acme.test", 8)}"),
        new("L14c", "50 REASON_USER_BUDGET", Of(One, Users, Wide), async tenant =>
            $"{await ForAsync(tenant, "user:vip@acme.test", 50)} {await ForAsync(tenant, "user:vip@acme.test", 61)}"),
        new("L14d", "50", Of(One, Users, Wide), tenant => ForAsync(tenant, user: null, 50)),
        // After a charged expiry the first commit settles the difference to the estimate.
        new("H02", "400 back 100 late 400", Of(ATokenEach, useCase: Wide), tenant => LateAsync(tenant, Charges, 400)),
        new("H02b", "30 back 100 late 30", Of(ATokenEach, useCase: Wide), tenant => LateAsync(tenant, Charges, 30)),
        new("H02c", "400 late 400", Of(ATokenEach, useCase: Wide),
            tenant => LateAsync(tenant, """{ "ttl": "5s", "onExpiry": "ON_EXPIRY_REFUND" }""", 400)),
        new("H02d", "0 back 100 late 0", Of(ATokenEach, useCase: Wide), tenant => LateAsync(tenant, Charges, 0)),
        new("H02e", "60 back 100 late 400 back 60 late 400", Of(ATokenEach, useCase: Wide), async tenant =>
        {
            string reservation = await tenant.HoldAsync("100 0", Charges);
            await tenant.Silo.MoveAsync(TimeSpan.FromSeconds(6));
            string first = await tenant.CommitAsync(
                reservation, """{ "usage": { "inputTokens": 60 }, "cumulative": true, "final": false }""");
            string all = await tenant.CommitAsync(
                reservation, """{ "usage": { "inputTokens": 400 }, "cumulative": true }""");
            return $"{first} {all} {await tenant.SettledAsync()}";
        }),

        // A hold without a maximum output holds the model's, or the field is asked for.
        new("H05", "0.9603 0.9603 REASON_USE_CASE_BUDGET REASON_USE_CASE_BUDGET",
            Of($"{Thinker}, maxOutputTokens: 64000", useCase: $"budget: {{ limit: 2, {Stops} }}"), FourHoldsAsync),
        new("H05b", "REASON_USE_CASE_BUDGET REASON_USE_CASE_BUDGET REASON_USE_CASE_BUDGET REASON_USE_CASE_BUDGET",
            Of($"{Thinker}, maxOutputTokens: 64000", useCase: $"budget: {{ limit: 0.50, {Stops} }}"), FourHoldsAsync),
        new("H05c", "BadRequest estimate.max_output_tokens", Of(Thinker), tenant => RefusedHoldAsync(tenant, "100")),
        new("H05d", "0.0153", Of($"{Thinker}, maxOutputTokens: 64000"), tenant => tenant.TryHoldAsync("100 1000")),
        new("H05e", "BadRequest estimate.max_output_tokens",
            Of("rates: { input: 3, output: 0 }, longContext: { above: 50, rates: { output: 15 } }"),
            tenant => RefusedHoldAsync(tenant, "100")),
        new("H05f", "0.0003", Of("rates: { input: 3 }"), tenant => tenant.TryHoldAsync("100")),

        // A machine slept two hours: its wall clock is ahead, its steady clock as it was.
        new("I02", "1", Of(One), async tenant =>
        {
            await SleptAsync(tenant, hours: 2);
            return await tenant.UseAsync(1_000_000);
        }),
        new("I02b", "Unauthorized", Of(One), async tenant =>
        {
            await tenant.Silo.MoveAsync(TimeSpan.FromHours(2));
            return (await TryReserveAsync(tenant, "1 0")).Status.ToString();
        }),
        new("I02c", "1", Of(One), async tenant =>
        {
            await tenant.HoldAsync("1000000 0", """{ "onExpiry": "ON_EXPIRY_CHARGE" }""");
            await tenant.Silo.MoveAsync(TimeSpan.FromHours(2));
            return await tenant.SettledAsync();
        }),
        new("I02d", "2 late", Of(One), async tenant =>
        {
            string reservation = await tenant.HoldAsync("1000000 0");
            await tenant.Silo.MoveAsync(TimeSpan.FromDays(2));
            return await tenant.CommitAsync(reservation, """{ "usage": { "inputTokens": "2000000" } }""");
        }),
    ];

    private static string Limited(string period, string more = Stops) =>
        $"budget: {{ limit: 10, period: {period}, {(more == Stops ? more : $"{more}, {Stops}")} }}";

    // 8 are spent, then the period changes, then 5 are asked.
    private static async Task<string> ChangedAsync(FieldTenant tenant, string period, int daysLater)
    {
        await tenant.UseAsync(8_000_000);
        await SleptAsync(tenant, daysLater * 24);
        // A month that has begun before the spend.
        int begun = Math.Min(28, tenant.Silo.Now.AddDays(-10).Day);
        string day = begun.ToString(CultureInfo.InvariantCulture);
        string changed = period.Replace("BEFORE", day, StringComparison.Ordinal);
        await tenant.ApplyAsync(Of(One, useCase: Limited(changed)));
        return await tenant.TryHoldAsync("5000000 0");
    }

    private static async Task<string> EndsAsync(FieldTenant tenant, string format)
    {
        string end = (string)(await tenant.BalanceAsync())["resetTime"]!;
        return DateTimeOffset.Parse(end, CultureInfo.InvariantCulture).UtcDateTime
            .ToString(format, CultureInfo.InvariantCulture);
    }

    // What is left of 10 some days after so much was spent in one.
    private static async Task<string> LeftAsync(FieldTenant tenant, int dollars, int days)
    {
        string used = (dollars * 1_000_000L).ToString(CultureInfo.InvariantCulture);
        await tenant.SpendAsync("4000000 0", $$"""{ "usage": { "inputTokens": "{{used}}" } }""");
        await tenant.Silo.MoveAsync(TimeSpan.FromDays(days));
        return MoneyOf((await tenant.BalanceAsync())["available"]);
    }

    private static async Task<string> ForAsync(FieldTenant tenant, string? user, int dollars, string model = "m")
    {
        await tenant.OpenAsync(user);
        string tokens = (dollars * 1_000_000L).ToString(CultureInfo.InvariantCulture);
        return await tenant.TryHoldAsync($"{tokens} 0", $$"""{ "model": "{{model}}" }""");
    }

    // 100 are held for 5 s, and committed after 6.
    private static async Task<string> LateAsync(FieldTenant tenant, string hold, int used)
    {
        string reservation = await tenant.HoldAsync("100 0", hold);
        await tenant.Silo.MoveAsync(TimeSpan.FromSeconds(6));
        string settled = await tenant.CommitAsync(reservation, $$"""{ "usage": { "inputTokens": {{used}} } }""");
        return $"{settled} {await tenant.SettledAsync()}";
    }

    private static async Task<string> FourHoldsAsync(FieldTenant tenant)
    {
        List<string> held = [];
        for (int hold = 0; hold < 4; hold++) held.Add(await tenant.TryHoldAsync("100"));
        return string.Join(' ', held);
    }

    private static async Task SleptAsync(FieldTenant tenant, int hours)
    {
        await tenant.Silo.MoveAsync(TimeSpan.FromHours(hours));
        await tenant.OpenAsync();
    }

    // The status and the field that is at fault.
    private static async Task<string> RefusedHoldAsync(FieldTenant tenant, string tokens)
    {
        (HttpStatusCode status, JsonNode answer) = await TryReserveAsync(tenant, tokens);
        return $"{status} {FieldsOf(answer)}";
    }

    private static Task<(HttpStatusCode Status, JsonNode Answer)> TryReserveAsync(FieldTenant tenant, string tokens) =>
        tenant.TryAsync("ReserveTokens", tenant.ReserveRequest(tokens, "{}"));
}
