using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

/// <summary>Upstreams that refuse, fail, stay silent or answer nonsense.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class UpstreamTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}""")]
    [InlineData(429, """{"type":"error","error":{"type":"rate_limit_error","message":"slow"}}""")]
    [InlineData(500, "<html>no JSON</html>")]
    [InlineData(529, """{"type":"error","error":{"type":"overloaded_error","message":"later"}}""")]
    public async Task A_refusal_of_the_upstream_passes_as_it_is_and_costs_nothing(int status, string body)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            http.Response.Headers.RetryAfter = "7";
            http.Response.Headers.SetCookie = "a=b";
            http.Response.Headers["anthropic-organization-id"] = "org";
            await FakeUpstream.Json(body, status)(http, call);
        };

        foreach (string call in (string[])[Call, StreamCall])
        {
            using HttpResponseMessage response = await _gateway.MessagesAsync(token, call);

            Assert.Equal((status, body), ((int)response.StatusCode, await response.Content.ReadAsStringAsync()));
            Assert.Equal("7", TestGateway.HeaderOf(response, "retry-after"));
            Assert.Equal("", TestGateway.HeaderOf(response, "set-cookie"));
            Assert.Equal("", TestGateway.HeaderOf(response, "anthropic-organization-id"));
        }

        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_key_of_ours_that_is_refused_is_not_told_as_the_callers()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("\"" + TestGateway.UpstreamKey + "\"", 401);

        using HttpResponseMessage response = await _gateway.MessagesAsync(token, Call);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        string text = await response.Content.ReadAsStringAsync();
        Assert.DoesNotContain(TestGateway.UpstreamKey, text, StringComparison.Ordinal);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = (http, _) =>
        {
            http.Response.Redirect("http://169.254.169.254/latest/meta-data");
            return Task.CompletedTask;
        };
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.MessagesAsync(token, Call);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task An_error_as_the_first_event_is_a_status_and_no_200()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(
            "event: error\n"
            + "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"later\"}}\n\n");

        using HttpResponseMessage response = await _gateway.MessagesAsync(token, StreamCall);

        Assert.Equal(529, (int)response.StatusCode); // As this kind of error has where nothing streams.
        Assert.Contains("later", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("""{"content":[{"type":"text","text":"some words of an answer"}]}""", 6)]
    [InlineData("""{"content":[{"text":"some words of an answer"}],"usage":{"input_tokens":-5,"output_tokens":1}}""", 6)]
    [InlineData("not json, 20 bytes..", 5)]
    public async Task An_answer_without_a_report_is_estimated_and_never_free(string answer, int output)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(answer);

        using HttpResponseMessage response = await _gateway.MessagesAsync(token, Call);

        Assert.Equal(answer, await response.Content.ReadAsStringAsync());
        long settled = await _gateway.SettledAsync(token);
        Assert.InRange(settled, output + 1, output + Call.Length);
    }

    [Fact]
    public async Task A_call_that_does_not_stream_is_let_finish_when_its_caller_leaves()
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource isThere = new(), goOn = new();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            isThere.SetResult();
            await goOn.Task;
            await FakeUpstream.Json("""{"usage":{"input_tokens":70,"output_tokens":7}}""")(http, call);
        };
        using CancellationTokenSource leave = new();
        Task<HttpResponseMessage> asking = _gateway.PostAsync("v1/messages", token, Call, cancellation: leave.Token);
        await isThere.Task.WaitAsync(TestGateway.Patience);

        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        goOn.SetResult();

        Assert.Equal(77, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_stream_that_never_ends_is_cut()
    {
        string token = await _gateway.OpenAsync();
        GatewayOptions options = TestGateway.OptionsOf(_gateway.Upstream);
        await using GatewayHost host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = options.Listen,
            Upstreams = options.Upstreams,
            UpstreamIdle = TimeSpan.FromSeconds(2),
        });
        TaskCompletionSource left = new();
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(
            left, """data: {"choices":[{"index":0,"delta":{"content":"word"}}]}""" + "\n\n");

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            using HttpResponseMessage response = await _gateway.Http.SendAsync(
                new HttpRequestMessage(HttpMethod.Post, new Uri($"http://{host.Address}/v1/chat/completions"))
                {
                    Headers = { { "Authorization", $"Bearer {token}" } },
                    Content = new StringContent(StreamCall),
                });
        });

        await left.Task.WaitAsync(TestGateway.Patience);
        Assert.InRange(await _gateway.SettledAsync(token), 2, 100);
    }

    [Fact]
    public async Task An_upstream_that_is_away_costs_nothing()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await _gateway.HostAsync(OneUpstream("http://127.0.0.1:9", allowPrivate: true));

        using HttpResponseMessage response = await PostToAsync(host, token);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("https://127.0.0.1:9")]
    [InlineData("https://169.254.169.254")]
    [InlineData("https://[::ffff:10.0.0.1]")]
    [InlineData("https://localhost:9")]
    public async Task An_upstream_that_is_not_public_is_not_connected_to(string address)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await _gateway.HostAsync(OneUpstream(address, allowPrivate: false));

        using HttpResponseMessage response = await PostToAsync(host, token);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        JsonNode json = await TestGateway.JsonAsync(response);
        Assert.Contains("not public", (string?)json["error"]!["message"], StringComparison.Ordinal);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    private static GatewayOptions OneUpstream(string address, bool allowPrivate) => new()
    {
        Listen = "127.0.0.1:0",
        Upstreams =
        [
            new UpstreamOptions
            {
                Name = "one",
                Kind = "openai-compatible",
                BaseUrl = address,
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = allowPrivate,
            },
        ],
    };

    private Task<HttpResponseMessage> PostToAsync(GatewayHost host, string token) => _gateway.Http.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, new Uri($"http://{host.Address}/v1/chat/completions"))
        {
            Headers = { { "Authorization", $"Bearer {token}" } },
            Content = new StringContent(Call),
        });
}
