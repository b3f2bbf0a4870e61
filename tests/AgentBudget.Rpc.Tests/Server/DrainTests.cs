using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class DrainTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_unary_call_in_flight_finishes()
    {
        TaskCompletionSource arrived = Waiting.NewSignal();
        TaskCompletionSource release = Waiting.NewSignal();
        bool wasCancelled = true;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = async (_, call) =>
        {
            CancellationToken cancellation = call.Cancellation;
            arrived.SetResult();
            await release.Task;
            wasCancelled = cancellation.IsCancellationRequested;
            return new EchoResponse { Text = "done" };
        });
        Task<EchoResponse> call = server.EchoAsync("");
        await arrived.Task.Within("the call");
        Task stop = server.Rpc.StopAsync(Grace);
        Assert.False(stop.IsCompleted);
        release.SetResult();
        Assert.Equal("done", (await call.Within("the answer")).Text);
        await stop.Within("the end of the server");
        Assert.False(wasCancelled);
    }

    [Fact]
    public async Task A_stream_ends_with_unavailable_and_does_not_hold_the_stop()
    {
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, call) =>
        {
            await responses.WriteAsync(new EchoResponse());
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
        });
        await using IAsyncEnumerator<EchoResponse> stream =
            server.RepeatAsync(new EchoRequest()).GetAsyncEnumerator();
        Assert.True(await stream.MoveNextAsync().AsTask().Within("the first message"));
        Task stop = server.Rpc.StopAsync(Timeout.InfiniteTimeSpan);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => stream.MoveNextAsync().AsTask().Within("the end of the stream"));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
        await stop.Within("the end of the server");
    }

    [Fact]
    public async Task A_stream_whose_handler_returns_when_cancelled_does_not_look_complete()
    {
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, call) =>
        {
            await responses.WriteAsync(new EchoResponse());
            TaskCompletionSource cancelled = Waiting.NewSignal();
            using CancellationTokenRegistration registration = call.Cancellation.Register(cancelled.SetResult);
            await cancelled.Task;
        });
        await using IAsyncEnumerator<EchoResponse> stream =
            server.RepeatAsync(new EchoRequest()).GetAsyncEnumerator();
        Assert.True(await stream.MoveNextAsync().AsTask().Within("the first message"));
        Task stop = server.Rpc.StopAsync(Grace);
        RpcException error = await Assert.ThrowsAsync<RpcException>(
            () => stream.MoveNextAsync().AsTask().Within("the end of the stream"));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
        await stop.Within("the end of the server");
    }

    [Fact]
    public async Task New_calls_are_unavailable()
    {
        await using TestServer server = await TestServer.StartAsync();
        await server.EchoAsync("before");
        await server.Rpc.StopAsync(Grace).Within("the end of the server");
        Assert.Equal(RpcStatusCode.Unavailable, (await server.EchoFailsAsync()).StatusCode);
    }

    [Fact]
    public async Task A_new_call_on_an_open_connection_is_told_unavailable_by_the_server()
    {
        await using TestServer server = await TestServer.StartAsync();
        server.Rpc.RefuseNewCalls();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()));
        Assert.Equal(RpcStatusCode.Unavailable, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_call_that_does_not_finish_is_cut_when_the_grace_is_over()
    {
        TaskCompletionSource arrived = Waiting.NewSignal();
        TaskCompletionSource release = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Echo = async (_, _) =>
            {
                arrived.SetResult();
                await release.Task;
                return new EchoResponse();
            };
        });
        Task<RpcException> call = server.EchoFailsAsync();
        await arrived.Task.Within("the call");
        Task stop = server.Rpc.StopAsync(TimeSpan.FromMilliseconds(100));
        Assert.Equal(RpcStatusCode.Unavailable, (await call.Within("the cut")).StatusCode);
        release.SetResult();
        await stop.Within("the end of the server");
    }

    [Fact]
    public async Task Stopping_twice_and_disposing_does_nothing_more()
    {
        await using TestServer server = await TestServer.StartAsync();
        await server.Rpc.StopAsync(Grace).Within("the end of the server");
        await server.Rpc.StopAsync(Grace).Within("the second stop");
    }
}
