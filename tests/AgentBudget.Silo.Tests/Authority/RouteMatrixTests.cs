using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AgentBudget.Api.Access;
using Grpc.Core;

namespace AgentBudget.Silo.Tests.Authority;

/// <summary>Every ordinary route, kind of caller and tenant named beside it, against <see cref="Sight"/>.</summary>
public sealed class RouteMatrixTests
{
    // A tenant that the request names beside: the world's, the other, one that is not there.
    private static readonly (string Whose, string Tenant)[] Tenants =
        [("own", "acme"), ("tenant", "other"), (World.Absent, "nowhere")];

    [Fact]
    public async Task Every_caller_is_answered_by_every_route_as_the_table_says()
    {
        using UserIssuer users = new();
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog, users.Settings);
        World world = await World.MakeAsync(silo, users);
        await world.AddEndedAsync(silo);
        await world.AddAdminAsync(silo);
        string metrics = (await File.ReadAllTextAsync(Path.Combine(silo.DataFolder, "metrics.key"))).Trim();
        world.Callers.AddRange([("operator", silo.AdminKey), ("metrics", metrics), ("nobody", "abk_acme.c1.x")]);
        Matrix matrix = new("routes");
        foreach ((string caller, string bearer) in world.Callers)
        {
            Told unknown = await AskAsync(silo, "GET /nothing", bearer, "acme");
            foreach (string route in Sight.Routes)
            {
                Told absent = await AskAsync(silo, route, bearer, "nowhere");
                foreach ((string whose, string tenant) in Tenants)
                {
                    Told answer = await AskAsync(silo, route, bearer, tenant);
                    // What is of no tenant differs from what is not served.
                    bool isOfTenant = Sight.IsOfTenant(route)
                        || Sight.Whole.OfRoute(caller, route, whose) != Expected.There;
                    matrix.Add(
                        $"{caller} {route} {whose}",
                        sight => sight.OfRoute(caller, route, whose),
                        answer,
                        isOfTenant ? absent : unknown);
                }
            }
        }

        matrix.AssertNoDifference(300);
        matrix.AssertEveryLineCounts(Sight.IsOfRoutes);
    }

    [Fact]
    public void The_table_speaks_of_every_route_that_can_be_got() => Assert.Equal(
        AccessPolicy.Names.Where(name => name.StartsWith("GET ", StringComparison.Ordinal)).Order(),
        Sight.Routes.Select(AccessPolicy.LineOf).Order());

    [Fact]
    public async Task An_export_names_nothing_of_another_tenant()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        World world = await World.MakeAsync(silo);
        await world.AddEndedAsync(silo);
        string foreign = world.Callers.Single(one => one.Role == "foreign").Bearer;
        Told others = await AskAsync(silo, "GET /audit.jsonl?all=true", foreign, "other");
        Told auditors = await AskAsync(
            silo, "GET /audit.jsonl?all=true", world.Callers.Single(one => one.Role == "auditor").Bearer, "acme");

        Assert.Contains("tenant: other", others.Rest, StringComparison.Ordinal);
        Assert.DoesNotContain("acme", others.Rest, StringComparison.Ordinal);
        Assert.Contains("tenant: acme", auditors.Rest, StringComparison.Ordinal);
        Assert.DoesNotContain("tenant: other", auditors.Rest, StringComparison.Ordinal);
    }

    private static async Task<Told> AskAsync(TestSilo silo, string route, string bearer, string tenant)
    {
        string path = route.Split(' ')[1];
        if (path.EndsWith(".csv", StringComparison.Ordinal))
            path += "?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z";
        using HttpRequestMessage request = new(HttpMethod.Get, $"http://{silo.Host.Http}{path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        request.Headers.Add("agentbudget-tenant", tenant);
        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        string text = await response.Content.ReadAsStringAsync();
        if (response.IsSuccessStatusCode)
            return new Told(StatusCode.OK, "", path == "/metrics" ? "metrics" : text);
        return text.StartsWith('{')
            ? Refused(JsonNode.Parse(text)!)
            : new Told(StatusCode.Unimplemented, "", $"{response.StatusCode} {text}");
    }

    private static Told Refused(JsonNode status) =>
        new((StatusCode)(int)status["code"]!, (string)status["message"]!, status.ToJsonString());
}
