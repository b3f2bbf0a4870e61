using System.Net;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Connect;

public sealed class ConnectStreamTests
{
    [Fact]
    public async Task A_json_stream_is_frames_of_json_and_a_closing_one()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.RepeatPath, JsonFrame("""{"text":"a","count":2}"""), "application/connect+json");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/connect+json", answer.ContentType);
        (byte Flags, byte[] Payload)[] frames = [.. RawClient.Frames(answer.Body)];
        Assert.Equal([0, 0, 2], frames.Select(frame => frame.Flags));
        Assert.Equal(2, JsonParser.Default.Parse<EchoResponse>(Encoding.UTF8.GetString(frames[1].Payload)).Number);
        Assert.Equal("{}", Encoding.UTF8.GetString(frames[2].Payload));
    }

    [Fact]
    public async Task A_proto_stream_is_frames_of_proto_and_a_closing_one_of_json()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.RepeatPath, RawClient.Frame(new EchoRequest { Count = 1 }), "application/connect+proto");
        (byte Flags, byte[] Payload)[] frames = [.. RawClient.Frames(answer.Body)];
        Assert.Equal(1, EchoResponse.Parser.ParseFrom(frames[0].Payload).Number);
        Assert.Equal("{}", Encoding.UTF8.GetString(frames[1].Payload));
    }

    [Fact]
    public async Task An_error_and_trailers_are_in_the_closing_frame()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Repeat = (_, _, call) =>
        {
            call.AddResponseTrailer("x-tail", "1");
            call.AddResponseTrailer("x-tail", "2");
            throw new RpcException(RpcStatusCode.NotFound, "no");
        });
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.RepeatPath, JsonFrame("{}"), "application/connect+json");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        (byte Flags, byte[] Payload) frame = Assert.Single(RawClient.Frames(answer.Body));
        Assert.Equal(2, frame.Flags);
        Assert.Equal(
            """{"error":{"code":"not_found","message":"no"},"metadata":{"x-tail":["1","2"]}}""",
            Encoding.UTF8.GetString(frame.Payload));
    }

    [Fact]
    public async Task A_malformed_message_is_an_error_in_the_closing_frame()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(
            RawClient.RepeatPath, JsonFrame("{"), "application/connect+json");
        (byte Flags, byte[] Payload) frame = Assert.Single(RawClient.Frames(answer.Body));
        Assert.Contains("invalid_argument", Encoding.UTF8.GetString(frame.Payload), StringComparison.Ordinal);
    }

    private static byte[] JsonFrame(string json) => RawClient.Frame(0, Encoding.UTF8.GetBytes(json));
}
