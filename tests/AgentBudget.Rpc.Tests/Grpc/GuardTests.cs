using AgentBudget.Rpc.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class GuardTests
{
    [Fact]
    public async Task The_guard_refuses_from_the_headers_while_the_message_is_still_to_come()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Guard(
            (_, _) => throw new RpcException(RpcStatusCode.Unauthenticated, "Who are you?")));
        HeldContent content = new();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.EchoPath, content);
        content.End();
        Assert.Equal(RpcStatusCode.Unauthenticated, answer.GrpcStatus);
    }

    [Fact]
    public async Task The_handler_sees_the_user_that_the_guard_found()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Guard = new Guard((_, call) => call.User = call.Authorization);
            setup.Echo = (_, call) => new(new EchoResponse { Text = (string?)call.User ?? "nobody" });
        });
        Assert.Equal("Bearer kim", (await server.EchoAsync("", new RpcCallOptions { BearerToken = "kim" })).Text);
        Assert.Equal("nobody", (await server.EchoAsync("")).Text);
    }

    [Fact]
    public async Task What_the_guard_remembers_belongs_to_one_authorization()
    {
        List<object?> remembered = [];
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Guard((_, call) =>
        {
            remembered.Add(call.Remembered);
            call.Remembered = call.Authorization;
        }));
        foreach (string? bearer in (string?[])["kim", "kim", "lee", null, "lee"])
            await server.EchoAsync("", new RpcCallOptions { BearerToken = bearer });

        Assert.Equal([null, "Bearer kim", null, null], remembered[..4]);
        Assert.Contains(remembered[4], (object?[])[null, "Bearer lee"]);
    }

    [Fact]
    public async Task The_guard_is_told_the_method_health_included()
    {
        List<string> asked = [];
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Guard((method, call) =>
        {
            Assert.Same(method, call.Method);
            asked.Add(method.Path);
        }));
        await server.EchoAsync("");
        await server.Raw.GrpcAsync("/grpc.health.v1.Health/Check", new ByteArrayContent([0, 0, 0, 0, 0]));
        Assert.Equal([RawClient.EchoPath, "/grpc.health.v1.Health/Check"], asked);
    }

    [Fact]
    public async Task A_guard_that_fails_lets_nobody_in()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Guard = new Guard((_, _) => throw new InvalidOperationException("broken"));
        });
        Assert.Equal(RpcStatusCode.Internal, (await server.EchoFailsAsync()).StatusCode);
        Assert.Single(server.Log.Problems);
    }

    [Fact]
    public async Task A_guard_that_takes_its_time_lets_the_call_proceed_or_refuses_it_then()
    {
        TaskCompletionSource known = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new SlowGuard(known.Task));
        Task<EchoResponse> admitted = server.EchoAsync("late", new RpcCallOptions { BearerToken = "kim" });
        Task<RpcException> refused = server.EchoFailsAsync();
        known.SetResult();
        Assert.Equal("late", (await admitted).Text);
        Assert.Equal(RpcStatusCode.Unauthenticated, (await refused).StatusCode);
    }

    private sealed class SlowGuard(Task known) : IRpcGuard
    {
        public async Task AuthorizeAsync(RpcMethod method, RpcCall call)
        {
            await known;
            if (call.Authorization is null)
                throw new RpcException(RpcStatusCode.Unauthenticated, "Who are you?");
        }
    }

    [Fact]
    public async Task A_stream_ends_within_five_seconds_of_its_callers_credential()
    {
        FakeTimeProvider time = new();
        ReviewingGuard guard = new();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            setup.Guard = guard;
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk =
            server.OpenTalk(new RpcCallOptions { BearerToken = "kim" });
        await talk.WriteAsync(new EchoRequest { Text = "before" });
        Assert.Equal("before", (await talk.ReadAsync().AsTask().Within("the first answer"))?.Text);
        Task<EchoResponse?> reading = talk.ReadAsync().AsTask();

        time.Advance(TimeSpan.FromSeconds(2));
        await guard.Reviewed.Task.Within("the first review of the stream");
        Assert.False(reading.IsCompleted);
        guard.Refusal = new RpcException(RpcStatusCode.Unauthenticated, "Revoked.");
        for (int second = 0; second < 4; second++)
            time.Advance(TimeSpan.FromSeconds(1));

        RpcException end = await Assert.ThrowsAsync<RpcException>(() => reading.Within("the end of the stream"));
        Assert.Equal((RpcStatusCode.Unauthenticated, "Revoked."), (end.StatusCode, end.Status.Message));
        Assert.Equal(("Bearer kim", "kim"), guard.Asked);
    }

    [Fact]
    public async Task A_last_word_still_leaves_a_stream_whose_caller_was_refused()
    {
        FakeTimeProvider time = new();
        ReviewingGuard guard = new() { Refusal = new RpcException(RpcStatusCode.Unauthenticated, "Revoked.") };
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            setup.Guard = guard;
            setup.Talk = async (requests, responses, call) =>
            {
                await responses.WriteAsync(new EchoResponse { Text = "first" });
                await Task.Delay(Timeout.Infinite, call.Cancellation)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await responses.WriteAllAsync([new EchoResponse { Text = "last" }, new EchoResponse { Text = "word" }]);
            };
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        Assert.Equal("first", (await talk.ReadAsync().AsTask().Within("the first word"))?.Text);

        time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal("last", (await talk.ReadAsync().AsTask().Within("the last word"))?.Text);
        Assert.Equal("word", (await talk.ReadAsync().AsTask().Within("the rest"))?.Text);
        RpcException end = await Assert.ThrowsAsync<RpcException>(
            () => talk.ReadAsync().AsTask().Within("the end of the stream"));
        Assert.Equal(RpcStatusCode.Unauthenticated, end.StatusCode);
    }

    private sealed class ReviewingGuard : IRpcGuard
    {
        internal volatile RpcException? Refusal;

        internal TaskCompletionSource Reviewed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal (string? Authorization, object? User) Asked { get; private set; }

        public Task AuthorizeAsync(RpcMethod method, RpcCall call)
        {
            call.User = "kim";
            return Task.CompletedTask;
        }

        public ValueTask<RpcException?> ReviewAsync(RpcMethod method, string? authorization, object? user)
        {
            Asked = (authorization, user);
            Reviewed.TrySetResult();
            return new(Refusal);
        }
    }

    private sealed class Guard(Action<RpcMethod, RpcCall> authorize) : IRpcGuard
    {
        public Task AuthorizeAsync(RpcMethod method, RpcCall call)
        {
            authorize(method, call);
            return Task.CompletedTask;
        }
    }
}
