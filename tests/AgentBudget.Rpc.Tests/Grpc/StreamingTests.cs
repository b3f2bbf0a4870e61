using System.Net;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Microsoft.Extensions.Time.Testing;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class StreamingTests
{
    [Fact]
    public async Task Messages_arrive_in_order_and_the_stream_ends_well()
    {
        await using TestServer server = await TestServer.StartAsync();
        List<long> numbers = [];
        await foreach (EchoResponse response in server.RepeatAsync(new EchoRequest { Count = 1000 }))
            numbers.Add(response.Number);
        Assert.Equal(Enumerable.Range(1, 1000).Select(i => (long)i), numbers);
    }

    [Fact]
    public async Task An_empty_stream_ends_well()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.RepeatPath, new ByteArrayContent(RawClient.Frame(new EchoRequest())));
        Assert.Equal("application/grpc", answer.ContentType);
        Assert.Equal("0", answer.Trailer("grpc-status"));
        Assert.Empty(answer.Body);
    }

    [Fact]
    public async Task An_error_after_messages_is_in_the_trailers()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Repeat = async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoResponse { Text = "one" });
            throw new RpcException(RpcStatusCode.DataLoss, "gone");
        });
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.RepeatPath, new ByteArrayContent(RawClient.Frame(new EchoRequest())));
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "one" }), answer.Body);
        Assert.Equal("15", answer.Trailer("grpc-status"));
        Assert.Equal("gone", answer.Trailer("grpc-message"));
    }

    [Fact]
    public async Task A_client_gets_the_messages_before_the_error()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Repeat = async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoResponse { Text = "one" });
            throw new RpcException(RpcStatusCode.DataLoss, "gone");
        });
        List<string> texts = [];
        RpcException error = await Assert.ThrowsAsync<RpcException>(async () =>
        {
            await foreach (EchoResponse response in server.RepeatAsync(new EchoRequest()))
                texts.Add(response.Text);
        });
        Assert.Equal(["one"], texts);
        Assert.Equal(RpcStatusCode.DataLoss, error.StatusCode);
    }

    [Fact]
    public async Task An_error_before_any_message_is_headers_alone()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Repeat =
            (_, _, _) => throw new RpcException(RpcStatusCode.OutOfRange, "no"));
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.RepeatPath, new ByteArrayContent(RawClient.Frame(new EchoRequest())));
        Assert.Equal("11", answer.Header("grpc-status"));
    }

    [Fact]
    public async Task Headers_can_leave_before_the_first_message()
    {
        TaskCompletionSource release = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Repeat = async (_, responses, _) =>
        {
            await responses.StartAsync();
            await release.Task;
        });
        ByteArrayContent content = new(RawClient.Frame(new EchoRequest()));
        content.Headers.TryAddWithoutValidation("content-type", "application/grpc");
        using HttpResponseMessage response = await server.Raw.OpenAsync(
            server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.RepeatPath, content);
        Assert.Equal("application/grpc", response.Content.Headers.ContentType?.MediaType);
        release.SetResult();
        Assert.Empty(await response.Content.ReadAsByteArrayAsync().Within("the end of the stream"));
        Assert.Equal(["0"], response.TrailingHeaders.GetValues("grpc-status"));
    }

    [Fact]
    public async Task A_caller_that_leaves_cancels_the_handler()
    {
        TaskCompletionSource cancelled = Waiting.NewSignal();
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, call) =>
        {
            using CancellationTokenRegistration registration = call.Cancellation.Register(cancelled.SetResult);
            await responses.WriteAsync(new EchoResponse());
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
        });
        await foreach (EchoResponse _ in server.RepeatAsync(new EchoRequest()))
            break;
        await cancelled.Task.Within("the cancellation of the handler");
    }

    [Fact]
    public async Task The_callers_token_cancels_the_handler_and_is_what_the_caller_sees()
    {
        TaskCompletionSource cancelled = Waiting.NewSignal();
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, call) =>
        {
            using CancellationTokenRegistration registration = call.Cancellation.Register(cancelled.SetResult);
            await responses.WriteAsync(new EchoResponse());
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
        });
        using CancellationTokenSource source = new();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (EchoResponse _ in server.RepeatAsync(new EchoRequest(), null, source.Token))
                await source.CancelAsync();
        });
        await cancelled.Task.Within("the cancellation of the handler");
    }

    [Fact]
    public async Task A_unary_caller_that_leaves_cancels_the_handler_that_asked()
    {
        TaskCompletionSource arrived = Waiting.NewSignal();
        TaskCompletionSource cancelled = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = async (_, call) =>
        {
            using CancellationTokenRegistration registration = call.Cancellation.Register(cancelled.SetResult);
            arrived.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, call.Cancellation);
            return new EchoResponse();
        });
        using CancellationTokenSource source = new();
        Task<EchoResponse> echo = server.Channel.UnaryAsync<EchoRequest, EchoResponse>(
            TestServer.Echo, new EchoRequest(), RpcCallOptions.None, source.Token);
        await arrived.Task.Within("the call");
        await source.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => echo);
        await cancelled.Task.Within("the cancellation of the handler");
    }

    [Fact]
    public async Task A_reader_that_stops_reading_holds_its_writer_and_nobody_else()
    {
        int written = 0;
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, call) =>
        {
            EchoResponse large = new() { Payload = ByteString.CopyFrom(new byte[32 * 1024]) };
            while (!call.Cancellation.IsCancellationRequested)
            {
                await responses.WriteAsync(large);
                Interlocked.Increment(ref written);
            }
        });
        await using IAsyncEnumerator<EchoResponse> stream =
            server.RepeatAsync(new EchoRequest()).GetAsyncEnumerator();
        Assert.True(await stream.MoveNextAsync().AsTask().Within("the first message"));
        int before;
        do
        {
            // The writer is held once calls beside it come and go and it has not moved meanwhile.
            before = Volatile.Read(ref written);
            for (int i = 0; i < 200; i++)
                Assert.Equal("beside", (await server.EchoAsync("beside").Within("a call beside the stream")).Text);
        }
        while (Volatile.Read(ref written) != before);
        Assert.InRange(before, 1, 10_000);
    }

    [Fact]
    public async Task A_stream_that_nobody_reads_is_reset_soon_after_its_deadline()
    {
        FakeTimeProvider time = new();
        TaskCompletionSource ended = Waiting.NewSignal();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            EchoResponse large = new() { Payload = ByteString.CopyFrom(new byte[32 * 1024]) };
            setup.Repeat = async (_, responses, _) =>
            {
                try
                {
                    while (true)
                        await responses.WriteAsync(large);
                }
                finally
                {
                    ended.TrySetResult();
                }
            };
        });
        RpcCallOptions options = new() { Timeout = TimeSpan.FromMinutes(1) };
        await using IAsyncEnumerator<EchoResponse> stream =
            server.RepeatAsync(new EchoRequest(), options).GetAsyncEnumerator();
        Assert.True(await stream.MoveNextAsync().AsTask().Within("the first message"));
        time.Advance(TimeSpan.FromMinutes(1));
        while (!ended.Task.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(6));
            await server.EchoAsync("beside");
        }

        await ended.Task.Within("the end of the handler");
    }

    [Fact]
    public async Task Concurrent_streams_keep_their_messages_apart()
    {
        await using TestServer server = await TestServer.StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(async stream =>
        {
            int count = 0;
            EchoRequest request = new() { Text = $"{stream}", Count = 50 };
            await foreach (EchoResponse response in server.RepeatAsync(request))
            {
                Assert.Equal($"{stream}", response.Text);
                Assert.Equal(++count, response.Number);
            }

            Assert.Equal(50, count);
        })).Within("fifty streams");
    }
}
