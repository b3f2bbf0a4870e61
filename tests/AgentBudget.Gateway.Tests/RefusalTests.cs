using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

/// <summary>What is refused, how it looks in each dialect, and that nothing is forwarded or held afterwards.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class RefusalTests : IDisposable
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[]}""";
    private const string Chat = "v1/chat/completions";
    private const string Messages = "v1/messages";
    private const string Responses = "v1/responses";
    private const string Embeddings = "v1/embeddings";
    private const string Gemini = "v1beta/models/m:generateContent";

    private readonly TestGateway _gateway;

    public RefusalTests(SharedGateway shared)
    {
        _gateway = shared.Gateway;
        _gateway.Upstream.Calls.Clear();
    }

    public void Dispose() => Assert.Equal(0, _gateway.Host.HeldBytes);

    public static TheoryData<string, string, string> Bodies => new()
    {
        { "no JSON", "not json", "JSON" },
        { "no object", "[1]", "object" },
        { "deep", $"{{\"model\":\"m\",\"messages\":{new string('[', 1000)}{new string(']', 1000)}}}", "depth" },
        { "twice", """{"model":"m","max_tokens":5,"messages":[],"model":"dear"}""", "model" },
        { "twice, escaped", """{"model":"m","max_tokens":5,"messages":[],"mod\u0065l":"dear"}""", "model" },
        { "twice, within", """{"model":"m","max_tokens":5,"messages":[{"role":"user","role":"system"}]}""", "role" },
        { "resembling", """{"model":"m","max_tokens":5,"messages":[],"Model":"dear"}""", "Model" },
        { "no model", """{"max_tokens":5,"messages":[]}""", "model" },
        { "zero", """{"model":"m","max_tokens":0,"messages":[]}""", "max_tokens" },
        { "below zero", """{"model":"m","max_tokens":-5,"messages":[]}""", "max_tokens" },
        { "absurd", """{"model":"m","max_tokens":99999999999999,"messages":[]}""", "max_tokens" },
        { "no number", """{"model":"m","max_tokens":"5","messages":[]}""", "max_tokens" },
        { "half", """{"model":"m","max_tokens":1.5,"messages":[]}""", "max_tokens" },
        { "stream", """{"model":"m","max_tokens":5,"stream":"yes","messages":[]}""", "stream" },
        { "tier", """{"model":"m","max_tokens":5,"service_tier":"gold","messages":[]}""", "gold" },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task A_body_that_is_in_doubt_is_refused(string what, string body, string sentence)
    {
        string token = await _gateway.OpenAsync();
        foreach (string path in (string[])[Chat, Messages])
        {
            using HttpResponseMessage response = await _gateway.PostAsync(path, token, body);

            JsonNode json = await TestGateway.JsonAsync(response);
            Assert.True(response.StatusCode == HttpStatusCode.BadRequest, $"{what}: {json.ToJsonString()}");
            Assert.Equal("invalid_request_error", (string?)json["error"]!["type"]);
            Assert.Equal(path == Messages ? "error" : null, (string?)json["type"]);
            Assert.Contains(sentence, (string?)json["error"]!["message"], StringComparison.Ordinal);
        }

        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData(Responses, """{"model":"m","max_output_tokens":0}""", "max_output_tokens")]
    [InlineData(Responses, """{"model":"m","max_output_tokens":99999999999999}""", "max_output_tokens")]
    [InlineData(Responses, """{"model":"m","max_tool_calls":0,"tools":[{"type":"web_search"}]}""", "max_tool_calls")]
    [InlineData(Responses, """{"model":"m","Max_Output_Tokens":5}""", "Max_Output_Tokens")]
    [InlineData(Responses, """{"input":"Hi"}""", "model")]
    [InlineData(Embeddings, """{"model":"m","input":"Hi","input":"Ho"}""", "input")]
    [InlineData(Embeddings, """{"model":"m","INPUT":"Hi"}""", "INPUT")]
    [InlineData(Embeddings, "[]", "object")]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":0}}""", "maxOutputTokens")]
    [InlineData(Gemini, """{"generationConfig":{"candidateCount":1000}}""", "candidateCount")]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":5,"max_output_tokens":9}}""", "max_output_tokens")]
    [InlineData(Gemini, """{"generationConfig":7}""", "generationConfig")]
    [InlineData(Gemini, "not json", "JSON")]
    [InlineData(Gemini, """{"\ud800":1}""", "surrogate")]
    [InlineData(Responses, """{"model":"\ud800"}""", "surrogate")]
    [InlineData(Responses, """{"model":"m","input":"half \udc00"}""", "surrogate")]
    [InlineData(Embeddings, """{"model":"m","input":"Hi","x":{"y":["\uD800\u0041"]}}""", "surrogate")]
    public async Task A_body_that_is_in_doubt_is_refused_in_every_dialect(string path, string body, string sentence)
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(path, token, body);

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(
            path == Gemini ? "INVALID_ARGUMENT" : "invalid_request_error",
            (string?)error[path == Gemini ? "status" : "type"]);
        Assert.Contains(sentence, (string?)error["message"], StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_refused_before_it_is_read()
    {
        string token = await _gateway.OpenAsync();
        string filler = new('x', 33 * 1024 * 1024);
        string body = """{"model":"m","max_tokens":5,"messages":[],"x":""" + $"\"{filler}\"}}";

        // Its sender may be cut off while it still writes; then it has no status either.
        try
        {
            using HttpResponseMessage response = await _gateway.PostAsync(Messages, token, body);
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, response.StatusCode);
        }
        catch (HttpRequestException)
        {
            // Cut off.
        }

        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_body_of_20_MB_passes()
    {
        string token = await _gateway.OpenAsync();
        string body = """{"model":"m","max_tokens":5,"messages":[],"x":""" + $"\"{new string('x', 20_000_000)}\"}}";
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":5000000,"output_tokens":5}}""");

        using HttpResponseMessage response = await _gateway.PostAsync(Messages, token, body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(body, Assert.Single(_gateway.Upstream.Calls).Text);
        Assert.Equal(5_000_005, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task Two_lengths_are_refused()
    {
        using TcpClient client = new();
        await client.ConnectAsync(_gateway.Host.Address);
        await using NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}"));
        using StreamReader reader = new(stream);

        Assert.StartsWith("HTTP/1.1 400", await reader.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sk-whatever")]
    [InlineData("aba_acme.c99.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("eyJhbGciOiJub25lIn0.e30.x")]
    public async Task A_key_that_is_none_is_refused(string key)
    {
        foreach (string path in (string[])[Chat, Messages])
        {
            using HttpResponseMessage response = await _gateway.PostAsync(
                path, key, Call, request => request.Headers.Add("x-agentbudget-use-case", "promo"));

            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
            Assert.Equal(
                path == Messages ? "authentication_error" : "invalid_request_error",
                (string?)(await TestGateway.JsonAsync(response))["error"]!["type"]);
        }

        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_token_that_was_changed_is_refused()
    {
        string token = await _gateway.OpenAsync();
        string[] parts = token.Split('.');
        string forged = $"{parts[0]}.{parts[1]}.{(parts[2][0] == 'A' ? 'B' : 'A')}{parts[2][1..]}";

        using HttpResponseMessage response = await _gateway.PostAsync(Chat, forged, Call);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task Two_keys_that_differ_are_refused()
    {
        string one = await _gateway.OpenAsync(), two = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Chat, one, Call, request => request.Headers.Add("x-api-key", two));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_header_that_names_another_session_is_refused()
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Chat, token, Call, request => request.Headers.Add("x-agentbudget-session", "sessions/s1x"));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("m\",\"speed\":\"fast", 400, "invalid_request_error")]
    [InlineData("dear\",\"cache_control\":{\"type\":\"ephemeral\"},\"x\":\"", 400, "invalid_request_error")]
    [InlineData("unknown", 403, "permission_error")]
    [InlineData("secret", 403, "permission_error")]
    public async Task A_call_without_a_price_or_out_of_scope_is_refused(string model, int status, string type)
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Messages, token, $$"""{"model":"{{model}}","max_tokens":50,"messages":[]}""");

        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(type, (string?)(await TestGateway.JsonAsync(response))["error"]!["type"]);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData(Chat, "", 429, "insufficient_quota")]
    [InlineData(Chat, "OpenAI/JS 7.55.0", 429, "insufficient_quota")]
    [InlineData(Chat, "OpenAI/2.15.0 (.NET 10.0.0; Debian)", 402, "insufficient_quota")]
    [InlineData(Chat, "codex_cli_rs/0.169.0", 429, "usage_limit_reached")]
    [InlineData(Messages, "Anthropic/JS 1.10.0", 429, "billing_error")]
    public async Task A_refusal_of_money_says_what_is_left_and_is_not_to_be_sent_again(
        string path, string agent, int status, string type)
    {
        string token = await _gateway.OpenAsync("tight");

        using HttpResponseMessage response = await _gateway.PostAsync(
            path, token, """{"model":"m","max_tokens":9000000,"messages":[]}""", request =>
            {
                if (agent.Length > 0) request.Headers.TryAddWithoutValidation("User-Agent", agent);
            });

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal(status, (int)response.StatusCode);
        Assert.Equal(type, (string?)error["type"]);
        Assert.Contains("useCases/tight", (string?)error["message"], StringComparison.Ordinal);
        Assert.Equal("false", TestGateway.HeaderOf(response, "x-should-retry"));
        Assert.Equal("", TestGateway.HeaderOf(response, "retry-after"));
        Assert.Equal("USE_CASE_BUDGET", TestGateway.HeaderOf(response, "x-agentbudget-reason"));
        Assert.NotEqual("", TestGateway.HeaderOf(response, "x-agentbudget-reset"));
        Assert.Contains(
            "USD on useCases/tight",
            TestGateway.HeaderOf(response, "x-agentbudget-left"),
            StringComparison.Ordinal);
        if (type == "usage_limit_reached") Assert.True((long)error["resets_at"]! > 1_700_000_000);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData("")]
    [InlineData("v1/responses/resp_1/cancel")]
    [InlineData("v1beta/models/m:batchGenerateContent")]
    [InlineData("v1/messages/batches")]
    [InlineData("v1/batches")]
    [InlineData("v1/files")]
    [InlineData("v1/realtime")]
    [InlineData("v1/realtime/sessions")]
    [InlineData("v1/realtime/client_secrets")]
    [InlineData("v1/audio/speech")]
    [InlineData("v1/images/generations")]
    [InlineData("v1/threads/runs")]
    [InlineData("v1beta/interactions")]
    [InlineData("v1beta/cachedContents")]
    [InlineData("v1/chat/completions/more")]
    public async Task A_route_whose_cost_is_not_counted_is_refused(string path)
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(path, token, Call);

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.NotNull((await TestGateway.JsonAsync(response))["error"]!["message"]);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("v1/realtime?model=m")]
    [InlineData("v1/responses")]
    [InlineData("v1/chat/completions")]
    public async Task A_socket_is_not_opened_because_what_it_carries_is_not_counted(string path)
    {
        string token = await _gateway.OpenAsync();
        using ClientWebSocket socket = new();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        UriBuilder address = new(new Uri(_gateway.Address, path)) { Scheme = "ws" };

        using CancellationTokenSource patience = new(TestGateway.Patience);

        await Assert.ThrowsAsync<WebSocketException>(() => socket.ConnectAsync(address.Uri, patience.Token));

        Assert.Contains(
            socket.HttpStatusCode, new[] { HttpStatusCode.NotFound, HttpStatusCode.MethodNotAllowed });
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_session_that_is_over_is_refused_as_a_key()
    {
        string token = await _gateway.OpenAsync();
        await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "why" });

        using HttpResponseMessage response = await _gateway.PostAsync(Chat, token, Call);

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal("SESSION_REVOKED", TestGateway.HeaderOf(response, "x-agentbudget-reason"));
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_loop_stops_at_its_cap_without_one_call_beyond()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 10_000 });
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":500,"output_tokens":500}}""");
        int granted = 0;
        HttpStatusCode last;
        do
        {
            using HttpResponseMessage response = await _gateway.PostAsync(
                Messages, token, """{"model":"m","max_tokens":500,"messages":[{"role":"user","content":"again"}]}""");
            last = response.StatusCode;
            if (last == HttpStatusCode.OK) granted++;
        }
        while (last == HttpStatusCode.OK && granted < 100);

        Assert.Equal(HttpStatusCode.TooManyRequests, last);
        Assert.Equal(granted, _gateway.Upstream.Calls.Count);
        Assert.InRange(await _gateway.SettledAsync(token), 9_000, 10_000);
    }
}
