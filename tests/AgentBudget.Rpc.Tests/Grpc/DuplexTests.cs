using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class DuplexTests
{
    [Fact]
    public async Task Each_request_is_answered_before_the_next_is_sent()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        for (int i = 0; i < 100; i++)
        {
            Assert.True(await talk.WriteAsync(new EchoRequest { Text = $"{i}" }).AsTask().Within("a write"));
            Assert.Equal($"{i}", (await ReadAsync(talk))?.Text);
        }

        talk.CompleteRequests();
        Assert.Null(await ReadAsync(talk));
        Assert.Null(await ReadAsync(talk));
    }

    [Fact]
    public async Task Requests_and_responses_flow_at_once()
    {
        const int count = 5_000;
        await using TestServer server = await TestServer.StartAsync();
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < count; i++)
                Assert.True(await talk.WriteAsync(new EchoRequest { Text = $"{i}" }));
            talk.CompleteRequests();
        });
        for (int i = 0; i < count; i++)
            Assert.Equal($"{i}", (await ReadAsync(talk))?.Text);
        Assert.Null(await ReadAsync(talk));
        await writing.Within("the last write");
    }

    [Fact]
    public async Task An_empty_stream_ends_well()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        talk.CompleteRequests();
        Assert.Null(await ReadAsync(talk));
    }

    [Fact]
    public async Task What_has_arrived_can_be_taken_without_waiting()
    {
        List<int> groups = [];
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = async (requests, _, _) =>
        {
            while (await requests.ReadAsync() is not null)
            {
                int group = 1;
                while (requests.TryRead(out EchoRequest? more))
                    group++;
                groups.Add(group);
            }
        });
        byte[] frames = [.. Enumerable.Repeat(RawClient.Frame(new EchoRequest { Text = "x" }), 50).SelectMany(f => f)];
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.TalkPath, new ByteArrayContent(frames));
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
        Assert.Equal(50, groups.Sum());
        Assert.True(groups.Count < 50, $"{groups.Count} groups");
    }

    [Fact]
    public async Task A_handler_that_does_not_read_holds_its_sender_and_nobody_else()
    {
        TaskCompletionSource release = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = async (requests, _, call) =>
        {
            await release.Task.WaitAsync(call.Cancellation);
            while (await requests.ReadAsync() is not null)
            {
            }
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        EchoRequest large = new() { Payload = ByteString.CopyFrom(new byte[32 * 1024]) };
        int written = 0;
        Task writing = Task.Run(async () =>
        {
            for (int i = 0; i < 100; i++)
            {
                Assert.True(await talk.WriteAsync(large));
                Interlocked.Increment(ref written);
            }

            talk.CompleteRequests();
        });
        int before;
        do
        {
            // The sender is held once calls beside it come and go and it has not moved meanwhile.
            before = Volatile.Read(ref written);
            for (int i = 0; i < 200; i++)
                Assert.Equal("beside", (await server.EchoAsync("beside").Within("a call beside the stream")).Text);
        }
        while (Volatile.Read(ref written) != before);
        Assert.InRange(before, 0, 20);
        release.SetResult();
        await writing.Within("the last write");
        Assert.Null(await ReadAsync(talk));
    }

    [Fact]
    public async Task A_deadline_ends_a_stream_whose_handler_waits_for_a_request()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource arrived = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            setup.Talk = async (requests, _, call) =>
            {
                arrived.SetResult();
                Assert.NotNull(await requests.ReadAsync());
            };
        });
        RpcCallOptions options = new() { Timeout = TimeSpan.FromMinutes(1) };
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk(options);
        await arrived.Task.Within("the call");
        time.Advance(TimeSpan.FromMinutes(1));
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(talk));
        Assert.Equal(RpcStatusCode.DeadlineExceeded, error.StatusCode);
    }

    [Fact]
    public async Task A_caller_that_leaves_ends_the_read_and_cancels_the_handler()
    {
        TaskCompletionSource<Exception?> ended = Waiting.NewSignal<Exception?>();
        TaskCompletionSource cancelled = Waiting.NewSignal();
        DuplexStreamingHandler<EchoRequest, EchoResponse> listen = async (requests, responses, call) =>
        {
            using CancellationTokenRegistration registration = call.Cancellation.Register(cancelled.SetResult);
            await responses.WriteAsync(new EchoResponse());
            ended.SetResult(await Record.ExceptionAsync(async () => await requests.ReadAsync()));
        };
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = listen);
        await using (RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk())
            Assert.NotNull(await ReadAsync(talk));
        Assert.IsAssignableFrom<OperationCanceledException>(await ended.Task.Within("the end of the read"));
        await cancelled.Task.Within("the cancellation of the handler");
    }

    [Fact]
    public async Task A_drain_ends_a_stream_that_waits_for_a_request()
    {
        TaskCompletionSource arrived = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = async (requests, _, _) =>
        {
            arrived.SetResult();
            await requests.ReadAsync();
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        await arrived.Task.Within("the call");
        Task stop = server.Rpc.StopAsync(Timeout.InfiniteTimeSpan);
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(talk));
        Assert.Equal(RpcStatusCode.Unavailable, error.StatusCode);
        await stop.Within("the end of the server");
    }

    [Fact]
    public async Task A_handler_that_ends_early_ends_the_call_and_the_writes()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = async (requests, _, _) =>
        {
            await requests.ReadAsync();
            throw new RpcException(RpcStatusCode.ResourceExhausted, "enough");
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        Assert.True(await talk.WriteAsync(new EchoRequest()).AsTask().Within("a write"));
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => ReadAsync(talk));
        Assert.Equal(RpcStatusCode.ResourceExhausted, error.StatusCode);
        bool isTaken = true;
        for (int i = 0; isTaken && i < 10_000; i++)
            isTaken = await talk.WriteAsync(new EchoRequest()).AsTask().Within("a write after the end");
        Assert.False(isTaken);
        Assert.Equal("next", (await server.EchoAsync("next")).Text);
    }

    [Fact]
    public async Task A_message_that_stops_in_the_middle_is_late_but_a_pause_between_messages_is_not()
    {
        FakeTimeProvider time = new();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Time = time);
        HeldContent content = new();
        Task<RawAnswer> answer = server.Raw.GrpcAsync(RawClient.TalkPath, content);
        await content.WriteAsync(RawClient.Frame(new EchoRequest { Text = "whole" }));
        for (int i = 0; i < 20; i++)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await server.EchoAsync("beside");
        }

        Assert.False(answer.IsCompleted);
        await content.WriteAsync(0, 0, 0);
        while (!answer.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(10));
            await server.EchoAsync("beside");
        }

        Assert.Equal(RpcStatusCode.DeadlineExceeded, (await answer).GrpcStatus);
        content.End();
    }

    [Fact]
    public async Task Two_reads_at_once_are_a_defect_of_the_handler()
    {
        TaskCompletionSource<Exception?> refused = Waiting.NewSignal<Exception?>();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = async (requests, _, _) =>
        {
            ValueTask<EchoRequest?> first = requests.ReadAsync();
            refused.SetResult(await Record.ExceptionAsync(async () => await requests.ReadAsync()));
            await first;
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        Assert.IsType<InvalidOperationException>(await refused.Task.Within("the second read"));
        talk.CompleteRequests();
        Assert.Null(await ReadAsync(talk));
    }

    [Fact]
    public async Task A_read_that_the_handler_left_behind_reaches_no_later_call()
    {
        Task<EchoRequest?>? left = null;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Talk = (requests, _, _) =>
        {
            left = requests.ReadAsync().AsTask();
            return Task.CompletedTask;
        });
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk();
        await Assert.ThrowsAsync<RpcException>(() => ReadAsync(talk));
        await Assert.ThrowsAnyAsync<Exception>(() => left!.Within("the end of the read"));
        Assert.Equal("next", (await server.EchoAsync("next")).Text);
    }

    [Fact]
    public async Task The_callers_token_ends_the_call()
    {
        await using TestServer server = await TestServer.StartAsync();
        using CancellationTokenSource source = new();
        await using RpcDuplexCall<EchoRequest, EchoResponse> talk = server.OpenTalk(null, source.Token);
        Assert.True(await talk.WriteAsync(new EchoRequest()).AsTask().Within("a write"));
        Assert.NotNull(await ReadAsync(talk));
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ReadAsync(talk));
    }

    private static Task<EchoResponse?> ReadAsync(RpcDuplexCall<EchoRequest, EchoResponse> talk) =>
        talk.ReadAsync().AsTask().Within("a response or the end");
}
