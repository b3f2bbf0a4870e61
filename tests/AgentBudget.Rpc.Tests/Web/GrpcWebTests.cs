using System.Net;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Web;

public sealed class GrpcWebTests
{
    private const string Binary = "application/grpc-web+proto";
    private const string Text = "application/grpc-web-text+proto";

    [Theory]
    [InlineData("application/grpc-web")]
    [InlineData(Binary)]
    public async Task A_unary_answer_is_its_message_and_a_frame_of_trailers(string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, Hello, contentType);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(Binary, answer.ContentType);
        AssertFrames(answer.Body, "grpc-status: 0\r\n", "hello");
    }

    [Fact]
    public async Task Http_2_serves_it_as_well()
    {
        await using TestServer server = await TestServer.StartAsync();
        ByteArrayContent content = new(Hello);
        content.Headers.TryAddWithoutValidation("content-type", Binary);
        RawAnswer answer = await server.Raw.SendAsync(
            server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.EchoPath, content);
        AssertFrames(answer.Body, "grpc-status: 0\r\n", "hello");
    }

    [Fact]
    public async Task A_stream_is_its_messages_and_a_frame_of_trailers()
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] request = RawClient.Frame(new EchoRequest { Text = "x", Count = 3 });
        RawAnswer answer = await SendAsync(server, RawClient.RepeatPath, request, Binary);
        AssertFrames(answer.Body, "grpc-status: 0\r\n", "x", "x", "x");
    }

    [Fact]
    public async Task An_error_and_trailers_are_in_the_last_frame()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            call.AddResponseTrailer("x-tail", "1");
            throw new RpcException(RpcStatusCode.NotFound, "nö");
        });
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, Hello, Binary);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        AssertFrames(answer.Body, "grpc-status: 5\r\ngrpc-message: n%C3%B6\r\nx-tail: 1\r\n");
    }

    [Fact]
    public async Task Text_is_base64_both_ways()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, Base64(Hello), Text);
        Assert.Equal(Text, answer.ContentType);
        AssertFrames(Decode(answer.Text), "grpc-status: 0\r\n", "hello");
    }

    [Fact]
    public async Task Text_may_come_in_pieces_that_are_padded_each()
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] body = [.. Base64(Hello[..1]), .. Base64(Hello[1..6]), .. Base64(Hello[6..])];
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, body, Text);
        AssertFrames(Decode(answer.Text), "grpc-status: 0\r\n", "hello");
    }

    [Fact]
    public async Task A_text_stream_is_base64_frame_by_frame()
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] request = RawClient.Frame(new EchoRequest { Text = "x", Count = 2 });
        RawAnswer answer = await SendAsync(server, RawClient.RepeatPath, Base64(request), Text);
        AssertFrames(Decode(answer.Text), "grpc-status: 0\r\n", "x", "x");
    }

    [Theory]
    [InlineData("***", "grpc-status: 3\r\n")]
    [InlineData("AAA", "grpc-status: 3\r\n")]
    [InlineData("", "grpc-status: 12\r\n")]
    [InlineData("AAAA", "grpc-status: 13\r\n")]
    [InlineData("AAAAAAAAAAAAAA==", "grpc-status: 12\r\n")]
    public async Task Text_that_is_not_one_message_is_refused(string text, string status)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, Encoding.ASCII.GetBytes(text), Text);
        (byte flags, byte[] payload) = Assert.Single(RawClient.Frames(Decode(answer.Text)));
        Assert.Equal(0x80, flags);
        Assert.StartsWith(status, Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Text_beyond_the_largest_message_is_exhausted()
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] body = Enumerable.Repeat((byte)'A', TestServer.MessageBytesMax * 2).ToArray();
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, body, Text);
        (_, byte[] payload) = Assert.Single(RawClient.Frames(Decode(answer.Text)));
        Assert.StartsWith("grpc-status: 8\r\n", Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_method_is_unimplemented()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await SendAsync(server, "/nothing.v1.Nothing/Call", Hello, Binary);
        (_, byte[] payload) = Assert.Single(RawClient.Frames(answer.Body));
        Assert.StartsWith("grpc-status: 12\r\n", Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_deadline_is_heeded()
    {
        FakeTimeProvider time = new();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            setup.Echo = (_, _) =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return new(new EchoResponse());
            };
        });
        RawAnswer answer = await SendAsync(server, RawClient.EchoPath, Hello, Binary, ("grpc-timeout", "1S"));
        (_, byte[] payload) = Assert.Single(RawClient.Frames(answer.Body));
        Assert.StartsWith("grpc-status: 4\r\n", Encoding.ASCII.GetString(payload), StringComparison.Ordinal);
    }

    private static byte[] Hello => RawClient.Frame(new EchoRequest { Text = "hello" });

    private static byte[] Base64(byte[] bytes) => Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes));

    private static byte[] Decode(string text) =>
        [.. text.Split('=', StringSplitOptions.RemoveEmptyEntries)
            .SelectMany(piece => Convert.FromBase64String(piece.PadRight((piece.Length + 3) / 4 * 4, '=')))];

    private static void AssertFrames(byte[] body, string trailers, params string[] texts)
    {
        (byte Flags, byte[] Payload)[] frames = [.. RawClient.Frames(body)];
        Assert.Equal([.. texts.Select(_ => (byte)0), 0x80], frames.Select(frame => frame.Flags));
        Assert.Equal(texts, frames[..^1].Select(frame => EchoResponse.Parser.ParseFrom(frame.Payload).Text));
        Assert.Equal(trailers, Encoding.ASCII.GetString(frames[^1].Payload));
    }

    private static Task<RawAnswer> SendAsync(
        TestServer server, string path, byte[] body, string contentType, params (string, string)[] headers) =>
        server.Raw.ConnectAsync(path, body, contentType, headers);
}
