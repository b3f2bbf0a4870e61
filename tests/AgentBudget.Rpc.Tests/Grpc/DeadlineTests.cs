using AgentBudget.Rpc.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class DeadlineTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData("1")]
    [InlineData("S")]
    [InlineData("1s")]
    [InlineData("-1S")]
    [InlineData("1.5S")]
    [InlineData(" 1S")]
    [InlineData("123456789S")]
    [InlineData("tomorrow")]
    public async Task A_malformed_timeout_is_an_invalid_argument(string timeout)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.Frame(new EchoRequest()), ("grpc-timeout", timeout));
        Assert.Equal(RpcStatusCode.InvalidArgument, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_handler_sees_what_is_left_and_when_it_ends()
    {
        TimeSpan? remaining = null;
        long? deadlineUnixNanos = null;
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Echo = (_, call) =>
            {
                remaining = call.TimeRemaining;
                deadlineUnixNanos = call.DeadlineUnixNanos;
                return new(new EchoResponse());
            };
        });
        await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()), ("grpc-timeout", "1500m"));
        Assert.Equal(TimeSpan.FromSeconds(1.5), remaining);
        TimeSpan deadline = _time.GetUtcNow().AddSeconds(1.5) - DateTimeOffset.UnixEpoch;
        Assert.Equal(deadline.Ticks * TimeSpan.NanosecondsPerTick, deadlineUnixNanos);
    }

    [Fact]
    public async Task A_call_without_a_timeout_has_no_deadline()
    {
        bool? hasNone = null;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            hasNone = call.TimeRemaining is null && call.DeadlineUnixNanos is null;
            return new(new EchoResponse());
        });
        await server.EchoAsync("");
        Assert.True(hasNone);
    }

    [Fact]
    public async Task A_deadline_of_one_call_is_not_inherited_by_the_next_on_its_stream()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Echo = (_, call) => new(new EchoResponse { Flag = call.TimeRemaining is null });
        });
        for (int i = 0; i < 5; i++)
        {
            Assert.False((await server.EchoAsync("", new RpcCallOptions { Timeout = TimeSpan.FromMinutes(1) })).Flag);
            Assert.True((await server.EchoAsync("")).Flag);
        }
    }

    [Fact]
    public async Task A_call_whose_deadline_has_passed_never_reaches_its_handler()
    {
        bool isHandled = false;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
        {
            isHandled = true;
            return new(new EchoResponse());
        });
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()), ("grpc-timeout", "0n"));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, answer.GrpcStatus);
        Assert.False(isHandled);
    }

    [Fact]
    public async Task An_answer_after_the_deadline_is_deadline_exceeded_without_a_timer()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Echo = (_, _) =>
            {
                _time.Advance(TimeSpan.FromSeconds(2));
                return new(new EchoResponse());
            };
        });
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()), ("grpc-timeout", "2S"));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_deadline_cancels_the_handler_that_waits()
    {
        TaskCompletionSource waiting = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Echo = async (_, call) =>
            {
                Task forever = Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
                waiting.SetResult();
                await forever;
                return new EchoResponse();
            };
        });
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()), ("grpc-timeout", "10S"));
        await waiting.Task.Within("the handler");
        _time.Advance(TimeSpan.FromSeconds(9.999));
        Assert.False(call.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, (await call).GrpcStatus);
    }

    [Fact]
    public async Task A_deadline_ends_a_stream_in_its_trailers()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Repeat = async (_, responses, call) =>
            {
                await responses.WriteAsync(new EchoResponse { Text = "one" });
                Task forever = Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
                _time.Advance(TimeSpan.FromSeconds(1));
                await forever;
            };
        });
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.RepeatPath, new ByteArrayContent(RawClient.Frame(new EchoRequest())), ("grpc-timeout", "1S"));
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "one" }), answer.Body);
        Assert.Equal("4", answer.Trailer("grpc-status"));
    }

    [Fact]
    public async Task A_client_gives_up_at_its_deadline_when_the_server_does_not_answer()
    {
        FakeTimeProvider clientTime = new();
        TaskCompletionSource arrived = Waiting.NewSignal();
        TaskCompletionSource release = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = _time;
            setup.Echo = async (_, _) =>
            {
                arrived.SetResult();
                await release.Task;
                return new EchoResponse();
            };
        });
        using RpcChannel channel = new(server.GrpcAddress, clientTime);
        Task<EchoResponse> call = channel.UnaryAsync<EchoRequest, EchoResponse>(
            TestServer.Echo,
            new EchoRequest(),
            new RpcCallOptions { Timeout = TimeSpan.FromSeconds(5) },
            CancellationToken.None);
        await arrived.Task.Within("the call");
        clientTime.Advance(TimeSpan.FromSeconds(5));
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => call);
        release.SetResult();
        Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
    }
}
