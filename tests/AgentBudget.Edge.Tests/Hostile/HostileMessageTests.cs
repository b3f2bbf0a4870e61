using System.IO.Compression;
using AgentBudget.Edge.Tests.Support;
using EdgeTest.V1;
using Grpc.Core;

namespace AgentBudget.Edge.Tests.Hostile;

public sealed class HostileMessageTests
{
    [Theory]
    [InlineData(RawClient.EchoPath)]
    [InlineData(RawClient.CollectPath)]
    public async Task A_bomb_of_gzip_is_stopped_at_the_largest_message(string path)
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        byte[] body = RawClient.Frame(1, Bomb(8 * 1024 * 1024));
        Assert.True(body.Length < EdgeServer.MessageBytesMax, "The bomb is small before it is inflated.");
        RawAnswer answer = await server.Raw.GrpcAsync(path, new ByteArrayContent(body), ("grpc-encoding", "gzip"));
        Assert.Equal(StatusCode.ResourceExhausted, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(RawClient.EchoPath)]
    [InlineData(RawClient.CollectPath)]
    public async Task A_message_full_of_empty_messages_is_answered(string path)
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        byte[] empty = [0x22, 0x00]; // Field 4, a message of no bytes.
        byte[] payload = [.. Enumerable.Repeat(empty, EdgeServer.MessageBytesMax / 2).SelectMany(one => one)];
        RawAnswer answer = await server.Raw.GrpcAsync(path, new ByteArrayContent(RawClient.Frame(0, payload)));
        Assert.Equal(StatusCode.OK, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_stream_of_very_many_empty_messages_is_read_to_its_end()
    {
        const int count = 100_000;
        await using EdgeServer server = await EdgeServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(
            RawClient.CollectPath, new ByteArrayContent(new byte[count * 5]));
        Assert.Equal(StatusCode.OK, answer.GrpcStatus);
        (_, byte[] payload) = Assert.Single(RawClient.Frames(answer.Body));
        Assert.Equal(count, EchoResponse.Parser.ParseFrom(payload).Number);
    }

    [Fact]
    public async Task A_bomb_of_gzip_takes_no_more_memory_than_the_largest_message()
    {
        const int size = 256 * 1024 * 1024;
        await using EdgeServer server = await EdgeServer.StartAsync();
        byte[] body = RawClient.Frame(1, Bomb(size));
        long before = GC.GetTotalAllocatedBytes();
        RawAnswer answer = await server.Raw.GrpcAsync(body, ("grpc-encoding", "gzip"));
        Assert.Equal((StatusCode.ResourceExhausted, "MESSAGE_TOO_LARGE"), (answer.GrpcStatus, answer.Reason));
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, size / 16);
    }

    [Fact]
    public async Task Text_that_is_not_utf_8_is_refused()
    {
        await using EdgeServer server = await EdgeServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(0, [0x0A, 0x01, 0xFF]));
        Assert.Equal((StatusCode.InvalidArgument, "MESSAGE_MALFORMED"), (answer.GrpcStatus, answer.Reason));
    }

    private static byte[] Bomb(int bytes)
    {
        using MemoryStream bomb = new();
        using (GZipStream gzip = new(bomb, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            byte[] zeros = new byte[1024 * 1024];
            for (int written = 0; written < bytes; written += zeros.Length)
                gzip.Write(zeros);
        }

        return bomb.ToArray();
    }
}
