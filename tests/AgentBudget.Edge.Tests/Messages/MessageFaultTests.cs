using System.IO.Compression;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

/// <summary>What is not one whole readable message gets its status and never reaches the handler.</summary>
public sealed class MessageFaultTests
{
    private int _handled;

    private Task<TestServer> StartAsync() => TestServer.StartAsync(setup => setup.Echo = (request, _) =>
    {
        Interlocked.Increment(ref _handled);
        return new(new EchoResponse { Text = request.Text });
    });

    private async Task AssertRefusedAsync(
        RpcStatusCode expected, byte[] body, params (string Name, string Value)[] headers)
    {
        await using TestServer server = await StartAsync();
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
        return AssertRefusedAsync(RpcStatusCode.Unimplemented, [.. frame, .. frame]);
    }

    [Fact]
    public async Task A_second_message_that_comes_later_is_unimplemented()
    {
        await using TestServer server = await StartAsync();
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        await content.WriteAsync(RawClient.Frame(new EchoRequest()));
        await content.WriteAsync(RawClient.Frame(new EchoRequest()));
        RawAnswer answer = await call;
        content.End();
        Assert.Equal(RpcStatusCode.Unimplemented, answer.GrpcStatus);
        Assert.Equal(0, _handled);
    }

    [Fact]
    public Task No_message_is_unimplemented() => AssertRefusedAsync(RpcStatusCode.Unimplemented, []);

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(9)]
    public Task A_message_that_ends_early_is_internal(int bytes) => AssertRefusedAsync(
        RpcStatusCode.Internal, RawClient.Frame(new EchoRequest { Text = "hello" })[..bytes]);

    [Fact]
    public Task A_message_of_the_largest_size_plus_one_is_exhausted() => AssertRefusedAsync(
        RpcStatusCode.ResourceExhausted, RawClient.Frame(0, new byte[TestServer.MessageBytesMax + 1]));

    [Fact]
    public async Task A_message_of_the_largest_size_is_taken()
    {
        EchoRequest request = new() { Payload = ByteString.CopyFrom(new byte[TestServer.MessageBytesMax - 4]) };
        Assert.Equal(TestServer.MessageBytesMax, request.CalculateSize());
        await using TestServer server = await StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(request));
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(0x10_00_01u)]
    [InlineData(0x7F_FF_FF_FFu)]
    [InlineData(0xFF_FF_FF_FFu)]
    public async Task A_length_beyond_the_limit_is_refused_by_its_prefix_alone(uint length)
    {
        await using TestServer server = await StartAsync();
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        await content.WriteAsync(0, (byte)(length >> 24), (byte)(length >> 16), (byte)(length >> 8), (byte)length);
        RawAnswer answer = await call;
        content.End();
        Assert.Equal(RpcStatusCode.ResourceExhausted, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(new byte[] { 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0x0A, 0x05, 0x61 })]
    [InlineData(new byte[] { 0x07 })]
    public Task A_malformed_message_is_an_invalid_argument(byte[] payload) => AssertRefusedAsync(
        RpcStatusCode.InvalidArgument, RawClient.Frame(0, payload));

    [Fact]
    public Task A_message_nested_too_deep_is_an_invalid_argument()
    {
        EchoRequest request = new();
        for (int depth = 0; depth < 200; depth++)
            request = new EchoRequest { Nested = request };
        return AssertRefusedAsync(RpcStatusCode.InvalidArgument, RawClient.Frame(request));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(128)]
    public Task Unknown_flags_are_internal(byte flags) => AssertRefusedAsync(
        RpcStatusCode.Internal, RawClient.Frame(flags, []));

    [Fact]
    public async Task A_gzip_message_is_inflated()
    {
        await using TestServer server = await StartAsync();
        byte[] body = RawClient.Frame(1, Gzip(new EchoRequest { Text = "small" }.ToByteArray()));
        RawAnswer answer = await server.Raw.GrpcAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "small" }), answer.Body);
    }

    [Fact]
    public async Task A_message_may_be_plain_where_gzip_is_announced()
    {
        await using TestServer server = await StartAsync();
        byte[] body = RawClient.Frame(new EchoRequest { Text = "plain" });
        RawAnswer answer = await server.Raw.GrpcAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "plain" }), answer.Body);
    }

    [Fact]
    public Task A_gzip_message_that_inflates_beyond_the_limit_is_exhausted() => AssertRefusedAsync(
        RpcStatusCode.ResourceExhausted,
        RawClient.Frame(1, Gzip(new byte[TestServer.MessageBytesMax + 1])),
        ("grpc-encoding", "gzip"));

    [Fact]
    public Task A_message_that_is_not_gzip_as_announced_is_internal() => AssertRefusedAsync(
        RpcStatusCode.Internal, RawClient.Frame(1, [1, 2, 3, 4]), ("grpc-encoding", "gzip"));

    [Fact]
    public Task A_compressed_message_without_an_encoding_is_internal() => AssertRefusedAsync(
        RpcStatusCode.Internal, RawClient.Frame(1, Gzip([])));

    [Fact]
    public async Task An_unknown_encoding_is_unimplemented_and_told_which_are_known()
    {
        await using TestServer server = await StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(1, [1]), ("grpc-encoding", "snappy"));
        Assert.Equal(RpcStatusCode.Unimplemented, answer.GrpcStatus);
        Assert.Equal("identity,gzip", answer.Header("grpc-accept-encoding"));
    }

    [Fact]
    public async Task A_caller_that_leaves_in_the_middle_of_its_message_disturbs_nobody()
    {
        await using TestServer server = await StartAsync();
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

    [Fact]
    public async Task A_message_that_does_not_arrive_in_time_ends_its_call_and_no_other()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Time = time);
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        await content.WriteAsync(0, 0);
        while (!call.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            Assert.Equal("beside", (await server.EchoAsync("beside")).Text);
        }

        content.End();
        Assert.Equal(RpcStatusCode.DeadlineExceeded, (await call).GrpcStatus);
    }

    private static byte[] Gzip(byte[] payload)
    {
        using MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.SmallestSize))
            gzip.Write(payload);
        return output.ToArray();
    }
}
