using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf.WellKnownTypes;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class ClientTests
{
    [Fact]
    public async Task A_server_that_is_not_there_is_unavailable()
    {
        TestServer server = await TestServer.StartAsync();
        Uri address = server.GrpcAddress;
        await server.DisposeAsync();
        using RpcChannel channel = new(address, TimeProvider.System);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(channel, RpcCallOptions.None, CancellationToken.None));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
    }

    [Theory]
    [InlineData(400, RpcStatusCode.Internal)]
    [InlineData(401, RpcStatusCode.Unauthenticated)]
    [InlineData(403, RpcStatusCode.PermissionDenied)]
    [InlineData(404, RpcStatusCode.Unimplemented)]
    [InlineData(429, RpcStatusCode.Unavailable)]
    [InlineData(503, RpcStatusCode.Unavailable)]
    [InlineData(418, RpcStatusCode.Unknown)]
    [InlineData(200, RpcStatusCode.Unknown)]
    public async Task An_answer_that_is_not_grpc_has_the_code_of_its_http_status(int status, RpcStatusCode expected)
    {
        RequestDelegate route = async context =>
        {
            // Answering as an intermediary would that does not speak gRPC.
            context.Response.StatusCode = status;
            await context.Response.WriteAsync("not gRPC");
        };
        await using PlainHttp2Server server = await PlainHttp2Server.StartAsync(route);
        using RpcChannel channel = new(server.Address, TimeProvider.System);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(channel, RpcCallOptions.None, CancellationToken.None));
        Assert.Equal(expected, error.StatusCode);
    }

    [Fact]
    public async Task A_response_without_a_status_is_internal()
    {
        await using PlainHttp2Server server = await PlainHttp2Server.StartAsync(async context =>
        {
            context.Response.ContentType = "application/grpc";
            await context.Response.Body.WriteAsync(RawClient.Frame(new EchoResponse()));
        });
        using RpcChannel channel = new(server.Address, TimeProvider.System);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(channel, RpcCallOptions.None, CancellationToken.None));
        Assert.Equal(RpcStatusCode.Internal, error.StatusCode);
    }

    [Fact]
    public async Task A_token_that_has_fired_sends_nothing()
    {
        bool isHandled = false;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
        {
            isHandled = true;
            return new(new EchoResponse());
        });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => CallAsync(server.Channel, RpcCallOptions.None, new CancellationToken(canceled: true)));
        Assert.False(isHandled);
    }

    [Fact]
    public async Task Metadata_that_would_break_the_protocol_is_refused()
    {
        await using TestServer server = await TestServer.StartAsync();
        RpcCallOptions options = new() { Metadata = new Dictionary<string, string> { ["grpc-timeout"] = "1S" } };
        await Assert.ThrowsAsync<ArgumentException>(() => CallAsync(server.Channel, options, CancellationToken.None));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(5, 3)]
    public async Task A_call_is_sent_again_only_as_often_as_it_was_told(int retriesMax, int expectedCalls)
    {
        // The server fails twice; what is told never to retry, or too seldom, sees that.
        int calls = 0;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
            Interlocked.Increment(ref calls) <= 2 ? throw NotNow() : new(new EchoResponse { Text = "now" }));
        RpcCallOptions options = new() { RetriesMax = retriesMax };

        Task<EchoResponse> answer = CallAsync(server.Channel, options, CancellationToken.None).Within("the answer");

        if (retriesMax >= 2)
            Assert.Equal("now", (await answer).Text);
        else
            Assert.Equal(RpcStatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => answer)).StatusCode);
        Assert.Equal(expectedCalls, calls);
    }

    [Fact]
    public async Task A_definite_answer_is_not_asked_for_again()
    {
        int calls = 0;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
        {
            calls++;
            throw new RpcException(RpcStatusCode.ResourceExhausted, "Enough.");
        });
        await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(server.Channel, new RpcCallOptions { RetriesMax = 10 }, CancellationToken.None));
        Assert.Equal(1, calls);
    }

    [Fact]
    public async Task The_deadline_ends_the_waiting_for_a_retry()
    {
        RetryInfo later = new() { RetryDelay = new Duration { Seconds = 3600 } };
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
            throw new RpcException(RpcStatusCode.Unavailable, "Not now.", later));
        RpcCallOptions options = new() { RetriesMax = 10, Timeout = TimeSpan.FromMilliseconds(200) };
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => CallAsync(server.Channel, options, CancellationToken.None).Within("the deadline"));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
    }

    // Asks for a delay that a test need not wait for.
    private static RpcException NotNow() =>
        new(RpcStatusCode.Unavailable, "Not now.", new RetryInfo { RetryDelay = new Duration() });

    private static Task<EchoResponse> CallAsync(RpcChannel channel, RpcCallOptions options, CancellationToken token) =>
        channel.UnaryAsync<EchoRequest, EchoResponse>(TestServer.Echo, new EchoRequest(), options, token);
}
