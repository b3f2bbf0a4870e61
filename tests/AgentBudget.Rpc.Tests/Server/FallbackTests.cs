using System.Net;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class FallbackTests
{
    [Fact]
    public async Task Requests_that_are_no_calls_go_to_the_ordinary_routes()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Fallback = async context =>
        {
            Assert.NotNull(context.RequestServices);
            context.Response.StatusCode = StatusCodes.Status202Accepted;
            HttpRequest request = context.Request;
            await context.Response.WriteAsync($"{request.Method} {request.Path}{request.QueryString}");
        });
        RawAnswer answer = await server.Raw.SendAsync(
            server.HttpAddress, HttpVersion.Version11, HttpMethod.Get, "/healthz?full=1", null);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        Assert.Equal("GET /healthz?full=1", answer.Text);
    }

    [Fact]
    public async Task A_post_of_json_to_another_path_is_an_ordinary_request()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Fallback = async context =>
        {
            using StreamReader reader = new(context.Request.Body);
            await context.Response.WriteAsync(await reader.ReadToEndAsync());
        });
        RawAnswer answer = await server.Raw.ConnectAsync(
            "/oauth2/token", Encoding.UTF8.GetBytes("{}"), "application/json");
        Assert.Equal("{}", answer.Text);
    }

    [Fact]
    public async Task An_ordinary_body_is_bounded_as_a_message_is()
    {
        await using TestServer server = await TestServer.StartAsync(setup => setup.Fallback = async context =>
        {
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            catch (BadHttpRequestException failure)
            {
                context.Response.StatusCode = failure.StatusCode;
            }
        });
        RawAnswer answer = await server.Raw.ConnectAsync(
            "/elsewhere", new byte[TestServer.MessageBytesMax + 1], "application/json");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.Status);
    }

    [Fact]
    public async Task Without_ordinary_routes_they_are_http_404()
    {
        await using TestServer server = await TestServer.StartAsync();
        RawAnswer answer = await server.Raw.SendAsync(
            server.HttpAddress, HttpVersion.Version11, HttpMethod.Get, "/healthz", null);
        Assert.Equal(HttpStatusCode.NotFound, answer.Status);
    }

    [Fact]
    public async Task Calls_and_ordinary_requests_share_a_connection()
    {
        await using TestServer server = await TestServer.StartAsync(setup =>
            setup.Fallback = context => context.Response.WriteAsync("route"));
        for (int i = 0; i < 3; i++)
        {
            RawAnswer route = await server.Raw.SendAsync(
                server.HttpAddress, HttpVersion.Version11, HttpMethod.Get, "/x", null);
            Assert.Equal("route", route.Text);
            RawAnswer call = await server.Raw.ConnectAsync("{\"text\":\"call\"}"u8.ToArray());
            Assert.Contains("call", call.Text, StringComparison.Ordinal);
        }
    }
}
