using System.Net;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Google.Rpc;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class UnaryTests
{
    [Fact]
    public async Task A_call_is_answered_with_its_message_and_a_good_status_in_the_trailers()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest { Text = "hello" }));
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/grpc", answer.ContentType);
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "hello" }), answer.Body);
        Assert.Equal("0", answer.Trailer("grpc-status"));
        Assert.Null(answer.Header("grpc-status"));
    }

    [Theory]
    [InlineData("application/grpc+proto")]
    [InlineData("application/grpc; charset=utf-8")]
    [InlineData("Application/gRPC")]
    public async Task A_content_type_may_have_a_suffix_parameters_and_capitals(string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        ByteArrayContent content = new(RawClient.Frame(new EchoRequest()));
        content.Headers.TryAddWithoutValidation("content-type", contentType);
        RawAnswer answer = await server.Raw.SendAsync(
            server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.EchoPath, content);
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3990)]
    [InlineData(4096)]
    [InlineData(60_000)]
    public async Task Messages_of_any_size_arrive_whole_both_ways(int bytes)
    {
        await using TestServer server = await TestServer.StartAsync();
        byte[] payload = new byte[bytes];
        new Random(bytes).NextBytes(payload);
        EchoResponse response = await server.Channel.UnaryAsync<EchoRequest, EchoResponse>(
            TestServer.Echo,
            new EchoRequest { Payload = ByteString.CopyFrom(payload) },
            RpcCallOptions.None,
            CancellationToken.None);
        Assert.Equal(payload, response.Payload.ToByteArray());
    }

    [Fact]
    public async Task A_message_that_arrives_byte_by_byte_is_put_together()
    {
        await using TestServer server = await TestServer.StartAsync();
        HeldContent content = new();
        Task<RawAnswer> call = server.Raw.GrpcAsync(RawClient.EchoPath, content);
        foreach (byte value in RawClient.Frame(new EchoRequest { Text = "drip" }))
            await content.WriteAsync(value);
        content.End();
        RawAnswer answer = await call;
        Assert.Equal(RawClient.Frame(new EchoResponse { Text = "drip" }), answer.Body);
    }

    [Fact]
    public async Task A_thousand_calls_at_once_are_all_answered()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = async (request, _) =>
        {
            await Task.Yield();
            return new EchoResponse { Text = request.Text };
        });
        EchoResponse[] answers = await Task.WhenAll(
            Enumerable.Range(0, 1000).Select(i => server.EchoAsync($"call {i}"))).Within("a thousand answers");
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"call {i}"), answers.Select(answer => answer.Text));
    }

    [Fact]
    public async Task An_error_before_any_message_is_headers_alone()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(RpcStatusCode.NotFound, "Nothing here."));
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()));
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("application/grpc", answer.ContentType);
        Assert.Equal("5", answer.Header("grpc-status"));
        Assert.Equal("Nothing here.", answer.Header("grpc-message"));
        Assert.Empty(answer.Body);
        Assert.Empty(answer.Trailers);
    }

    [Fact]
    public async Task An_error_brings_code_message_and_details_to_the_client()
    {
        BadRequest badRequest = new();
        badRequest.FieldViolations.Add(
            new BadRequest.Types.FieldViolation { Field = "text", Description = "is empty" });
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) =>
            throw new RpcException(
                RpcStatusCode.InvalidArgument, "Fix it.", badRequest, new ErrorInfo { Reason = "R" }));
        RpcException error = await server.EchoFailsAsync();
        Assert.Equal(RpcStatusCode.InvalidArgument, error.StatusCode);
        Assert.Equal("Fix it.", error.Message);
        Assert.Equal(badRequest, error.GetDetail<BadRequest>());
        Assert.Equal("R", error.GetDetail<ErrorInfo>()?.Reason);
        Assert.Null(error.GetDetail<RetryInfo>());
    }

    [Fact]
    public async Task An_error_after_an_await_reaches_the_client_like_one_before()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = async (_, _) =>
        {
            await Task.Yield();
            throw new RpcException(RpcStatusCode.Aborted, "later");
        });
        Assert.Equal(RpcStatusCode.Aborted, (await server.EchoFailsAsync()).StatusCode);
    }

    [Fact]
    public async Task A_message_beyond_plain_ascii_is_percent_encoded()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(RpcStatusCode.Internal, "100 % of 5 €\n"));
        RawAnswer answer = await server.Raw.GrpcAsync(RawClient.Frame(new EchoRequest()));
        Assert.Equal("100 %25 of 5 %E2%82%AC%0A", answer.Header("grpc-message"));
        Assert.Equal("100 % of 5 €\n", (await server.EchoFailsAsync()).Message);
    }

    [Fact]
    public async Task Details_that_no_client_would_take_are_left_out_and_the_code_arrives()
    {
        ErrorInfo large = new() { Reason = new string('x', 5000) };
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo =
            (_, _) => throw new RpcException(RpcStatusCode.FailedPrecondition, new string('m', 5000), large));
        RpcException error = await server.EchoFailsAsync();
        Assert.Equal(RpcStatusCode.FailedPrecondition, error.StatusCode);
        Assert.Equal(new string('m', 1024), error.Message);
        Assert.Empty(error.Status.Details);
    }

    [Fact]
    public async Task A_bug_in_a_handler_is_internal_says_nothing_of_itself_and_is_logged_once()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Echo = (_, _) => throw new InvalidOperationException("the secret inside");
        });
        RpcException error = await server.EchoFailsAsync();
        Assert.Equal(RpcStatusCode.Internal, error.StatusCode);
        Assert.DoesNotContain("secret", error.Status.ToString(), StringComparison.Ordinal);
        string problem = Assert.Single(server.Log.Problems);
        Assert.StartsWith($"Error 1: The handler of {RawClient.EchoPath} failed", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_io_error_in_a_handler_is_a_bug_and_not_a_disconnect()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Echo = (_, _) => throw new IOException("the disk");
        });
        Assert.Equal(RpcStatusCode.Internal, (await server.EchoFailsAsync()).StatusCode);
        Assert.Single(server.Log.Problems);
    }

    [Theory]
    [InlineData("/rpctest.v1.EchoService/Nothing")]
    [InlineData("/rpctest.v1.NothingService/Echo")]
    [InlineData("/rpctest.v1.echoservice/echo")]
    [InlineData("/")]
    public async Task An_unknown_method_is_unimplemented(string path)
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync(path, new ByteArrayContent(RawClient.Frame(new EchoRequest())));
        Assert.Equal(RpcStatusCode.Unimplemented, answer.GrpcStatus);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/grpc-web+json")]
    [InlineData("application/grpc+json")]
    [InlineData("application/connect+proto")]
    [InlineData("")]
    public async Task Another_content_type_is_http_415_and_says_what_is_taken(string contentType)
    {
        await using TestServer server = await TestServer.StartAsync();
        ByteArrayContent content = new(RawClient.Frame(new EchoRequest()));
        if (contentType.Length > 0)
            content.Headers.TryAddWithoutValidation("content-type", contentType);
        RawAnswer answer = await server.Raw.SendAsync(
            server.GrpcAddress, HttpVersion.Version20, HttpMethod.Post, RawClient.EchoPath, content);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.Status);
        Assert.Contains("application/grpc", answer.Header("accept-post"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("PUT")]
    [InlineData("OPTIONS")]
    public async Task Another_verb_than_post_is_http_405(string verb)
    {
        await using TestServer server = await TestServer.StartAsync();
        using HttpResponseMessage answer = await server.Raw.OpenAsync(
            server.GrpcAddress, HttpVersion.Version20, new HttpMethod(verb), RawClient.EchoPath, null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }

    [Fact]
    public async Task Grpc_over_http_1_is_http_505()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.ConnectAsync(RawClient.Frame(new EchoRequest()), "application/grpc");
        Assert.Equal(HttpStatusCode.HttpVersionNotSupported, answer.Status);
    }

    [Fact]
    public async Task The_handlers_response_may_be_one_instance_for_all_calls()
    {
        EchoResponse shared = new() { Text = "same" };
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, _) => new(shared));
        EchoResponse[] answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => server.EchoAsync("")));
        Assert.All(answers, answer => Assert.Equal("same", answer.Text));
    }

    [Fact]
    public async Task A_bare_message_of_zero_bytes_is_a_message()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.GrpcAsync([0, 0, 0, 0, 0]);
        Assert.Equal(RpcStatusCode.Ok, answer.GrpcStatus);
        Assert.Equal(5, answer.Body.Length);
        Assert.Equal("", Encoding.UTF8.GetString(answer.Body.AsSpan(5)));
    }
}
