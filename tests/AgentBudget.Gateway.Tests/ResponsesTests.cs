using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class ResponsesTests(SharedGateway shared)
{
    private const string Path = "v1/responses";
    private const string Call = """{"model":"m","max_output_tokens":50,"input":"Hi"}""";
    private const string StreamCall = """{"model":"m","max_output_tokens":50,"stream":true,"input":"Hi"}""";

    private const string Usage = """
        "usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":4},"output_tokens":9,"total_tokens":20}
        """;

    private const string Created =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n";

    private const string Piece = "event: response.output_text.delta\ndata: "
        + """{"type":"response.output_text.delta","delta":"twelve bytes"}""" + "\n\n";

    private const string Completed = "event: response.completed\ndata: "
        + """{"type":"response.completed","response":{"status":"completed",""" + Usage + "}}\n\n";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task An_answer_is_settled_as_its_provider_counts()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"object":"response","output":[],""" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(Path, token, Call);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((0, 20), await _gateway.TokensAsync(token));
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(("/v1/responses", Call), (call.Path, call.Text));
        Assert.Equal($"Bearer {TestGateway.UpstreamKey}", call.Header("authorization"));
    }

    [Theory]
    [InlineData("completed")]
    [InlineData("incomplete")]
    public async Task A_stream_passes_unchanged_and_its_last_event_is_settled(string end)
    {
        string token = await _gateway.OpenAsync();
        string last = Completed.Replace("response.completed", $"response.{end}", StringComparison.Ordinal);
        _gateway.Upstream.Answer = FakeUpstream.Events(Created, Piece, last);

        using HttpResponseMessage response = await _gateway.PostAsync(Path, token, StreamCall);

        Assert.Equal(Created + Piece + last, await response.Content.ReadAsStringAsync());
        Assert.Equal(20, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_call_without_a_maximum_is_bounded()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("{" + Usage + "}");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(Path, token, """{"model":"m","input":"Hi"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(4096, (int?)Assert.Single(_gateway.Upstream.Calls).Body["max_output_tokens"]);
    }

    [Theory]
    [InlineData("background", "true")]
    [InlineData("prompt", """{"id":"pmpt_1"}""")]
    [InlineData("multi_agent", """{"max":3}""")]
    public async Task What_hides_its_cost_is_refused_by_name(string member, string value)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Path, token, Call[..^1] + $",\"{member}\":{value}}}");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal("invalid_request_error", (string?)error["type"]);
        Assert.Contains(member, (string?)error["message"], StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData(""","previous_response_id":"resp_1"}""")]
    [InlineData(""","conversation":"conv_1"}""")]
    [InlineData(""","context_management":[{"type":"compaction"}]}""")]
    [InlineData(""","tools":[{"type":"mcp","server_url":"https://x.test"}]}""")]
    [InlineData(""","x":[{"type":"item_reference","id":"msg_1"}]}""")]
    public async Task Input_that_is_elsewhere_is_held_at_the_window(string more)
    {
        string token = await _gateway.OpenAsync();
        long held = 0;
        _gateway.Upstream.Answer = async (http, call) =>
        {
            held = (await _gateway.TokensAsync(token)).Held;
            await FakeUpstream.Json("{" + Usage + "}")(http, call);
        };

        using HttpResponseMessage response = await _gateway.PostAsync(Path, token, Call[..^1] + more);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(200_050, held);
        Assert.Equal(20, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task Searches_are_bounded_held_and_settled_as_they_were_made()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """
            {"output":[{"type":"web_search_call","action":{"type":"search"}},
            {"type":"web_search_call","action":{"type":"open_page"}},{"type":"web_search_call"},
            {"type":"message","content":[]}],
            """ + Usage + "}");

        using HttpResponseMessage response = await _gateway.PostAsync(
            Path, token, Call[..^1] + ""","tools":[{"type":"web_search"}]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(10, (int)Assert.Single(_gateway.Upstream.Calls).Body["max_tool_calls"]!);
        GrainBalance balance = await _gateway.BalanceAsync(token);
        // Two searches at 0.01, 7 tokens of input, 4 from the cache at a tenth, 9 of output, a million for one unit.
        Assert.Equal(20_000_000 + 16_400, balance.Settled.Nanos);
    }

    [Fact]
    public async Task A_stream_of_a_session_that_is_revoked_ends_for_Codex_and_for_the_SDKs()
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource left = new();
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(left, Created, Piece);
        using HttpResponseMessage response = await _gateway.PostAsync(
            Path, token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "why" });

        string text = await TestGateway.ReadToAbortAsync(response);
        await left.Task.WaitAsync(TestGateway.Patience);
        int failed = text.IndexOf("event: response.failed", StringComparison.Ordinal);
        int error = text.IndexOf("event: error", StringComparison.Ordinal);
        Assert.True(failed > 0 && error > failed, text);
        Assert.Contains("\"code\":\"invalid_prompt\"", text, StringComparison.Ordinal);
        Assert.InRange(await _gateway.SettledAsync(token), 4, 60);
    }

    [Theory]
    [InlineData("""{"type":"error","code":"rate_limit_exceeded","message":"slow"}""", 429)]
    [InlineData(
        """{"type":"response.failed","response":{"error":{"code":"server_error","message":"slow"}}}""", 500)]
    public async Task A_failure_as_the_first_event_has_its_status(string data, int status)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events($"data: {data}\n\n");

        using HttpResponseMessage response = await _gateway.PostAsync(Path, token, StreamCall);

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal("slow", (string?)(await TestGateway.JsonAsync(response))["error"]!["message"]);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task Input_is_counted_for_free()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"object":"response.input_tokens","input_tokens":14}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync($"{Path}/input_tokens", token, Call);

        Assert.Equal(14, (int)(await TestGateway.JsonAsync(response))["input_tokens"]!);
        Assert.Equal("/v1/responses/input_tokens", Assert.Single(_gateway.Upstream.Calls).Path);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }
}
