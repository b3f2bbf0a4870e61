using System.IO.Compression;
using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Wire;

public sealed class CompressionTests
{
    private static readonly string Long = new('x', 20_000);

    [Fact]
    public async Task A_large_grpc_answer_is_compressed_for_those_who_take_it()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await EchoAsync(server, Long, "identity,deflate,gzip");
        Assert.Equal("gzip", answer.Header("grpc-encoding"));
        (byte flags, byte[] payload) = Assert.Single(RawClient.Frames(answer.Body));
        Assert.Equal(1, flags);
        Assert.True(payload.Length < 1000, $"{payload.Length} bytes");
        Assert.Equal(Long, EchoResponse.Parser.ParseFrom(Inflate(payload)).Text);
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
    }

    [Theory]
    [InlineData("identity")]
    [InlineData("deflate, gzip;q=0")]
    [InlineData("xgzip")]
    public async Task Those_who_do_not_take_gzip_get_none(string accepted)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await EchoAsync(server, Long, accepted);
        Assert.Null(answer.Header("grpc-encoding"));
        Assert.Equal(0, Assert.Single(RawClient.Frames(answer.Body)).Flags);
    }

    [Fact]
    public async Task A_small_answer_is_sent_as_it_is()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await EchoAsync(server, "small", "gzip");
        Assert.Null(answer.Header("grpc-encoding"));
        Assert.Equal(0, Assert.Single(RawClient.Frames(answer.Body)).Flags);
    }

    [Fact]
    public async Task A_handler_can_forbid_it()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (request, call) =>
        {
            call.CompressesResponse = false;
            return new(new EchoResponse { Text = request.Text });
        });
        RawAnswer answer = await EchoAsync(server, Long, "gzip");
        Assert.Equal(0, Assert.Single(RawClient.Frames(answer.Body)).Flags);
    }

    [Fact]
    public async Task A_stream_compresses_its_large_messages_alone()
    {
        await using TestServer server = await TestServer.RepeatingAsync(async (_, responses, _) =>
        {
            await responses.WriteAsync(new EchoResponse { Text = "small" });
            await responses.WriteAsync(new EchoResponse { Text = Long });
        });
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.RepeatPath,
            new ByteArrayContent(RawClient.Frame(new EchoRequest())),
            ("grpc-accept-encoding", "gzip"));
        Assert.Equal("gzip", answer.Header("grpc-encoding"));
        Assert.Equal([0, 1], RawClient.Frames(answer.Body).Select(frame => frame.Flags));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/proto")]
    public async Task A_connect_answer_is_compressed_as_http_has_it(string contentType)
    {
        await using TestServer server = await TestServer.StartAsync(
            setup => setup.Echo = (_, _) => new(new EchoResponse { Text = Long }));
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.EchoPath,
            contentType == "application/json" ? "{}"u8.ToArray() : [],
            contentType,
            ("accept-encoding", "br, gzip"));
        byte[] plain = Inflate(answer.Body);
        Assert.Equal("Accept-Encoding", answer.Header("vary"));
        Assert.Contains(Long, System.Text.Encoding.UTF8.GetString(plain), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connect_stream_compresses_its_messages()
    {
        await using TestServer server = await TestServer.RepeatingAsync(
            async (_, responses, _) => await responses.WriteAsync(new EchoResponse { Text = Long }));
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.RepeatPath,
            RawClient.Frame(0, "{}"u8.ToArray()),
            "application/connect+json",
            ("connect-accept-encoding", "gzip"));
        Assert.Equal("gzip", answer.Header("connect-content-encoding"));
        Assert.Equal([1, 2], RawClient.Frames(answer.Body).Select(frame => frame.Flags));
    }

    private static Task<RawAnswer> EchoAsync(TestServer server, string text, string accepted) =>
        server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest { Text = text }), ("grpc-accept-encoding", accepted));

    private static byte[] Inflate(byte[] compressed)
    {
        using GZipStream gzip = new(new MemoryStream(compressed), CompressionMode.Decompress);
        MemoryStream plain = new();
        gzip.CopyTo(plain);
        return plain.ToArray();
    }
}
