using AgentBudget.Rpc.Tests.Support;
using Grpc.Health.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class HealthTests
{
    private HealthService _health = null!;

    [Fact]
    public async Task The_server_does_not_serve_until_the_host_says_so()
    {
        await using TestServer server = await StartAsync();
        Assert.Equal(ServingStatus.NotServing, await CheckAsync(server, ""));
        _health.Set("", isServing: true);
        Assert.Equal(ServingStatus.Serving, await CheckAsync(server, ""));
    }

    [Fact]
    public async Task A_service_has_a_state_of_its_own()
    {
        await using TestServer server = await StartAsync();
        _health.Set("rpctest.v1.EchoService", isServing: true);
        Assert.Equal(ServingStatus.Serving, await CheckAsync(server, "rpctest.v1.EchoService"));
        Assert.Equal(ServingStatus.NotServing, await CheckAsync(server, ""));
    }

    [Fact]
    public async Task Checking_an_unknown_service_is_not_found()
    {
        await using TestServer server = await StartAsync();
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => CheckAsync(server, "nothing"));
        Assert.Equal(RpcStatusCode.NotFound, error.StatusCode);
    }

    [Fact]
    public async Task A_watch_sees_the_state_and_each_change()
    {
        await using TestServer server = await StartAsync();
        await using IAsyncEnumerator<HealthCheckResponse> watch = Watch(server, "");
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        _health.Set("", isServing: true);
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        _health.Set("other", isServing: true);
        _health.Set("", isServing: false);
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
    }

    [Fact]
    public async Task A_watch_of_an_unknown_service_waits_for_it()
    {
        await using TestServer server = await StartAsync();
        await using IAsyncEnumerator<HealthCheckResponse> watch = Watch(server, "later");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
        _health.Set("later", isServing: true);
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
    }

    private Task<TestServer> StartAsync() => TestServer.StartAsync(setup => _health = setup.Health);

    private static async Task<ServingStatus> CheckAsync(TestServer server, string service)
    {
        HealthCheckResponse response = await server.Channel.UnaryAsync<HealthCheckRequest, HealthCheckResponse>(
            HealthService.Descriptor.FindMethodByName("Check"),
            new HealthCheckRequest { Service = service },
            RpcCallOptions.None,
            CancellationToken.None);
        return response.Status;
    }

    private static IAsyncEnumerator<HealthCheckResponse> Watch(TestServer server, string service) =>
        server.Channel.ServerStreamingAsync<HealthCheckRequest, HealthCheckResponse>(
            HealthService.Descriptor.FindMethodByName("Watch"),
            new HealthCheckRequest { Service = service },
            RpcCallOptions.None,
            CancellationToken.None).GetAsyncEnumerator();

    private static async Task<ServingStatus> NextAsync(IAsyncEnumerator<HealthCheckResponse> watch)
    {
        Assert.True(await watch.MoveNextAsync().AsTask().Within("a change"));
        return watch.Current.Status;
    }
}
