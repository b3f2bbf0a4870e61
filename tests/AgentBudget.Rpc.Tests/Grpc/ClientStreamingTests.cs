using System.Net;
using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class ClientStreamingTests
{
    [Fact]
    public async Task A_stream_of_requests_has_one_answer()
    {
        await using TestServer server = await TestServer.StartAsync();
        EchoResponse response = await server.CollectAsync(Letters("abc")).Within("the answer");
        Assert.Equal("abc", response.Text);
        Assert.Equal(3, response.Number);
    }

    [Fact]
    public async Task No_requests_have_one_answer_too()
    {
        await using TestServer server = await TestServer.StartAsync();
        Assert.Equal(0, (await server.CollectAsync(Letters("")).Within("the answer")).Number);
    }

    [Fact]
    public async Task The_answer_is_one_message_and_a_good_status()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.CollectPath, new ByteArrayContent([]));
        Assert.Equal(RawClient.Frame(new EchoResponse()), answer.Body);
        Assert.Equal("0", answer.Trailer("grpc-status"));
    }

    [Fact]
    public async Task An_answer_need_not_wait_for_the_last_request()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Collect = async (requests, _) =>
            new EchoResponse { Text = (await requests.ReadAsync())!.Text });
        EchoResponse response = await server.CollectAsync(Endless()).Within("the answer");
        Assert.Equal("on and on", response.Text);
    }

    [Theory]
    [InlineData(new byte[] { 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 0, 0, 0, 0, 2, 1 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 4, 0, 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 1, 0, 0, 0, 0 }, RpcStatusCode.Internal)]
    [InlineData(new byte[] { 0, 0, 1, 0, 1 }, RpcStatusCode.ResourceExhausted)]
    [InlineData(new byte[] { 0, 255, 255, 255, 255 }, RpcStatusCode.ResourceExhausted)]
    [InlineData(new byte[] { 0, 0, 0, 0, 1, 7 }, RpcStatusCode.InvalidArgument)]
    public async Task A_broken_message_after_good_ones_ends_the_call(byte[] broken, RpcStatusCode expected)
    {
        int good = 0;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Collect = async (requests, _) =>
        {
            for (; await requests.ReadAsync() is not null; good++)
            {
            }

            return new EchoResponse();
        });
        byte[] body = [.. RawClient.Frame(new EchoRequest { Text = "good" }), .. broken];
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.CollectPath, new ByteArrayContent(body));
        Assert.Equal(expected, answer.GrpcStatus);
        Assert.Equal(1, good);
    }

    [Fact]
    public async Task The_total_of_a_stream_may_be_larger_than_any_message()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Collect = async (requests, _) =>
        {
            EchoResponse response = new();
            while (await requests.ReadAsync() is EchoRequest request)
                response.Number += request.Text.Length;
            return response;
        });
        string part = new('x', TestServer.MessageBytesMax / 2);
        EchoResponse response = await server.CollectAsync(Repeated(part, 100)).Within("the answer");
        Assert.Equal(100L * part.Length, response.Number);
    }

    [Fact]
    public async Task Connect_streams_requests_over_http_1()
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] body = [.. "abc".SelectMany(letter => RawClient.Frame(new EchoRequest { Text = $"{letter}" }))];
        RawAnswer answer = await server.Raw.ConnectAsync(RawClient.CollectPath, body, "application/connect+proto");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        byte[] message = RawClient.Frame(new EchoResponse { Text = "abc", Number = 3 });
        Assert.Equal([.. message, .. RawClient.Frame(2, "{}"u8.ToArray())], answer.Body);
    }

    [Fact]
    public async Task Requests_that_arrived_and_were_not_read_disturb_nobody()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Collect = async (requests, _) =>
            new EchoResponse { Text = (await requests.ReadAsync())!.Text });
        byte[] body = [.. "abc".SelectMany(letter => RawClient.Frame(new EchoRequest { Text = $"{letter}" }))];
        byte[] message = RawClient.Frame(new EchoResponse { Text = "a" });
        for (int i = 0; i < 3; i++)
        {
            RawAnswer http1 = await server.Raw.ConnectAsync(RawClient.CollectPath, body, "application/connect+proto");
            Assert.Equal([.. message, .. RawClient.Frame(2, "{}"u8.ToArray())], http1.Body);
            RawAnswer http2 = await server.Raw.GrpcAsync(RawClient.CollectPath, new ByteArrayContent(body));
            Assert.Equal(message, http2.Body);
        }
    }

    [Fact]
    public async Task Connect_unary_content_types_do_not_fit_a_stream()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(RawClient.CollectPath, "{}"u8.ToArray(), "application/json");
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Status);
    }

    private static IAsyncEnumerable<EchoRequest> Letters(string letters) =>
        letters.Select(letter => new EchoRequest { Text = $"{letter}" }).ToAsyncEnumerable();

    private static IAsyncEnumerable<EchoRequest> Repeated(string text, int count) =>
        Enumerable.Repeat(new EchoRequest { Text = text }, count).ToAsyncEnumerable();

    private static async IAsyncEnumerable<EchoRequest> Endless()
    {
        while (true)
        {
            yield return new EchoRequest { Text = "on and on" };
            await Task.Yield();
        }
    }
}
