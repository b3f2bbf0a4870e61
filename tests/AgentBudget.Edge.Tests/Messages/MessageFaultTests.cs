using System.IO.Compression;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Google.Protobuf;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Edge.Tests.Messages;

/// <summary>What is not one whole readable message gets its status and never reaches the handler.</summary>
public sealed class MessageFaultTests
{
    private int _handled;

    private Task<EdgeServer> StartAsync() => EdgeServer.StartAsync(setup => setup.Echo = (request, _) =>
    {
        Interlocked.Increment(ref _handled);
        return Task.FromResult(new EchoResponse { Text = request.Text });
    });

    private async Task AssertRefusedAsync(
        StatusCode expected, byte[] body, params (string Name, string Value)[] headers)
    {
        await using EdgeServer server = await StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(body, headers);
        Assert.Equal(expected, answer.GrpcStatus);
        Assert.Empty(answer.Body);
        Assert.Equal(0, _handled);
        Assert.Equal("after", (await server.EchoAsync("after")).Text);
    }

    [Fact]
    public Task Two_messages_are_unimplemented()
    {
        byte[] frame = RawClient.Frame(new EchoRequest { Text = "one" });
        return AssertRefusedAsync(StatusCode.Unimplemented, [.. frame, .. frame]);
    }

    [Fact]
    public async Task A_second_message_that_comes_later_is_unimplemented()
    {
        await using EdgeServer server = await StartAsync();
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        await content.WriteAsync(RawClient.Frame(new EchoRequest()));
        await content.WriteAsync(RawClient.Frame(new EchoRequest()));
        RawAnswer answer = await call;
        content.End();
        Assert.Equal(StatusCode.Unimplemented, answer.GrpcStatus);
        Assert.Equal(0, _handled);
    }

    [Fact]
    public Task No_message_is_unimplemented() => AssertRefusedAsync(StatusCode.Unimplemented, []);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(9)]
    public Task A_message_that_ends_early_is_internal(int bytes) => AssertRefusedAsync(
        StatusCode.Internal, RawClient.Frame(new EchoRequest { Text = "hello" })[..bytes]);

    [Fact]
    public Task A_message_of_the_largest_size_plus_one_is_exhausted() => AssertRefusedAsync(
        StatusCode.ResourceExhausted, RawClient.Frame(0, new byte[EdgeServer.MessageBytesMax + 1]));

    [Fact]
    public async Task A_message_of_the_largest_size_is_taken()
    {
        EchoRequest request = new() { Payload = ByteString.CopyFrom(new byte[EdgeServer.MessageBytesMax - 4]) };
        Assert.Equal(EdgeServer.MessageBytesMax, request.CalculateSize());
        await using EdgeServer server = await StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(request));
        Assert.Equal(StatusCode.OK, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(0x10_00_01u)]
    [InlineData(0x7F_FF_FF_FFu)]
    [InlineData(0xFF_FF_FF_FFu)]
    public async Task A_length_beyond_the_limit_is_refused_by_its_prefix_alone(uint length)
    {
        await using EdgeServer server = await StartAsync();
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        await content.WriteAsync(0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length);
        RawAnswer answer = await call;
        content.End();
        Assert.Equal(StatusCode.ResourceExhausted, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x0A, 0x05, 0x61 })]
    [InlineData(new byte[] { 0x07 })]
    public Task A_malformed_message_is_an_invalid_argument(byte[] payload) => AssertRefusedAsync(
        StatusCode.InvalidArgument, RawClient.Frame(0, payload));

    [Fact]
    public Task A_message_nested_too_deep_is_an_invalid_argument()
    {
        EchoRequest request = new();
        for (int depth = 0; depth < 200; depth++)
            request = new EchoRequest { Nested = request };
        return AssertRefusedAsync(StatusCode.InvalidArgument, RawClient.Frame(request));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(128)]
    public Task Unknown_flags_are_internal(byte flags) => AssertRefusedAsync(
        StatusCode.Internal, RawClient.Frame(flags, []));

    [Fact]
    public async Task A_gzip_message_is_inflated()
    {
        await using EdgeServer server = await StartAsync();
        byte[] body = RawClient.Frame(1, Gzip(new EchoRequest { Text = "small" }.ToByteArray()));
        RawAnswer answer = await server.Raw.GrpcAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal(StatusCode.OK, answer.GrpcStatus);
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "small" }), answer.Body);
    }

    [Fact]
    public async Task A_message_may_be_plain_where_gzip_is_announced()
    {
        await using EdgeServer server = await StartAsync();
        byte[] body = RawClient.Frame(new EchoRequest { Text = "plain" });
        RawAnswer answer = await server.Raw.GrpcAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "plain" }), answer.Body);
    }

    [Fact]
    public Task A_gzip_message_that_inflates_beyond_the_limit_is_exhausted() => AssertRefusedAsync(
        StatusCode.ResourceExhausted,
        RawClient.Frame(1, Gzip(new byte[EdgeServer.MessageBytesMax + 1])),
        ("grpc-encoding", "gzip"));

    [Fact]
    public Task A_message_that_is_not_gzip_as_announced_is_internal() => AssertRefusedAsync(
        StatusCode.Internal, RawClient.Frame(1, [1, 2, 3, 4]), ("grpc-encoding", "gzip"));

    [Fact]
    public Task A_compressed_message_without_an_encoding_is_internal() => AssertRefusedAsync(
        StatusCode.Internal, RawClient.Frame(1, Gzip([])));

    [Fact]
    public async Task An_unknown_encoding_is_unimplemented_and_told_which_are_known()
    {
        await using EdgeServer server = await StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(1, [1]), ("grpc-encoding", "snappy"));
        Assert.Equal(StatusCode.Unimplemented, answer.GrpcStatus);
        Assert.Equal("identity,gzip", answer.Header("grpc-accept-encoding"));
    }

    [Fact]
    public async Task A_caller_that_leaves_in_the_middle_of_its_message_disturbs_nobody()
    {
        await using EdgeServer server = await StartAsync();
        using (RawClient leaver = new(server))
        {
            HeldContent content = new();
            Task<RawAnswer> call = leaver.GrpcAsync(RawClient.EchoPath, content);
            await content.WriteAsync(0, 0, 0);
            leaver.Dispose();
            content.End();
            await Assert.ThrowsAnyAsync<Exception>(() => call);
        }

        Assert.Equal("after", (await server.EchoAsync("after")).Text);
        Assert.Equal(1, _handled);
    }

    [Theory]
    [InlineData(RawClient.EchoPath)]
    [InlineData(RawClient.TalkPath)]
    public async Task A_message_that_does_not_arrive_in_time_ends_its_call_and_no_other(string path)
    {
        FakeTimeProvider time = new();
        await using EdgeServer server = await EdgeServer.StartAsync(setup => setup.Time = time);
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(path, content);
        await content.WriteAsync(0, 0);
        while (!call.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            Assert.Equal("beside", (await server.EchoAsync("beside")).Text);
        }

        content.End();
        RawAnswer answer = await call;
        Assert.Equal((StatusCode.DeadlineExceeded, "MESSAGE_LATE"), (answer.GrpcStatus, answer.Reason));
    }

    [Fact]
    public async Task A_stream_may_be_idle_between_its_messages_as_long_as_it_likes()
    {
        FakeTimeProvider time = new();
        await using EdgeServer server = await EdgeServer.StartAsync(setup => setup.Time = time);
        using AsyncDuplexStreamingCall<EchoRequest, EchoResponse> talk = server.Talk.Talk();
        for (int i = 0; i < 3; i++)
        {
            await talk.RequestStream.WriteAsync(new EchoRequest { Text = "still here" });
            Assert.True(await talk.ResponseStream.MoveNext(default).Within("an answer"));
            time.Advance(TimeSpan.FromHours(1));
        }

        await talk.RequestStream.CompleteAsync();
        Assert.False(await talk.ResponseStream.MoveNext(default).Within("the end"));
    }

    [Fact]
    public async Task A_method_may_have_a_larger_bound_than_others()
    {
        await using EdgeServer server = await EdgeServer.StartAsync(setup =>
            setup.Bounds = bounds => bounds.MessageBytesMaxByPath[RawClient.EchoPath] = 2 * EdgeServer.MessageBytesMax);
        byte[] body = RawClient.Frame(new EchoRequest { Text = new string('x', EdgeServer.MessageBytesMax + 1) });
        Assert.Equal(StatusCode.OK, (await server.Raw.GrpcAsync(body)).GrpcStatus);
        RawAnswer other = await server.Raw.GrpcAsync(RawClient.CollectPath, new ByteArrayContent(body));
        Assert.Equal((StatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE"), (other.GrpcStatus, other.Reason));
    }

    [Fact]
    public async Task Calls_that_repeat_a_text_share_its_string()
    {
        List<string> texts = [];
        await using EdgeServer server = await EdgeServer.StartAsync(setup => setup.Echo = (request, _) =>
        {
            texts.Add(request.Text);
            return Task.FromResult(new EchoResponse());
        });
        string repeated = new('t', 200);
        await server.EchoAsync(repeated);
        await server.EchoAsync(repeated);
        Assert.Equal(repeated, texts[0]);
        Assert.Same(texts[0], texts[1]);
    }

    private static byte[] Gzip(byte[] payload)
    {
        using MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.SmallestSize))
            gzip.Write(payload);
        return output.ToArray();
    }
}
