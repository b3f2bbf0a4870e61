using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace AgentBudget.Silo.Tests.FieldCases;

/// <summary>
/// A tenant of a running silo and the calls of its users, as JSON over HTTP. Money is told as a decimal.
/// </summary>
internal sealed class FieldTenant(FieldSilo silo, string name)
{
    private string _token = "";
    private int _requests;

    public FieldSilo Silo => silo;

    public string Name => name;

    /// <summary>Applies a catalog; what it changed.</summary>
    public Task<string> ApplyAsync(string catalog) => ApplyTextAsync($"tenant: {name}\n{catalog}");

    /// <summary>Applies a whole document; what it changed.</summary>
    public async Task<string> ApplyTextAsync(string document)
    {
        JsonNode applied = await CallAsync("ApplyCatalog", new JsonObject { ["document"] = document });
        return string.Join(' ', Items(applied["changes"]).Select(change => (string?)change["item"]));
    }

    /// <summary>Patches the catalog; what it changed.</summary>
    public async Task<string> PatchAsync(string document)
    {
        JsonNode patched = await CallAsync("PatchCatalog", new JsonObject { ["document"] = document });
        return string.Join(' ', Items(patched["changes"]).Select(change => (string?)change["item"]));
    }

    /// <summary>The places at fault of a document that must be refused.</summary>
    public async Task<string> FaultsAsync(string document)
    {
        (HttpStatusCode status, JsonNode answer) =
            await TryAsync("ApplyCatalog", new JsonObject { ["document"] = document });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        return FieldsOf(answer);
    }

    /// <summary>The fields at fault that an error names.</summary>
    public static string FieldsOf(JsonNode error) => string.Join(' ', Items(error["details"])
        .SelectMany(detail => Items(detail["fieldViolations"]))
        .Select(violation => (string?)violation["field"]));

    /// <summary>Opens the session that later calls spend in.</summary>
    public async Task OpenAsync(string? user = null, string agent = "a")
    {
        JsonObject request = new() { ["agent"] = $"agents/{agent}", ["useCase"] = "useCases/u" };
        if (user is null) request["unattended"] = true;
        else request["onBehalfOf"] = user;
        _token = (string)(await CallAsync("OpenSession", request))["sessionToken"]!;
    }

    /// <summary>A hold that must be allowed; its id.</summary>
    /// <param name="tokens">Input and maximum output tokens, "3000 10"; without the second as with none said.</param>
    /// <param name="more">Further keys of the request.</param>
    public async Task<string> HoldAsync(string tokens, string more = "{}")
    {
        JsonNode held = await ReserveAsync(tokens, more);
        Assert.Equal("DECISION_ALLOW", (string?)held["decision"]);
        return (string)held["reservation"]!["reservationId"]!;
    }

    /// <summary>What is held, or why not.</summary>
    public async Task<string> TryHoldAsync(string tokens, string more = "{}")
    {
        JsonNode held = await ReserveAsync(tokens, more);
        return (string?)held["decision"] == "DECISION_DENY"
            ? (string)held["denial"]!["reason"]!
            : MoneyOf(held["reservation"]!["cost"]);
    }

    /// <summary>What is settled, and what is told beside it.</summary>
    /// <param name="reservation">The hold.</param>
    /// <param name="request">The commit without its names.</param>
    public async Task<string> CommitAsync(string reservation, string request)
    {
        JsonObject body = Parse(request);
        body["sessionToken"] = _token;
        body["reservationId"] = reservation;
        JsonNode settled = await CallAsync("CommitTokens", body);
        List<string> told = [MoneyOf(settled["settled"]!["cost"])];
        if (settled["ownCost"] is { } own) told.Add($"own {MoneyOf(own)}");
        if (settled["expiryCharge"] is { } taken) told.Add($"back {MoneyOf(taken["cost"])}");
        if ((bool?)settled["late"] == true) told.Add("late");
        AddNames("unread", settled["unread"]);
        AddNames("unpriced", settled["unpricedItems"]);
        return string.Join(' ', told);

        void AddNames(string what, JsonNode? names)
        {
            string[] sorted = [.. Items(names).Select(item => (string)item!).Order(StringComparer.Ordinal)];
            if (sorted.Length > 0) told.Add($"{what} {string.Join(',', sorted)}");
        }
    }

    /// <summary>One call of the session: hold and commit.</summary>
    public async Task<string> SpendAsync(string tokens, string commit, string hold = "{}") =>
        await CommitAsync(await HoldAsync(tokens, hold), commit);

    /// <summary>One call, settled by the provider's report.</summary>
    public Task<string> ReportAsync(string tokens, string report) =>
        SpendAsync(tokens, $$"""{ "providerUsage": {{report}} }""");

    /// <summary>One call that uses what is held.</summary>
    public Task<string> UseAsync(long input, long output = 0, string hold = "{}")
    {
        string commit = string.Create(
            CultureInfo.InvariantCulture,
            $$"""{ "usage": { "inputTokens": {{input}}, "outputTokens": {{output}} } }""");
        return SpendAsync(string.Create(CultureInfo.InvariantCulture, $"{input} {output}"), commit, hold);
    }

    /// <summary>What an account has settled and held in its first window.</summary>
    public async Task<JsonNode> BalanceAsync(string grain = "useCases/u") =>
        (await CallAsync("GetBalance", new JsonObject { ["grain"] = grain }))["grains"]![0]!;

    /// <summary>What an account has settled in its first window.</summary>
    public async Task<string> SettledAsync(string grain = "useCases/u") =>
        MoneyOf((await BalanceAsync(grain))["settled"]);

    /// <summary>The cost of a chargeback by its groups, most first.</summary>
    public async Task<string> ChargebackAsync(
        string groupBy = "", DateTimeOffset? from = null, DateTimeOffset? to = null)
    {
        JsonObject request = [];
        if (groupBy.Length > 0) request["groupBy"] = new JsonArray(groupBy);
        JsonObject period = [];
        if (from is { } start) period["startTime"] = TimeOf(start);
        if (to is { } end) period["endTime"] = TimeOf(end);
        if (period.Count > 0) request["period"] = period;
        JsonNode report = await CallAsync("GetChargeback", request);
        return groupBy.Length == 0
            ? MoneyOf(report["total"]!["cost"])
            : string.Join(' ', Items(report["rows"]).Select(
                row => $"{(string?)row["keys"]![groupBy]}={MoneyOf(row["cost"])}"));
    }

    /// <summary>A call that must succeed.</summary>
    public async Task<JsonNode> CallAsync(string method, JsonObject request)
    {
        (HttpStatusCode status, JsonNode answer) = await TryAsync(method, request);
        Assert.True(status == HttpStatusCode.OK, $"{method} answers {status}: {answer.ToJsonString()}");
        return answer;
    }

    /// <summary>A call, with a request id where it needs one.</summary>
    public Task<(HttpStatusCode Status, JsonNode Answer)> TryAsync(string method, JsonObject request)
    {
        if (!method.StartsWith("Get", StringComparison.Ordinal)) request["requestId"] ??= $"q{++_requests}";
        return silo.Silo.PostAsync(method, request, tenant: name);
    }

    public static JsonObject Parse(string json) => JsonNode.Parse(json)!.AsObject();

    public static string TimeOf(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static JsonObject Dollars(decimal amount) => new()
    {
        ["currencyCode"] = "USD",
        ["units"] = ((long)decimal.Truncate(amount)).ToString(CultureInfo.InvariantCulture),
        ["nanos"] = (int)((amount - decimal.Truncate(amount)) * 1_000_000_000),
    };

    public static string MoneyOf(JsonNode? money)
    {
        decimal units = decimal.Parse((string?)money?["units"] ?? "0", CultureInfo.InvariantCulture);
        decimal nanos = (int?)money?["nanos"] ?? 0;
        return (units + (nanos / 1_000_000_000)).ToString("0.#########", CultureInfo.InvariantCulture);
    }

    public static IEnumerable<JsonNode> Items(JsonNode? list) => list?.AsArray().OfType<JsonNode>() ?? [];

    /// <summary>The request for a hold, as in <see cref="HoldAsync"/>.</summary>
    public JsonObject ReserveRequest(string tokens, string more)
    {
        JsonObject request = Parse(more);
        string[] counts = tokens.Split(' ');
        request["estimate"] ??= new JsonObject();
        request["estimate"]!["inputTokens"] = counts[0];
        if (counts.Length > 1) request["estimate"]!["maxOutputTokens"] = counts[1];
        request["model"] ??= "m";
        request["sessionToken"] = _token;
        return request;
    }

    private Task<JsonNode> ReserveAsync(string tokens, string more) =>
        CallAsync("ReserveTokens", ReserveRequest(tokens, more));
}
