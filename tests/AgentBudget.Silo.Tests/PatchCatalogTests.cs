using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class PatchCatalogTests
{
    private const string Editor = "agents: [{ id: editor, businessUnit: marketing, useCases: [promo], models: [m] }]";

    [Fact]
    public async Task An_agent_is_added_and_removed_alone_and_the_version_says_what_is_in_force()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        long before = (await GetAsync(silo)).Version;

        PatchCatalogResponse dry = await PatchAsync(silo, Editor, request => request.DryRun = true);
        PatchCatalogResponse added = await PatchAsync(silo, Editor, request => request.BaseVersion = before);
        OpenSessionResponse session = await silo.OpenAsync(silo.AdminKey, "agents/editor");
        RpcException inUse = await Assert.ThrowsAsync<RpcException>(
            () => PatchAsync(silo, "remove: [agents/editor]"));
        await silo.CallAsync<EndSessionRequest, EndSessionResponse>(
            "EndSession", new EndSessionRequest { RequestId = "end", SessionToken = session.SessionToken });
        PatchCatalogResponse removed = await PatchAsync(silo, "remove: [agents/editor]");

        Assert.Equal((before, "agents/editor"), (dry.Version, Assert.Single(dry.Changes).Item));
        Assert.True(added.Version > before);
        Assert.Equal(StatusCode.FailedPrecondition, inUse.StatusCode);
        Assert.Equal(CatalogChange.Types.Kind.Removed, Assert.Single(removed.Changes).Kind);
        GetCatalogResponse now = await GetAsync(silo);
        Assert.Equal((removed.Version, 1), (now.Version, now.Catalog.Agents.Count));
        Assert.Empty((await silo.ApplyAsync(now.Document, "anew")).Changes);
    }

    [Fact]
    public async Task A_stale_patch_is_refused_with_the_version_in_force()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        long before = (await GetAsync(silo)).Version;
        long after = (await PatchAsync(silo, Editor)).Version;

        RpcException stale = await Assert.ThrowsAsync<RpcException>(
            () => PatchAsync(silo, "remove: [agents/editor]", request => request.BaseVersion = before));

        Assert.Equal(StatusCode.Aborted, stale.StatusCode);
        Assert.Contains($"version {after} ", stale.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_fault_of_a_patch_is_named_with_its_line()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        const string faulty = """
            tenant: acme
            agents:
              - id: editor
                businessUnit: nowhere
            prices:
              - { model: m2, rates: { input: 1 } }
            remove:
              - agents/nobody
            """;

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => PatchAsync(silo, faulty));
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(() => PatchAsync(silo, "currency: EUR"));
        RpcException foreign = await Assert.ThrowsAsync<RpcException>(() => PatchAsync(silo, "tenant: umbrella"));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("line 4: 'nowhere' is not among the business units", refused.Status.Detail);
        Assert.Contains("line 8: 'agents/nobody' is not in the catalog", refused.Status.Detail);
        Assert.Contains("line 1: is not a key of a catalog", unknown.Status.Detail);
        Assert.Contains("must be acme", foreign.Status.Detail);
    }

    [Fact]
    public async Task A_patch_is_a_patch_over_json_and_money_is_in_the_tenants_currency()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        const string document =
            """{"agents":[{"id":"writer","businessUnit":"marketing","budget":{"limit":5,"period":"day"}}]}""";

        (HttpStatusCode status, JsonNode body) = await silo.PostAsync(
            "PatchCatalog",
            new JsonObject
            {
                ["requestId"] = "json",
                ["format"] = "CATALOG_FORMAT_JSON",
                ["document"] = document,
            });

        Assert.True(status == HttpStatusCode.OK, $"{body}");
        Assert.Equal("agents/writer", (string)body["changes"]![0]!["item"]!);
        Money limit = (await GetAsync(silo)).Catalog.Agents.Single().Budget.Limit;
        Assert.Equal(("USD", 5), (limit.CurrencyCode, limit.Units));
    }

    [Fact]
    public async Task A_catalog_of_many_agents_is_applied_and_patched_and_a_larger_document_is_refused()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        StringBuilder document = new(Catalogs.Small.Replace(
            "prices:",
            "  - { id: last, businessUnit: marketing, useCases: [promo], models: ['m*'] }\nprices:",
            StringComparison.Ordinal));
        int at = document.ToString().IndexOf("prices:", StringComparison.Ordinal);
        StringBuilder agents = new();
        for (int number = 0; number < 6_000; number++)
        {
            agents.Append("  - { id: a").Append(number)
                .Append(", businessUnit: marketing, useCases: [promo], models: [m], budget: { limit: 1 } }\n");
        }

        document.Insert(at, agents);
        Assert.True(document.Length > 400_000);
        await silo.ApplyAsync(document.ToString(), "many");
        PatchCatalogResponse patched = await PatchAsync(silo, Editor);
        string large = document.Append('#').Append('x', 17 * 1024 * 1024).ToString();
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => silo.ApplyAsync(large, "large"));

        Assert.Single(patched.Changes);
        Assert.Equal(6_003, (await GetAsync(silo)).Catalog.Agents.Count);
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains("larger than 16777216 bytes", refused.Status.Detail, StringComparison.Ordinal);
        RpcException others = await Assert.ThrowsAsync<RpcException>(
            () => silo.OpenAsync(requestId: new string('x', 300 * 1024)));
        Assert.Equal(StatusCode.ResourceExhausted, others.StatusCode);
    }

    // As many as the largest public map has, as the command line writes them.
    [Fact]
    public async Task A_whole_price_map_is_patched_in_one_call_while_others_spend()
    {
        const int models = 10_000;
        await using TestSilo silo = await TestSilo.StartAsync(Catalogs.Small);
        string token = (await silo.OpenAsync()).SessionToken;
        using CancellationTokenSource stop = new();
        Task<int> spends = SpendUntilAsync(silo, token, stop.Token);

        PatchCatalogResponse put = await PatchAsync(silo, MapOf(models, rate: 1));
        PatchCatalogResponse changed = await PatchAsync(silo, MapOf(models, rate: 2));
        PatchCatalogResponse one = await PatchAsync(silo, MapOf(1, rate: 3));
        await stop.CancelAsync();

        Assert.True(await spends > 0);
        Assert.Equal((models, models, 1), (put.Changes.Count, changed.Changes.Count, one.Changes.Count));
        Assert.Empty((await PatchAsync(silo, MapOf(1, rate: 3))).Changes);
        Price[] prices = [.. (await GetAsync(silo)).Catalog.Prices.Where(price => price.Provider == "map")];
        Assert.Equal(models, prices.Length);
        Assert.Equal(3_000_000_000, prices[0].Rates.Input);
        Assert.All(prices.Skip(1), price => Assert.Equal(2_000_000_000, price.Rates.Input));
    }

    // Holds and gives them back until it is told to stop; how often.
    private static async Task<int> SpendUntilAsync(TestSilo silo, string token, CancellationToken stop)
    {
        int spends = 0;
        while (!stop.IsCancellationRequested)
        {
            string reservation = (await silo.ReserveAsync(token, $"r{spends}")).Reservation.ReservationId;
            await silo.CallAsync<ReleaseTokensRequest, ReleaseTokensResponse>(
                "ReleaseTokens",
                new ReleaseTokensRequest
                {
                    RequestId = $"b{spends++}",
                    SessionToken = token,
                    ReservationId = reservation,
                });
        }

        return spends;
    }

    private static string MapOf(int models, int rate)
    {
        StringBuilder map = new("prices:\n");
        for (int number = 0; number < models; number++)
        {
            map.Append("  - model: \"map/m-").Append(number).Append("\"\n    provider: \"map\"\n    rates: { input: ")
                .Append(rate).Append(", output: 5, cacheRead: 0.1, cacheWrite5m: 1.25 }\n")
                .Append("    units: { web_search: 0.01 }\n    longContext:\n")
                .Append("      - { above: 200000, rates: { input: 2, output: 7.5 } }\n")
                .Append("    maxOutputTokens: 64000\n    contextTokens: 1000000\n");
        }

        return map.ToString();
    }

    private static Task<PatchCatalogResponse> PatchAsync(
        TestSilo silo, string document, Action<PatchCatalogRequest>? change = null)
    {
        PatchCatalogRequest request = new() { RequestId = Identity.NextId(), Document = document };
        change?.Invoke(request);
        return silo.CallAsync<PatchCatalogRequest, PatchCatalogResponse>("PatchCatalog", request);
    }

    private static Task<GetCatalogResponse> GetAsync(TestSilo silo) =>
        silo.CallAsync<GetCatalogRequest, GetCatalogResponse>("GetCatalog", new GetCatalogRequest());
}
