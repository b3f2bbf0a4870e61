using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AgentBudget.Api.Access;
using AgentBudget.Protocol.V1;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Silo.Tests;

public sealed class RouteTests
{
    [Fact]
    public async Task Everything_that_is_served_has_its_line_and_every_line_serves_something()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        HashSet<string> served = [.. silo.Host.Served.Select(NameOf).Select(AccessPolicy.LineOf)];
        Assert.Equal(AccessPolicy.Names.Order(), served.Order());
        Assert.All(silo.Host.Served, endpoint => Assert.Same(
            AccessPolicy.Find(NameOf(endpoint)), endpoint.Metadata.GetMetadata<AccessRule>()));
    }

    [Fact]
    public async Task The_contract_is_a_document_and_a_page_that_takes_nothing_from_elsewhere()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        (HttpStatusCode status, string text) = await GetAsync(silo, "/openapi/v1.json", bearer: null);
        (_, string page) = await GetAsync(silo, "/docs/", bearer: null);

        Assert.Equal(HttpStatusCode.OK, status);
        JsonNode document = JsonNode.Parse(text)!;
        JsonObject paths = document["paths"]!.AsObject();
        Assert.Equal(
            ["post"], paths["/v1/reservations/{reservationId}:commit"]!.AsObject().Select(verb => verb.Key));
        JsonNode money = document["components"]!["schemas"]!["agentbudget.v1.Money"]!;
        Assert.Equal("string", (string)money["properties"]!["units"]!["type"]!);
        Assert.NotEmpty((string)document["paths"]!["/v1/reservations"]!["post"]!["summary"]!);
        Assert.Contains("openapi/v1.json", page, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_balance_is_read_by_the_name_of_an_account_and_of_a_part_of_one()
    {
        const string promo = "{ id: promo, businessUnit: marketing,";
        string catalog = Identity.Catalog.Replace(
            promo,
            promo + """ modelBudgets: [{ models: "m*", budget: { limit: 1, period: none } }],""",
            StringComparison.Ordinal);
        await using TestSilo silo = await TestSilo.StartAsync(catalog);
        foreach (string grain in (string[])["useCases/promo", "useCases/promo/models/m*"])
        {
            (HttpStatusCode status, string text) = await GetAsync(silo, $"/v1/balances/{grain}", silo.AdminKey);

            Assert.True(status == HttpStatusCode.OK, $"{grain}: {text}");
            Assert.Equal(grain, (string)JsonNode.Parse(text)!["grains"]![0]!["grain"]!);
        }

        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(silo, "/v1/balances/promo", silo.AdminKey)).Status);
    }

    [Fact]
    public async Task The_dashboard_of_the_grains_is_shown_to_operators_alone()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse auditor = await silo.CreateAsync(Role.Auditor, "deloitte");
        await silo.SpendAsync(silo.AdminKey, (await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken);

        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(silo, "/ops/orleans/", bearer: null)).Status);
        Assert.Equal(
            HttpStatusCode.Forbidden, (await GetAsync(silo, "/ops/orleans/GrainState", auditor.Secret)).Status);
        (HttpStatusCode status, string types) =
            await GetAsync(silo, "/ops/orleans/GrainTypes", silo.AdminKey);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("TenantGrain", types, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_without_a_line_stops_the_start()
    {
        await using WebApplication app = WebApplication.CreateSlimBuilder().Build();
        app.MapGet("/unheard", () => "");
        InvalidOperationException unheld = Assert.Throws<InvalidOperationException>(
            () => AccessPolicy.RequireLines(((IEndpointRouteBuilder)app).DataSources.SelectMany(one => one.Endpoints)));
        Assert.Contains("/unheard", unheld.Message, StringComparison.Ordinal);

        await using WebApplication other = WebApplication.CreateSlimBuilder().Build();
        other.MapRoute("GET", "/unheard", _ => Task.CompletedTask);
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(
            () => ((IEndpointRouteBuilder)other).DataSources.SelectMany(one => one.Endpoints).Count());
        Assert.Contains("GET /unheard", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_audit_is_exported_as_lines_to_auditors_and_nobody_else()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse auditor = await silo.CreateAsync(Role.Auditor, "deloitte");
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        await silo.SpendAsync(gateway, opened.SessionToken);

        (HttpStatusCode status, string text) = await GetAsync(silo, "/audit.jsonl", auditor.Secret);

        Assert.Equal(HttpStatusCode.OK, status);
        JsonNode[] lines = [.. text.TrimEnd('\n').Split('\n').Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(
            ["catalogApplied", "credentialCreated", "credentialCreated", "sessionOpened"],
            lines.Select(line => line.AsObject().Single(pair => pair.Value is JsonObject
                && pair.Key is not ("spender" or "requestHash")).Key));
        Assert.All(lines, line => Assert.Equal("admin", (string)line["actor"]!));
        (_, string all) = await GetAsync(silo, "/audit.jsonl?all=true&from=2", auditor.Secret);
        Assert.Contains("reservationHeld", all, StringComparison.Ordinal);
        Assert.DoesNotContain("catalogApplied", all, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await GetAsync(silo, "/audit.jsonl", gateway)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await GetAsync(silo, "/audit.jsonl", "abu_x")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await GetAsync(silo, "/audit.jsonl?from=0", auditor.Secret)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await GetAsync(silo, "/audit.json", auditor.Secret)).Status);
    }

    [Fact]
    public async Task A_file_of_focus_is_for_finance_and_says_what_is_wrong_with_its_parameters()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        CreateCredentialResponse finance = await silo.CreateAsync(Role.Finance, "controlling");
        string gateway = await silo.SecretAsync(Role.Gateway, "edge");
        string token = (await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken;
        ReserveTokensResponse held = await silo.SpendAsync(silo.AdminKey, token);
        await silo.CallAsync<CommitTokensRequest, CommitTokensResponse>("CommitTokens", new CommitTokensRequest
        {
            RequestId = Identity.NextId(),
            SessionToken = token,
            ReservationId = held.Reservation.ReservationId,
            Usage = new TokenUsage { InputTokens = 400, OutputTokens = 100 },
        });
        GetChargebackResponse report = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
            "GetChargeback", new GetChargebackRequest { GroupBy = { "bucket" } });
        DateTimeOffset now = silo.Time.GetUtcNow();
        string period = $"start={now:yyyy-MM}-01&end={now.AddDays(1):yyyy-MM-dd}";

        (HttpStatusCode status, string text) =
            await GetAsync(silo, $"/reports/focus.csv?{period}&version=1.3&detail=session", finance.Secret);

        Assert.True(status == HttpStatusCode.OK, text);
        string[] lines = text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.StartsWith("BilledCost,EffectiveCost,", lines[0], StringComparison.Ordinal);
        Assert.Equal(
            (report.Total.Cost.Units * 1_000_000_000m) + report.Total.Cost.Nanos,
            lines.Skip(1).Sum(BilledNanos));
        Assert.Equal(2, report.Total.Buckets.Count);
        Assert.NotNull(report.AsOf);
        Assert.Equal(
            HttpStatusCode.Forbidden, (await GetAsync(silo, $"/reports/focus.csv?{period}", gateway)).Status);
        foreach ((string query, string field) in ((string, string)[])
        [
            ("", "period.start_time"), ("start=soon&end=2026-11-01", "start"), ($"{period}&version=1.1", "version"),
            ("start=2026-11-02&end=2026-11-01", "period.end_time"), ($"{period}&detail=all", "detail"),
            ("start=2016-11-02&end=2026-11-01", "period.end_time"), ($"{period}&form=csv", "form"),
        ])
        {
            (status, text) = await GetAsync(silo, $"/reports/focus.csv?{query}", finance.Secret);
            Assert.True(status == HttpStatusCode.BadRequest, $"{query}: {text}");
            text = text.Replace(" ", "", StringComparison.Ordinal);
            Assert.Contains($"\"field\":\"{field}\"", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_forecast_is_of_each_window_of_a_grain_and_begins_at_what_is_settled()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        await silo.SpendAsync(silo.AdminKey, (await silo.OpenAsync(silo.AdminKey, "agents/writer")).SessionToken);

        (HttpStatusCode status, string text) =
            await GetAsync(silo, "/v1/reports/forecast?grain=useCases/promo", silo.AdminKey);
        GetBalanceResponse balance = await silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { Grain = "useCases/promo" });

        Assert.True(status == HttpStatusCode.OK, text);
        var forecast = GetForecastResponse.Parser.ParseJson(text);
        WindowForecast window = forecast.Windows[0];
        Assert.Equal(balance.Grains[0].Settled, window.Settled);
        // The hour that runs is not over: nothing is known but the balance.
        if (forecast.Hours == 0) Assert.Equal(window.Settled, window.Expected);
        Assert.Null(window.Low);
        Assert.Equal(balance.Grains[0].HardCap, window.HardCap);
        foreach (string grain in (string[])["sessions/s1", "useCases/promo/models/m", "promo"])
        {
            (status, text) = await GetAsync(silo, $"/v1/reports/forecast?grain={grain}", silo.AdminKey);
            Assert.True(status == HttpStatusCode.BadRequest, $"{grain}: {text}");
        }

        Assert.Equal(
            HttpStatusCode.NotFound,
            (await GetAsync(silo, "/v1/reports/forecast?grain=useCases/none", silo.AdminKey)).Status);
    }

    [Fact]
    public async Task A_report_is_asked_for_by_get_and_a_change_is_not()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        await silo.SpendAsync(silo.AdminKey, opened.SessionToken);

        (HttpStatusCode status, string text) =
            await GetAsync(silo, "/v1/reports/chargeback?groupBy=agent", silo.AdminKey);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("agents/writer", (string)JsonNode.Parse(text)!["rows"]![0]!["keys"]!["agent"]!);
        Assert.Equal(
            HttpStatusCode.Unauthorized,
            (await GetAsync(silo, "/v1/reports/chargeback?groupBy=agent", "abf_x")).Status);
        Assert.Equal(
            HttpStatusCode.MethodNotAllowed, (await GetAsync(silo, "/v1/budgets:extend", silo.AdminKey)).Status);
    }

    [Fact]
    public async Task An_error_as_json_is_a_google_rpc_status()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);

        (HttpStatusCode missing, string credential) = await GetAsync(silo, "/v1/catalog", "abk_nobody");
        (HttpStatusCode absent, string session) = await GetAsync(silo, "/v1/sessions/s999", silo.AdminKey);

        Assert.Equal((HttpStatusCode.Unauthorized, 16), (missing, CodeOf(credential)));
        Assert.Equal("CREDENTIAL_INVALID", ReasonOf(credential));
        Assert.Equal((HttpStatusCode.NotFound, 5), (absent, CodeOf(session)));
        Assert.Equal("SESSION_NOT_FOUND", ReasonOf(session));
        Assert.Equal("There is no such session.", (string?)JsonNode.Parse(session)!["message"]);
    }

    private static decimal BilledNanos(string line) =>
        decimal.Parse(line.Split(',')[0], CultureInfo.InvariantCulture) * 1_000_000_000m;

    private static int CodeOf(string error) => (int)JsonNode.Parse(error)!["code"]!;

    private static string ReasonOf(string error) => (string)JsonNode.Parse(error)!["details"]![0]!["reason"]!;

    private static string NameOf(Endpoint endpoint) =>
        endpoint.Metadata.GetMetadata<GrpcMethodMetadata>() is { } method
            ? method.Method.FullName
            : $"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods[0]} "
                + ((RouteEndpoint)endpoint).RoutePattern.RawText;

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(TestSilo silo, string path, string? bearer)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}{path}");
        request.Headers.Authorization = bearer is null ? null : new AuthenticationHeaderValue("Bearer", bearer);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
