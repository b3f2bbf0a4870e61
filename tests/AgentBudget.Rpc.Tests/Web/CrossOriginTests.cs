using System.Net;
using AgentBudget.Rpc.Tests.Support;

namespace AgentBudget.Rpc.Tests.Web;

public sealed class CrossOriginTests
{
    private const string Friend = "https://budget.example.com";
    private const string AllowOrigin = "access-control-allow-origin";

    [Fact]
    public async Task No_origin_is_allowed_by_default()
    {
        await using TestServer server = await TestServer.StartAsync();
        Assert.Null((await CallAsync(server, Friend)).Header(AllowOrigin));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await AskAsync(server, Friend)).Status);
    }

    [Fact]
    public async Task A_page_of_an_allowed_origin_may_read_the_answer()
    {
        await using TestServer server = await StartAsync(Friend);
        RawAnswer answer = await CallAsync(server, Friend);
        Assert.Equal(Friend, answer.Header(AllowOrigin));
        Assert.Equal("Origin", answer.Header("vary"));
        string? exposed = answer.Header("access-control-expose-headers");
        Assert.Contains("grpc-status-details-bin", exposed, StringComparison.Ordinal);
        Assert.Null(answer.Header("access-control-allow-credentials"));
    }

    [Theory]
    [InlineData("https://budget.example.com.evil.example")]
    [InlineData("http://budget.example.com")]
    [InlineData("null")]
    public async Task A_page_of_another_origin_may_not(string origin)
    {
        await using TestServer server = await StartAsync(Friend);
        Assert.Null((await CallAsync(server, origin)).Header(AllowOrigin));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await AskAsync(server, origin)).Status);
    }

    [Fact]
    public async Task A_preflight_says_what_may_be_sent()
    {
        await using TestServer server = await StartAsync(Friend);
        RawAnswer answer = await AskAsync(server, Friend);
        Assert.Equal(HttpStatusCode.NoContent, answer.Status);
        Assert.Equal(Friend, answer.Header(AllowOrigin));
        Assert.Equal("POST", answer.Header("access-control-allow-methods"));
        Assert.Equal("authorization,x-own", answer.Header("access-control-allow-headers"));
    }

    [Fact]
    public async Task Every_origin_can_be_allowed()
    {
        await using TestServer server = await StartAsync("*");
        Assert.Equal("*", (await CallAsync(server, "https://any.example")).Header(AllowOrigin));
    }

    [Theory]
    [InlineData("budget.example.com")]
    [InlineData("https://budget.example.com/")]
    [InlineData("https://budget.example.com/path")]
    public async Task What_is_not_an_origin_stops_the_start(string origin) =>
        await Assert.ThrowsAsync<ArgumentException>(() => StartAsync(origin));

    private static Task<TestServer> StartAsync(string origin) =>
        TestServer.StartAsync(setup => setup.AllowedOrigins = [origin]);

    private static Task<RawAnswer> CallAsync(TestServer server, string origin) =>
        server.Raw.ConnectAsync("{}"u8.ToArray(), "application/json", ("origin", origin));

    private static Task<RawAnswer> AskAsync(TestServer server, string origin) => server.Raw.SendAsync(
        server.HttpAddress,
        HttpVersion.Version11,
        HttpMethod.Options,
        RawClient.EchoPath,
        content: null,
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,x-own"));
}
