using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Google.Rpc;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Connect;

public sealed class ConnectUnaryTests
{
    [Fact]
    public async Task A_json_call_is_answered_in_json()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (request, _) => new(new EchoResponse { Text = request.Text, Number = 5_000_000_000 }));
        RawAnswer answer = await server.Raw.ConnectAsync(Json("""{"text":"grüß"}"""));
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/json", answer.ContentType);
        using JsonDocument document = JsonDocument.Parse(answer.Body);
        Assert.Equal("grüß", document.RootElement.GetProperty("text").GetString());
        Assert.Equal("5000000000", document.RootElement.GetProperty("number").GetString());
        Assert.False(document.RootElement.TryGetProperty("flag", out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(4000)]
    [InlineData(60_000)]
    public async Task A_proto_call_is_answered_in_proto(int length)
    {
        await using TestServer server = await TestServer.StartAsync();
        string text = new('x', length);
        RawAnswer answer = await server.Raw.ConnectAsync(
            new EchoRequest { Text = text }.ToByteArray(), "application/proto");
        Assert.Equal("application/proto", answer.ContentType);
        Assert.Equal(text, EchoResponse.Parser.ParseFrom(answer.Body).Text);
    }

    [Fact]
    public async Task Connect_works_over_http_2_too()
    {
        await using TestServer server = await TestServer.StartAsync();
        ByteArrayContent content = new(Json("""{"text":"two"}"""));
        content.Headers.TryAddWithoutValidation("content-type", "application/json; charset=utf-8");
        RawAnswer answer = await server.Raw.SendAsync(
            server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.EchoPath, content);
        Assert.Contains("two", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chunked_body_is_put_together()
    {
        await using TestServer server = await TestServer.StartAsync();
        HeldContent content = new();
        content.Headers.TryAddWithoutValidation("content-type", "application/json");
        Task<RawAnswer> call = server.Raw.SendAsync(
            server.HttpAddress, HttpVersion.Version11, HttpMethod.Post, RawClient.EchoPath, content);
        foreach (byte value in Json("""{"text":"drip"}"""))
            await content.WriteAsync(value);
        content.End();
        Assert.Contains("drip", (await call).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"txet":"a"}""", "txet")]
    [InlineData("""{"nested":{"wrong":1}}""", "wrong")]
    [InlineData("""{"count":"many"}""", "")]
    [InlineData("""{"count":99999999999}""", "")]
    [InlineData("""{"payload":"***"}""", "")]
    [InlineData("""{"text":"a" """, "")]
    [InlineData("""[]""", "")]
    [InlineData("""nonsense""", "")]
    [InlineData("", "")]
    public async Task Json_that_is_not_the_message_is_an_invalid_argument(string json, string named)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(Json(json));
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        using JsonDocument error = JsonDocument.Parse(answer.Body);
        Assert.Equal("invalid_argument", error.RootElement.GetProperty("code").GetString());
        Assert.Contains(named, error.RootElement.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_are_not_utf_8_are_an_invalid_argument()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync([.. Json("{\"text\":\""), 0xC3, 0x28, .. Json("\"}")]);
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    [Fact]
    public async Task Json_nested_too_deep_is_an_invalid_argument()
    {
        await using TestServer server = await TestServer.StartAsync();
        string json = string.Concat(Enumerable.Repeat("{\"nested\":", 5000)) + "{}" + new string('}', 5000);
        RawAnswer answer = await server.Raw.ConnectAsync(Json(json));
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
    }

    [Fact]
    public async Task A_malformed_proto_is_an_invalid_argument()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync([0xFF, 0xFF], "application/proto");
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("invalid_argument", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RpcStatusCode.Cancelled, 499, "canceled")]
    [InlineData(RpcStatusCode.Unknown, 500, "unknown")]
    [InlineData(RpcStatusCode.InvalidArgument, 400, "invalid_argument")]
    [InlineData(RpcStatusCode.DeadlineExceeded, 504, "deadline_exceeded")]
    [InlineData(RpcStatusCode.NotFound, 404, "not_found")]
    [InlineData(RpcStatusCode.AlreadyExists, 409, "already_exists")]
    [InlineData(RpcStatusCode.PermissionDenied, 403, "permission_denied")]
    [InlineData(RpcStatusCode.ResourceExhausted, 429, "resource_exhausted")]
    [InlineData(RpcStatusCode.FailedPrecondition, 400, "failed_precondition")]
    [InlineData(RpcStatusCode.Aborted, 409, "aborted")]
    [InlineData(RpcStatusCode.OutOfRange, 400, "out_of_range")]
    [InlineData(RpcStatusCode.Unimplemented, 501, "unimplemented")]
    [InlineData(RpcStatusCode.Internal, 500, "internal")]
    [InlineData(RpcStatusCode.Unavailable, 503, "unavailable")]
    [InlineData(RpcStatusCode.DataLoss, 500, "data_loss")]
    [InlineData(RpcStatusCode.Unauthenticated, 401, "unauthenticated")]
    public async Task Every_code_has_its_word_and_http_status(RpcStatusCode code, int status, string word)
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(code, "why \"so\""));
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"));
        Assert.Equal(status, (int)answer.Status);
        Assert.Equal("application/json", answer.ContentType);
        Assert.Equal($$"""{"code":"{{word}}","message":"why \"so\""}""", answer.Text);
    }

    [Fact]
    public async Task Error_details_are_there_for_programs_and_for_people()
    {
        ErrorInfo info = new() { Reason = "KEY_REUSED", Domain = "test" };
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(RpcStatusCode.AlreadyExists, "again", info));
        RawAnswer answer = await server.Raw.ConnectAsync(new EchoRequest().ToByteArray(), "application/proto");
        Assert.Equal("application/json", answer.ContentType);
        using JsonDocument error = JsonDocument.Parse(answer.Body);
        JsonElement detail = Assert.Single(error.RootElement.GetProperty("details").EnumerateArray());
        Assert.Equal("google.rpc.ErrorInfo", detail.GetProperty("type").GetString());
        string value = detail.GetProperty("value").GetString()!;
        Assert.DoesNotContain('=', value);
        Assert.Equal(info, ErrorInfo.Parser.ParseFrom(
            Convert.FromBase64String(value.PadRight((value.Length + 3) / 4 * 4, '='))));
        Assert.Equal("KEY_REUSED", detail.GetProperty("debug").GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_bug_says_nothing_of_itself()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Echo = (_, _) => throw new InvalidOperationException("the secret inside");
        });
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"));
        Assert.Equal(HttpStatusCode.InternalServerError, answer.Status);
        Assert.DoesNotContain("secret", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unauthenticated_answer_names_the_scheme()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(RpcStatusCode.Unauthenticated, "no"));
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"));
        Assert.Equal("Bearer", answer.Header("www-authenticate"));
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("application/proto")]
    public async Task A_body_beyond_the_limit_is_exhausted(string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(new byte[TestServer.MessageBytesMax + 1], contentType);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.Status);
        Assert.Contains("resource_exhausted", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gzip_body_is_inflated_up_to_the_limit()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer good = await server.Raw.ConnectAsync(
            Gzip(Json("""{"text":"small"}""")), "application/json", ("content-encoding", "gzip"));
        Assert.Contains("small", good.Text, StringComparison.Ordinal);
        RawAnswer bomb = await server.Raw.ConnectAsync(
            Gzip(new byte[10_000_000]), "application/json", ("content-encoding", "gzip"));
        Assert.Contains("resource_exhausted", bomb.Text, StringComparison.Ordinal);
        RawAnswer broken = await server.Raw.ConnectAsync([1, 2], "application/json", ("content-encoding", "gzip"));
        Assert.Contains("invalid_argument", broken.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_encoding_is_unimplemented_and_told_which_is_known()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"), "application/json", ("content-encoding", "br"));
        Assert.Equal(HttpStatusCode.NotImplemented, answer.Status);
        Assert.Equal("gzip", answer.Header("accept-encoding"));
    }

    [Theory]
    [InlineData("connect-timeout-ms", "-1")]
    [InlineData("connect-timeout-ms", "soon")]
    [InlineData("connect-timeout-ms", "12345678901")]
    [InlineData("connect-protocol-version", "2")]
    public async Task A_wrong_protocol_header_is_an_invalid_argument(string name, string value)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"), "application/json", (name, value));
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Contains("invalid_argument", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_timeout_is_a_deadline()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.Time = time;
            setup.Echo = (_, call) =>
            {
                Assert.Equal(TimeSpan.FromSeconds(1), call.TimeRemaining);
                time.Advance(TimeSpan.FromSeconds(1));
                return new(new EchoResponse());
            };
        });
        RawAnswer answer = await server.Raw.ConnectAsync(
            Json("{}"), "application/json", ("connect-timeout-ms", "1000"), ("connect-protocol-version", "1"));
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.Status);
        Assert.Contains("deadline_exceeded", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trailers_are_headers_with_a_prefix()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            call.AddResponseHeader("x-head", "h");
            call.AddResponseTrailer("x-tail", "t");
            return new(new EchoResponse());
        });
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"));
        Assert.Equal("h", answer.Header("x-head"));
        Assert.Equal("t", answer.Header("trailer-x-tail"));
    }

    [Fact]
    public async Task An_unknown_method_of_a_known_service_is_unimplemented()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(
            "/rpctest.v1.EchoService/Nothing", Json("{}"), "application/json");
        Assert.Equal(HttpStatusCode.NotImplemented, answer.Status);
        Assert.Contains("unimplemented", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RawClient.RepeatPath, "application/json")]
    [InlineData(RawClient.EchoPath, "application/connect+json")]
    public async Task The_content_type_of_the_other_kind_of_method_is_http_415(string path, string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(path, Json("{}"), contentType);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Status);
    }

    [Fact]
    public async Task The_guard_protects_connect_too()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Guard = new Closed());
        RawAnswer answer = await server.Raw.ConnectAsync(Json("{}"));
        Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
    }

    [Fact]
    public async Task A_late_body_ends_its_call()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(setup => setup.Time = time);
        using TcpClient socket = new();
        await socket.ConnectAsync(server.Rpc.HttpEndPoint!);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"POST {RawClient.EchoPath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + "Content-Length: 10\r\n\r\n{"));
        byte[] answer = new byte[1024];
        Task<int> read = stream.ReadAsync(answer).AsTask();
        while (!read.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            await server.EchoAsync("beside");
        }

        Assert.StartsWith("HTTP/1.1 504", Encoding.ASCII.GetString(answer, 0, await read), StringComparison.Ordinal);
    }

    private static byte[] Json(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Gzip(byte[] payload)
    {
        using MemoryStream output = new();
        using (GZipStream gzip = new(output, CompressionLevel.SmallestSize))
            gzip.Write(payload);
        return output.ToArray();
    }

    private sealed class Closed : IRpcGuard
    {
        public Task AuthorizeAsync(RpcMethod method, RpcCall call) =>
            throw new RpcException(RpcStatusCode.PermissionDenied, "closed");
    }
}
