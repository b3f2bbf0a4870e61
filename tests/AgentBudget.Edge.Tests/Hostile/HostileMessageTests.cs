using System.IO.Compression;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Hostile;

public sealed class HostileMessageTests
{
    [Theory]
    [InlineData(RawClient.EchoPath)]
    [InlineData(RawClient.CollectPath)]
    public async Task A_bomb_of_gzip_is_stopped_at_the_largest_message(string path)
    {
        await using TestServer server = await TestServer.StartAsync();
        MemoryStream bomb = new();
        using (GZipStream gzip = new(bomb, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] zeros = new byte[1024 * 1024];
            for (int i = 0; i < 8; i++)
                gzip.Write(zeros);
        }

        byte[] body = RawClient.Frame(1, bomb.ToArray());
        Assert.True(body.Length < TestServer.MessageBytesMax, "The bomb is small before it is inflated.");
        RawAnswer answer = await server.Raw.GrpcAsync(path, new ByteArrayContent(body), ("grpc-encoding", "gzip"));
        Assert.Equal(RpcStatusCode.ResourceExhausted, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(RawClient.EchoPath)]
    [InlineData(RawClient.CollectPath)]
    public async Task A_message_full_of_empty_messages_is_answered(string path)
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] empty = [0x22, 0x00]; // Field 4, a message of no bytes.
        byte[] payload = [.. Enumerable.Repeat(empty, TestServer.MessageBytesMax / 2).SelectMany(one => one)];
        RawAnswer answer = await server.Raw.GrpcAsync(path, new ByteArrayContent(RawClient.Frame(0, payload)));
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_stream_of_very_many_empty_messages_is_read_to_its_end()
    {
        const int count = 100_000;
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.CollectPath, new ByteArrayContent(new byte[count * 5]));
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
        (_, byte[] payload) = Assert.Single(RawClient.Frames(answer.Body));
        Assert.Equal(count, EchoResponse.Parser.ParseFrom(payload).Number);
    }

    [Theory]
    [InlineData(RawClient.EchoPath, "application/grpc-web+proto")]
    [InlineData(RawClient.EchoPath, "application/proto")]
    public async Task A_message_nested_without_end_is_refused_in_every_protocol(string path, string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        EchoRequest request = new();
        for (int i = 0; i < 200; i++)
            request = new EchoRequest { Nested = request };
        bool isFramed = contentType != "application/proto";
        byte[] body = isFramed ? RawClient.Frame(request) : request.ToByteArray();
        RawAnswer answer = await server.Raw.ConnectAsync(path, body, contentType);
        string expected = isFramed ? "grpc-status: 3" : "invalid_argument";
        Assert.Contains(expected, answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("application/json", new byte[] { (byte)'"', 0xFF, (byte)'"' })]
    [InlineData("application/proto", new byte[] { 0x0A, 0x01, 0xFF })]
    public async Task Text_that_is_not_utf_8_does_not_come_back(string contentType, byte[] body)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(body, contentType);
        Assert.DoesNotContain((byte)0xFF, answer.Body);
    }
}
