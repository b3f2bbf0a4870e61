using System.Globalization;
using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>Reports, and how catalogs are written.</summary>
internal static class ReportCases
{
    private const string One = "rates: { input: 1, output: 2, cacheRead: 0.1 }";
    private const string Tagged = "tags: { customer: {} }";

    public static IReadOnlyList<FieldCase> All { get; } =
    [
        // Sums are kept by the quarter of an hour, so a day of any zone is that day.
        new("X02", "5", Of(One, "timeZone: Asia/Kathmandu"), tenant => DayAsync(tenant, "18:10", "18:20", "18:15")),
        new("X02b", "5", Of(One, "timeZone: Asia/Kolkata"), tenant => DayAsync(tenant, "18:25", "18:35", "18:30")),
        new("X02c", "5", Of(One, "timeZone: Pacific/Chatham"), tenant => DayAsync(tenant, "10:40", "11:35", "11:15")),
        new("X02d", "5 3", Of(One, "timeZone: Asia/Kathmandu"), async tenant =>
        {
            await DayAsync(tenant, "18:10", "18:20", "18:15");
            string days = await tenant.ChargebackAsync("day");
            return string.Join(' ', days.Split(' ').Select(day => day.Split('=')[1]));
        }),

        // Spend by user, by tag, by bucket, by price list.
        new("X03", "user:kim@acme.test=3 user:lee@acme.test=1", Of(One), async tenant =>
        {
            foreach ((string user, int dollars) in new[] { ("user:lee@acme.test", 1), ("user:kim@acme.test", 3) })
            {
                await tenant.OpenAsync(user);
                await tenant.UseAsync(dollars * 1_000_000);
            }

            return await tenant.ChargebackAsync("user");
        }),
        new("X03b", "k2=2 k1=1", Of(One, Tagged), async tenant =>
        {
            await tenant.UseAsync(1_000_000, hold: """{ "tags": { "customer": "k1" } }""");
            await tenant.UseAsync(2_000_000, hold: """{ "tags": { "customer": "k2" } }""");
            return await tenant.ChargebackAsync("tag:customer");
        }),
        new("X03c", "input=1 output=0.2 cache_read=0.01 =0", Of(One), async tenant =>
        {
            await tenant.SpendAsync("1000000 100000",
                """{ "usage": { "inputTokens": 1000000, "outputTokens": 100000, "cacheReadTokens": 100000 } }""");
            return await tenant.ChargebackAsync("bucket");
        }),
        new("X03d", "standard=1 batch=0.5 =0", Of($"{One}, batch: {{ multiplier: 0.5 }}"), async tenant =>
        {
            await tenant.UseAsync(1_000_000);
            await tenant.UseAsync(1_000_000, hold: """{ "serviceTier": "SERVICE_TIER_BATCH" }""");
            return await tenant.ChargebackAsync("service_tier");
        }),

        // How catalogs are written.
        new("X05", "useCases/v", Of(One), tenant => tenant.ApplyTextAsync(
            "\ufefftenant: x05\n" + Of(One).Replace(
                "useCases: [{ id: u", "useCases: [{ id: v, businessUnit: b }, { id: u", StringComparison.Ordinal))),
        new("X05b", "agents[0].models[0] prices[0].model", Of(One), tenant => tenant.FaultsAsync(
            "tenant: x05b\ncurrency: USD\nbusinessUnits: [{ id: b }]\nuseCases: [{ id: u, businessUnit: b }]\n"
            + "agents: [{ id: a, businessUnit: b, useCases: [u], models: [modèle] }]\n"
            + "prices: [{ model: modèle, rates: { input: 1 } }]")),
        new("X05c", "0.000001 REASON_MODEL_OUT_OF_SCOPE",
            Of(One, prices: "{ model: gpt-5, rates: { input: 1 } }").Replace(
                "models: [\"*\"]", "models: [\"gpt-*\"]", StringComparison.Ordinal), async tenant =>
                $"{await tenant.TryHoldAsync("1 0", """{ "model": "gpt-5" }""")} {await tenant.TryHoldAsync("1 0")}"),
        new("X05d", "0.000001", Of(One, prices: Many(501)), tenant =>
            tenant.TryHoldAsync("1 0", """{ "model": "many-500" }""")),
    ];

    private static string Many(int models) => string.Join(
        ", ", Enumerable.Range(0, models).Select(model => $"{{ model: many-{model}, rates: {{ input: 1 }} }}"));

    // 3 and 5 are spent at two times of a day, UTC; what of them is in the day that begins at a third.
    private static async Task<string> DayAsync(FieldTenant tenant, string first, string second, string begins)
    {
        await ToAsync(tenant, first);
        await tenant.UseAsync(3_000_000);
        await ToAsync(tenant, second);
        await tenant.UseAsync(5_000_000);
        DateTimeOffset from = new DateTimeOffset(tenant.Silo.Now.UtcDateTime.Date, TimeSpan.Zero)
            + TimeOnly.Parse(begins, CultureInfo.InvariantCulture).ToTimeSpan();
        return await tenant.ChargebackAsync(from: from, to: from.AddDays(1));
    }

    private static async Task ToAsync(FieldTenant tenant, string time)
    {
        DateTimeOffset now = tenant.Silo.Now;
        TimeSpan wait = TimeOnly.Parse(time, CultureInfo.InvariantCulture).ToTimeSpan() - now.TimeOfDay;
        await tenant.Silo.MoveAsync(wait > TimeSpan.Zero ? wait : wait + TimeSpan.FromDays(1));
        await tenant.OpenAsync();
    }
}
