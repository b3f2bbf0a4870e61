using System.Net;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class StartAndStopTests
{
    [Fact]
    public async Task Health_and_readiness_are_served_beside_the_methods()
    {
        await using TestSilo silo = await TestSilo.StartAsync(catalog: null);

        Assert.Equal((HttpStatusCode.OK, "ok\n"), await GetAsync(silo, "/healthz"));
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await GetAsync(silo, "/readyz"));
        Assert.Equal((HttpStatusCode.NotFound, "not found\n"), await GetAsync(silo, "/elsewhere"));
    }

    [Fact]
    public async Task Without_a_tenant_the_answer_says_to_apply_a_catalog()
    {
        await using TestSilo silo = await TestSilo.StartAsync(catalog: null);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => silo.OpenAsync());

        Assert.Equal(StatusCode.NotFound, refused.StatusCode);
    }

    [Fact]
    public async Task The_stop_ends_watchers_and_lets_calls_in_flight_finish()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        Task<RpcException> watcher = Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (WatchSpendResponse _ in silo.WatchAsync(
                new WatchSpendRequest { FromSequence = 1 }, CancellationToken.None))
            {
            }
        });
        Task<ReserveTokensResponse>[] calls =
            [.. Enumerable.Range(0, 200).Select(
                index => silo.ReserveAsync(opened.SessionToken, $"r{index}", input: 1))];

        await silo.StopAsync();

        Assert.Equal(StatusCode.Unavailable, (await watcher.WaitAsync(TestSilo.Patience)).StatusCode);
        int granted = 0;
        foreach (Task<ReserveTokensResponse> call in calls)
        {
            try
            {
                await call;
                granted++;
            }
            catch (RpcException fault)
            {
                Assert.Equal(StatusCode.Unavailable, fault.StatusCode);
            }
        }

        // What was granted is there after the restart; what was not may be asked again.
        await silo.StartAgainAsync();
        Assert.InRange((await silo.BalanceAsync(opened.SessionToken))[0].HeldTokens, granted, 200);
    }

    [Fact]
    public async Task Two_silos_cannot_have_one_data_folder()
    {
        await using TestSilo silo = await TestSilo.StartAsync(catalog: null);

        await Assert.ThrowsAsync<StoreException>(() => silo.StartAgainAsync());
    }

    [Fact]
    public async Task The_demo_catalog_is_applied_at_the_start_and_again_changes_nothing()
    {
        string path = Path.Combine(AppContext.BaseDirectory, "silo-config", "demo-catalog.yaml");
        await using TestSilo silo = await TestSilo.StartAsync(catalog: null);
        await silo.StopAsync();

        await silo.StartAgainAsync(path);
        Assert.NotEmpty(silo.Host.CatalogApplied!.Changes);
        Assert.Single(silo.Host.CatalogApplied.Notices);
        await silo.StopAsync();
        await silo.StartAgainAsync(path);

        Assert.Empty(silo.Host.CatalogApplied!.Changes);
        Assert.Equal(["acme"], silo.Host.Tenants);
    }

    [Fact]
    public async Task A_catalog_with_a_fault_stops_the_start_with_its_line()
    {
        await using TestSilo silo = await TestSilo.StartAsync(catalog: null);
        await silo.StopAsync();
        string path = Path.Combine(silo.DataFolder, "faulty.yaml");
        await File.WriteAllTextAsync(path, "tenant: acme\ncurrency: dollars\n");

        OptionsException fault = await Assert.ThrowsAsync<OptionsException>(() => silo.StartAgainAsync(path));

        Assert.Contains("line 2: currency: must be the ISO 4217 code", fault.Message, StringComparison.Ordinal);
        await silo.StartAgainAsync();
    }

    private static async Task<(HttpStatusCode Status, string Body)> GetAsync(TestSilo silo, string path)
    {
        using HttpResponseMessage response =
            await silo.Http.GetAsync(new Uri($"http://{silo.Host.Http}{path}")).WaitAsync(TestSilo.Patience);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
