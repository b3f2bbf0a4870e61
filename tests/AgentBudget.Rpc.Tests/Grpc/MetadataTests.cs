using AgentBudget.Rpc.Tests.Support;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Grpc;

public sealed class MetadataTests
{
    private static readonly byte[] Frame = RawClient.Frame(new EchoRequest());

    [Fact]
    public async Task A_handler_reads_request_headers_by_name()
    {
        string? one = null, two = null, none = "";
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            one = call.GetMetadata("x-one");
            two = call.GetMetadata("x-two");
            none = call.GetMetadata("x-none");
            return new(new EchoResponse());
        });
        await server.Raw.GrpcAsync(Frame, ("x-one", "1"), ("x-two", "a"), ("x-two", "b"));
        Assert.Equal("1", one);
        Assert.Equal("a, b", two);
        Assert.Null(none);
    }

    [Theory]
    [InlineData("AQID/w")]
    [InlineData("AQID/w==")]
    [InlineData("AQID/w,AAAA")]
    public async Task A_binary_header_is_decoded_with_and_without_padding(string value)
    {
        byte[]? decoded = null;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            decoded = call.GetBinaryMetadata("x-data-bin");
            return new(new EchoResponse());
        });
        await server.Raw.GrpcAsync(Frame, ("x-data-bin", value));
        Assert.Equal([1, 2, 3, 255], decoded);
    }

    [Fact]
    public async Task A_binary_header_that_is_not_base64_is_an_invalid_argument()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            call.GetBinaryMetadata("x-data-bin");
            return new(new EchoResponse());
        });
        RawAnswer answer = await server.Raw.GrpcAsync(Frame, ("x-data-bin", "$$$"));
        Assert.Equal(RpcStatusCode.InvalidArgument, answer.GrpcStatus);
    }

    [Fact]
    public async Task A_handler_adds_response_headers_and_trailers()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            call.AddResponseHeader("x-head", "h");
            call.AddResponseTrailer("x-tail", "t");
            return new(new EchoResponse());
        });
        RawAnswer answer = await server.Raw.GrpcAsync(Frame);
        Assert.Equal("h", answer.Header("x-head"));
        Assert.Equal("t", answer.Trailer("x-tail"));
        Assert.Equal("0", answer.Trailer("grpc-status"));
        RawAnswer next = await server.Raw.GrpcAsync(Frame);
        Assert.Equal("t", next.Trailer("x-tail"));
    }

    [Fact]
    public async Task Trailers_accompany_an_error()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            call.AddResponseTrailer("x-tail", "t");
            throw new RpcException(RpcStatusCode.Aborted, "no");
        });
        RawAnswer answer = await server.Raw.GrpcAsync(Frame);
        Assert.Equal("10", answer.Trailer("grpc-status"));
        Assert.Equal("t", answer.Trailer("x-tail"));
    }

    [Theory]
    [InlineData("grpc-status", "0")]
    [InlineData("content-type", "text/html")]
    [InlineData("Upper", "x")]
    [InlineData("x-a", "line\nbreak")]
    public async Task Metadata_that_would_break_the_protocol_is_a_bug_of_the_handler(string name, string value)
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
        {
            setup.ExpectsProblems = true;
            setup.Echo = (_, call) =>
            {
                call.AddResponseTrailer(name, value);
                return new(new EchoResponse());
            };
        });
        RawAnswer answer = await server.Raw.GrpcAsync(Frame);
        Assert.Equal(RpcStatusCode.Internal, answer.GrpcStatus);
    }

    [Fact]
    public async Task The_client_sends_its_token_and_metadata()
    {
        string? authorization = null, custom = null;
        await using TestServer server = await TestServer.StartAsync(setup => setup.Echo = (_, call) =>
        {
            authorization = call.Authorization;
            custom = call.GetMetadata("x-custom");
            return new(new EchoResponse());
        });
        await server.EchoAsync("", new RpcCallOptions
        {
            BearerToken = "abc",
            Metadata = new Dictionary<string, string> { ["x-custom"] = "yes" },
        });
        Assert.Equal("Bearer abc", authorization);
        Assert.Equal("yes", custom);
    }
}
