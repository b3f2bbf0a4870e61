using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using static AgentBudget.Silo.Tests.FieldCases.FieldCatalogs;
using static AgentBudget.Silo.Tests.FieldCases.FieldTenant;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// What is refused of price books, families and corrections: by its line or field, and nothing changes.
/// </summary>
public sealed class BadInputTests(FieldSilo silo) : IClassFixture<FieldSilo>
{
    private const string Good = "rates: { input: 1, output: 1 }";

    private static readonly Dictionary<string, (string Price, string More, string Named)> Documents = new()
    {
        ["negative"] = ("rates: { input: -1 }", "", "line 6: must not be negative."),
        ["negative-above"] = (
            $"{Good}, longContext: {{ above: 10, rates: {{ input: -1 }} }}", "", "line 6: must not be negative."),
        ["negative-unit"] = ("units: { second: -1 }", "", "line 6: must not be negative."),
        ["negative-sku"] = (Good, "skus: [{ id: s, cost: -1 }]", "line 7: must not be negative."),
        ["above"] = ("rates: { input: 1000001 }", "", "must be between 0 and 1,000,000 per million tokens"),
        ["above-64-bits"] = (
            "rates: { input: 9223372037 }", "", "line 6: is too large: at most 9223372036 is accepted."),
        ["above-unit"] = ("units: { second: 1001 }", "", "must be between 0 and 1,000 for one"),
        ["above-multiplier"] = (
            $"{Good}, priority: {{ multiplier: 10.1 }}", "", "line 6: must be above 0 and at most 10."),
        ["no-number"] = ("rates: { input: free }", "", "line 6: must be a decimal number such as 12.50."),
        ["too-fine"] = ("rates: { input: 0.35000000000000004 }", "", "line 6: has more than 9 digits after the point."),
        ["twice"] = ($"{Good} }}, {{ model: m, {Good}", "", "there is another price of m from the same time on"),
        ["twice-in-a-region"] = (
            $"{Good} }}, {{ model: m, region: eu, {Good} }}, {{ model: m, region: eu, {Good}", "",
            "there is another price of m from the same time on"),
        ["twice-a-bucket"] = ("rates: { input: 1, input: 2 }", "", "line 6: is there twice."),
        ["overlapping"] = (
            $"{Good}, hours: {{ zone: UTC, spans: [{{ from: \"08:00\", to: \"12:00\", multiplier: 2 }}, "
            + "{ from: \"11:59\", to: \"13:00\", multiplier: 3 }] }", "",
            "overlaps with spans[0]: a minute has one price"),
        ["overlapping-night"] = (
            $"{Good}, hours: {{ zone: UTC, spans: [{{ days: [sunday], from: \"22:00\", to: \"06:00\", "
            + "multiplier: 2 }, "
            + "{ days: [monday], from: \"05:00\", to: \"07:00\", multiplier: 3 }] }", "",
            "overlaps with spans[0]: a minute has one price"),
        ["falling-thresholds"] = (
            $"{Good}, longContext: [{{ above: 20, rates: {{ input: 2 }} }}, {{ above: 10, rates: {{ input: 3 }} }}]",
            "",
            "must be above the threshold before it"),
    };

    public static TheoryData<string> BadDocuments => [.. Documents.Keys];

    [Theory]
    [MemberData(nameof(BadDocuments))]
    public async Task A_bad_price_is_refused_by_its_line_and_field_and_nothing_changes(string name)
    {
        (string price, string more, string named) = Documents[name];
        FieldTenant tenant = await SpentAsync($"bad-{name}");

        await RefusedAsync(tenant, named, "ApplyCatalog", new JsonObject
        {
            ["document"] = $"tenant: {tenant.Name}\n{Of(price, more)}",
        });
    }

    [Theory]
    [MemberData(nameof(BadDocuments))]
    public async Task A_bad_price_of_a_patch_is_refused_by_its_line_and_field_and_nothing_changes(string name)
    {
        (string price, string more, string named) = Documents[name];
        FieldTenant tenant = await SpentAsync($"bad-patch-{name}");
        string inPatch = named.Replace("line 6", "line 1", StringComparison.Ordinal)
            .Replace("line 7", "line 2", StringComparison.Ordinal);

        await RefusedAsync(tenant, inPatch, "PatchCatalog", new JsonObject
        {
            ["document"] = $"prices: [{{ model: m, {price} }}]\n{more}",
        });
    }

    [Fact]
    public async Task A_family_that_no_model_is_of_is_taken_with_a_notice_of_its_line()
    {
        FieldTenant tenant = await SpentAsync("bad-family");

        JsonNode applied = await tenant.CallAsync("ApplyCatalog", new JsonObject
        {
            ["document"] = $"tenant: {tenant.Name}\n"
                + Of(Good, "modelBudgets: [{ models: \"nothing-*\", budget: { limit: 1 } }]"),
        });

        Assert.Equal(
            "budgets on models that no model with a price is of count nothing until there is one (line 7).",
            (string?)Assert.Single(applied["notices"]!.AsArray()));
    }

    [Fact]
    public async Task A_family_of_a_patch_that_no_model_is_of_is_taken_with_a_notice()
    {
        FieldTenant tenant = await SpentAsync("bad-patch-family");

        JsonNode patched = await tenant.CallAsync("PatchCatalog", new JsonObject
        {
            ["document"] = "agents: [{ id: a, businessUnit: b, useCases: [u], models: [\"*\"], "
                + "modelBudgets: [{ models: \"nothing-*\", budget: { limit: 1 } }] }]",
        });

        string notice = (string?)Assert.Single(patched["notices"]!.AsArray()) ?? "";
        Assert.StartsWith("no model with a price is of agents/a", notice, StringComparison.Ordinal);
        Assert.Contains("nothing-*", notice, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("little", "-1.000001")]
    [InlineData("much", "-9000000000")]
    public async Task An_adjustment_beyond_what_was_settled_is_refused_and_nothing_changes(string name, string amount)
    {
        FieldTenant tenant = await SpentAsync($"bad-credit-{name}");

        await RefusedAsync(tenant, "amount", "AdjustSpend", new JsonObject
        {
            ["grain"] = "useCases/u",
            ["amount"] = Dollars(decimal.Parse(amount, CultureInfo.InvariantCulture)),
            ["reason"] = "too much",
        });
    }

    [Theory]
    [InlineData("7")]
    [InlineData("0")]
    [InlineData("-1")]
    public async Task A_re_rate_at_a_version_that_never_was_is_refused_and_nothing_changes(string version)
    {
        FieldTenant tenant = await SpentAsync($"bad-version{version.TrimStart('-')}-{version.Length}");

        await RefusedAsync(tenant, "price_version", "RerateSpend", new JsonObject
        {
            ["startTime"] = TimeOf(tenant.Silo.Now.AddHours(-1)),
            ["endTime"] = TimeOf(tenant.Silo.Now.AddMinutes(-1)),
            ["priceVersion"] = version,
            ["apply"] = true,
            ["reason"] = "a wrong price",
        });
    }

    // A tenant that spent one dollar.
    private async Task<FieldTenant> SpentAsync(string name)
    {
        FieldTenant tenant = new(silo, name);
        await tenant.ApplyAsync(Of(Good));
        await tenant.OpenAsync();
        await tenant.UseAsync(1_000_000);
        return tenant;
    }

    private static async Task RefusedAsync(FieldTenant tenant, string named, string method, JsonObject request)
    {
        string before = await StateAsync(tenant);

        (HttpStatusCode status, JsonNode answer) = await tenant.TryAsync(method, request);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(named, answer.ToString(), StringComparison.Ordinal);
        Assert.Equal(before, await StateAsync(tenant));
    }

    // The catalog, what is settled, and how long the ledger is.
    private static async Task<string> StateAsync(FieldTenant tenant)
    {
        JsonNode report = await tenant.CallAsync("GetChargeback", []);
        string document = (string)(await tenant.CallAsync("GetCatalog", []))["document"]!;
        return $"{report["sequence"]} {await tenant.SettledAsync()} {document}";
    }
}
