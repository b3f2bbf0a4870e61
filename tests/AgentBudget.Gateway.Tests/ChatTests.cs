using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class ChatTests(SharedGateway shared)
{
    private const string Call =
        """{"model":"m","max_completion_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";

    private const string StreamCall =
        """{"model":"m","stream":true,"max_tokens":50,"messages":[{"role":"user","content":"Hi"}],"x":1.50}""";

    private const string Usage = """
        "usage":{"prompt_tokens":11,"completion_tokens":9,"total_tokens":20,"prompt_tokens_details":{"cached_tokens":4}}
        """;

    private const string Piece = """data: {"choices":[{"index":0,"delta":{"content":"word "}}]}""" + "\n\n";
    private const string UsageChunk = """data: {"choices":[],""" + Usage + "}\n\n";
    private const string Done = "data: [DONE]\n\n";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task An_answer_is_settled_as_its_provider_counts()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """{"choices":[{"message":{"content":"x"}}],""" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.ChatAsync(token, Call);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((0, 20), await _gateway.TokensAsync(token));
        Assert.Equal("m", TestGateway.HeaderOf(response, "x-agentbudget-model"));
        Assert.StartsWith("r", TestGateway.HeaderOf(response, "x-agentbudget-reservation"), StringComparison.Ordinal);
        Assert.Contains("USD on", TestGateway.HeaderOf(response, "x-agentbudget-left"), StringComparison.Ordinal);
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(("/v1/chat/completions", Call), (call.Path, call.Text));
        Assert.Equal($"Bearer {TestGateway.UpstreamKey}", call.Header("authorization"));
    }

    [Fact]
    public async Task What_is_not_on_the_list_reaches_no_upstream()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("{" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(
            $"v1/chat/completions?key={token}", token, Call, request =>
            {
                request.Headers.Add("Cookie", "a=b");
                request.Headers.Add("x-api-key", token);
                request.Headers.Add("openai-organization", "org");
                request.Headers.Add("x-forwarded-for", "10.0.0.1");
            });

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal("", call.Query);
        string all = string.Join('\n', call.Headers.Select(header => $"{header.Key}: {header.Value}"));
        Assert.DoesNotContain(token, all, StringComparison.Ordinal);
        foreach (string name in (string[])["cookie", "x-api-key", "openai-organization", "x-forwarded-for"])
            Assert.DoesNotContain(name, call.Headers.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_stream_passes_unchanged_without_the_usage_that_only_the_gateway_asked_for()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(": wait\n\n", Piece, Piece, UsageChunk, Done);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.ChatAsync(token, StreamCall);

        Assert.Equal(Piece + Piece + Done, await response.Content.ReadAsStringAsync());
        Assert.Equal(20, await _gateway.SettledAsync(token));
        string sent = Assert.Single(_gateway.Upstream.Calls).Text;
        Assert.StartsWith(StreamCall[..^1], sent, StringComparison.Ordinal); // Every other byte is the caller's.
        Assert.Equal("""{"include_usage":true}""", JsonNode.Parse(sent)!["stream_options"]!.ToJsonString());
    }

    [Fact]
    public async Task A_caller_cannot_switch_the_usage_off()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Piece, UsageChunk, Done);
        _gateway.Upstream.Calls.Clear();
        string call = StreamCall[..^1] + ""","stream_options":{"include_usage":false,"other":7}}""";

        using HttpResponseMessage response = await _gateway.ChatAsync(token, call);

        Assert.Equal(Piece + Done, await response.Content.ReadAsStringAsync());
        Assert.Equal(20, await _gateway.SettledAsync(token));
        JsonNode options = Assert.Single(_gateway.Upstream.Calls).Body["stream_options"]!;
        Assert.Equal((true, 7), ((bool)options["include_usage"]!, (int)options["other"]!));
    }

    [Fact]
    public async Task A_caller_that_asks_for_the_usage_gets_it()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Piece, UsageChunk, Done);
        string call = StreamCall[..^1] + ""","stream_options":{"include_usage":true}}""";

        using HttpResponseMessage response = await _gateway.ChatAsync(token, call);

        Assert.Equal(Piece + UsageChunk + Done, await response.Content.ReadAsStringAsync());
        Assert.Equal(20, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_model_that_is_too_dear_is_downgraded_and_the_caller_is_told()
    {
        string token = await _gateway.OpenAsync("tight");
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"model":"m",""" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.ChatAsync(
            token, """{"model":"dear","max_completion_tokens":200000,"reasoning_effort":"high","messages":[]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("dear", TestGateway.HeaderOf(response, "x-agentbudget-downgraded-from"));
        Assert.Equal("m", TestGateway.HeaderOf(response, "x-agentbudget-model"));
        JsonNode body = Assert.Single(_gateway.Upstream.Calls).Body;
        Assert.Equal(("m", null), ((string?)body["model"], body["reasoning_effort"]));
        Assert.Equal(20, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("m", "", 4096)]
    [InlineData("bounded", "", null)]
    [InlineData("m", ",\"max_tokens\":7", null)]
    public async Task A_call_without_a_maximum_is_bounded(string model, string more, int? injected)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("{" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.ChatAsync(
            token, $$"""{"model":"{{model}}","messages":[]{{more}}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(injected, (int?)Assert.Single(_gateway.Upstream.Calls).Body["max_completion_tokens"]);
    }
}
