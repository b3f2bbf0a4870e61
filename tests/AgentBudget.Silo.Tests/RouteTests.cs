using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AgentBudget.Api.Access;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Silo.Tests;

public sealed class RouteTests
{
    [Fact]
    public async Task Every_route_has_its_line_here()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string[] open =
        [
            "GET /.well-known/oauth-authorization-server", "GET /healthz", "GET /oauth2/jwks", "GET /readyz",
            "POST /oauth2/introspect", "POST /oauth2/revoke", "POST /oauth2/token",
        ];
        Assert.Equal(open, silo.Host.Routes.Where(route => route.IsOpen).Select(NameOf).Order());
        Assert.Equal(
            ["GET /audit.jsonl"],
            silo.Host.Routes.Where(route => route.Roles == (Roles.Admin | Roles.Auditor)).Select(NameOf));
        Assert.Equal(
            ["GET /metrics"],
            silo.Host.Routes.Where(route => route.Roles == (Roles.Operator | Roles.Metrics)).Select(NameOf));
        Assert.Equal(open.Length + 2, silo.Host.Routes.Count);
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
                && pair.Key != "spender").Key));
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
    public async Task A_report_is_asked_for_by_get_and_a_change_is_not()
    {
        const string Query = "?connect=v1&encoding=json&message=%7B%22groupBy%22%3A%5B%22agent%22%5D%7D";
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        OpenSessionResponse opened = await silo.OpenAsync(silo.AdminKey, "agents/writer");
        await silo.SpendAsync(silo.AdminKey, opened.SessionToken);

        (HttpStatusCode status, string text) =
            await GetAsync(silo, "/agentbudget.v1.ReportService/GetChargeback" + Query, silo.AdminKey);

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("agents/writer", (string)JsonNode.Parse(text)!["rows"]![0]!["keys"]!["agent"]!);
        Assert.Equal(
            HttpStatusCode.Unauthorized,
            (await GetAsync(silo, "/agentbudget.v1.ReportService/GetChargeback" + Query, "abf_x")).Status);
        Assert.Equal(
            HttpStatusCode.MethodNotAllowed,
            (await GetAsync(silo, "/agentbudget.v1.CatalogService/ExtendBudget" + Query, silo.AdminKey)).Status);
    }

    private static string NameOf(HttpRoute route) => $"{route.Verb} {route.Path}";

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(TestSilo silo, string path, string bearer)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
