using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;

namespace AgentBudget.Gateway.Tests;

/// <summary>Models of Bedrock that are no Anthropic's: callers of Messages are served by Converse.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class ConverseTests(SharedGateway shared)
{
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";
    private const string Report = """{"usage":{"inputTokens":7,"outputTokens":5,"totalTokens":12}}""";

    private static readonly (string Name, string Json)[] Answer =
    [
        ("messageStart", """{"role":"assistant","p":"ab"}"""),
        ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}"""),
        ("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s1"}}}"""),
        ("contentBlockStop", """{"contentBlockIndex":0}"""),
        ("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"text":"twelve bytes"}}"""),
        ("contentBlockStop", """{"contentBlockIndex":1}"""),
        ("contentBlockStart", """{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"t1","name":"look"}}}"""),
        ("contentBlockDelta", """{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"q\":1}"}}}"""),
        ("contentBlockStop", """{"contentBlockIndex":2}"""),
        ("somethingNew", "{}"),
        ("messageStop", """{"stopReason":"tool_use"}"""),
    ];

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task A_call_of_another_dialect_is_refused_and_told_where_its_model_is_served()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage chat = await PostAsync(
            host, token, """{"model":"m","max_tokens":50,"messages":[]}""", "v1/chat/completions");
        using HttpResponseMessage gemini = await PostAsync(host, token, "{}", "v1beta/models/m:generateContent");
        using HttpResponseMessage unknown = await PostAsync(
            host, token, """{"model":"none","max_tokens":50,"messages":[]}""", "v1/chat/completions");

        foreach (HttpResponseMessage refused in (HttpResponseMessage[])[chat, gemini])
        {
            Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
            Assert.Contains(
                "No upstream takes m in this dialect. It is served at /v1/messages.",
                (string?)(await TestGateway.JsonAsync(refused))["error"]!["message"],
                StringComparison.Ordinal);
        }

        Assert.Contains("No upstream serves none", await unknown.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task A_call_of_Messages_is_one_of_Converse_at_Bedrock()
    {
        const string call = """
            {"model":"m","max_tokens":50,"temperature":0.5,"top_p":0.9,"top_k":3,"stop_sequences":["x"],
             "metadata":{"user_id":"u"},
             "system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral","ttl":"1h"}}],
             "tools":[{"name":"look","description":"looks","input_schema":{"type":"object"}}],
             "tool_choice":{"type":"any"},
             "messages":[
               {"role":"user","content":"hello"},
               {"role":"assistant","content":[
                 {"type":"thinking","thinking":"hm","signature":"s1"},
                 {"type":"tool_use","id":"t1","name":"look","input":{"q":1}}]},
               {"role":"user","content":[
                 {"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"none"},
                 {"type":"image","source":{"type":"base64","media_type":"image/png","data":"aGk="}},
                 {"type":"document","source":{"type":"text","media_type":"text/plain","data":"hi"}}]}]}
            """;
        const string expected = """
            {"system":[{"text":"be brief"},{"cachePoint":{"type":"default","ttl":"1h"}}],
             "toolConfig":{
               "tools":[{"toolSpec":{
                 "name":"look","description":"looks","inputSchema":{"json":{"type":"object"}}}}],
               "toolChoice":{"any":{}}},
             "messages":[
               {"role":"user","content":[{"text":"hello"}]},
               {"role":"assistant","content":[
                 {"reasoningContent":{"reasoningText":{"text":"hm","signature":"s1"}}},
                 {"toolUse":{"toolUseId":"t1","name":"look","input":{"q":1}}}]},
               {"role":"user","content":[
                 {"toolResult":{"toolUseId":"t1","status":"error","content":[{"text":"none"}]}},
                 {"image":{"format":"png","source":{"bytes":"aGk="}}},
                 {"document":{"format":"txt","name":"document 1","source":{"bytes":"aGk="}}}]}],
             "inferenceConfig":{"maxTokens":50,"temperature":0.5,"topP":0.9,"stopSequences":["x"]},
             "additionalModelRequestFields":{"top_k":3}}
            """;
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""
            {"output":{"message":{"role":"assistant","content":[
               {"reasoningContent":{"reasoningText":{"text":"hm","signature":"s1"}}},{"text":"hi"},
               {"toolUse":{"toolUseId":"t1","name":"look","input":{"q":1}}}]}},
             "stopReason":"tool_use",
             "usage":{"inputTokens":7,"outputTokens":5,"totalTokens":12}}
            """);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, token, call);

        JsonNode answer = await TestGateway.JsonAsync(response);
        UpstreamCall sent = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal("/model/us.amazon.nova-x-v1%3A0/converse", sent.RawPath);
        Assert.StartsWith("AWS4-HMAC-SHA256 Credential=AKID/", sent.Header("authorization"), StringComparison.Ordinal);
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), sent.Body), sent.Text);
        Assert.Equal(
            ("message", "us.amazon.nova-x-v1:0", "tool_use"),
            ((string?)answer["type"], (string?)answer["model"], (string?)answer["stop_reason"]));
        Assert.True(
            JsonNode.DeepEquals(
                JsonNode.Parse("""
                    [{"type":"thinking","thinking":"hm","signature":"s1"},{"type":"text","text":"hi"},
                     {"type":"tool_use","id":"t1","name":"look","input":{"q":1}}]
                    """),
                answer["content"]),
            answer.ToJsonString());
        Assert.Equal(12, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_stream_of_Converse_is_one_of_Messages_and_its_report_is_settled()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Frames(FramesOf([.. Answer, ("metadata", Report)]));
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, token, StreamCall);

        Assert.EndsWith("/converse-stream", Assert.Single(_gateway.Upstream.Calls).RawPath, StringComparison.Ordinal);
        JsonNode[] events = EventsOf(await response.Content.ReadAsStringAsync());
        Assert.Equal(
            "message_start content_block_start content_block_delta content_block_delta content_block_stop "
            + "content_block_start content_block_delta content_block_stop content_block_start content_block_delta "
            + "content_block_stop message_delta message_stop",
            string.Join(' ', events.Select(one => (string?)one["type"])));
        Assert.Equal([0, 1, 2], events.Where(one => (string?)one["type"] == "content_block_stop")
            .Select(one => (int)one["index"]!));
        Assert.Equal(
            ["thinking", "text", "tool_use"],
            events.Where(one => (string?)one["type"] == "content_block_start")
                .Select(one => (string?)one["content_block"]!["type"]));
        Assert.Equal("{\"q\":1}", (string?)events[^4]["delta"]!["partial_json"]);
        Assert.Equal(
            ("tool_use", 7, 5),
            ((string?)events[^2]["delta"]!["stop_reason"], (int)events[^2]["usage"]!["input_tokens"]!,
                (int)events[^2]["usage"]!["output_tokens"]!));
        Assert.Equal(12, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task What_is_read_from_and_written_to_a_cache_is_counted_once()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Frames(FramesOf([.. Answer, ("metadata", """
            {"usage":{"inputTokens":10,"outputTokens":5,"totalTokens":115,"cacheReadInputTokens":60,
              "cacheWriteInputTokens":40,
              "cacheDetails":[{"ttl":"1h","inputTokens":30},{"ttl":"5m","inputTokens":10}]}}
            """)]));

        using HttpResponseMessage response = await PostAsync(host, token, StreamCall);
        await response.Content.ReadAsStringAsync();

        Assert.Equal(115, await _gateway.SettledAsync(token));
        // 10 + 5 at 1, 60 at 0.10, 30 at 2, 10 at 1.25 for a million.
        Assert.Equal(15_000 + 6_000 + 60_000 + 12_500, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_answer_without_its_report_is_whole_and_never_free(bool isStream)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = isStream
            ? FakeUpstream.Frames(FramesOf(Answer))
            : FakeUpstream.Json("""
                {"output":{"message":{"content":[{"text":"twelve bytes"}]}},"stopReason":"end_turn"}
                """);

        using HttpResponseMessage response = await PostAsync(
            host, token, isStream ? StreamCall : StreamCall.Replace("true", "false", StringComparison.Ordinal));

        string text = await response.Content.ReadAsStringAsync();
        Assert.Equal(isStream, text.Contains("event: message_stop", StringComparison.Ordinal));
        Assert.True(await _gateway.SettledAsync(token) >= 3 + 1, "input and output are estimated");
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("damaged")]
    [InlineData("payload")]
    [InlineData("exception")]
    [InlineData("error")]
    public async Task A_stream_that_breaks_is_cut_and_what_was_seen_is_paid(string how)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        byte[][] frames = FramesOf(Answer[..5]);
        byte[] last = how switch
        {
            "cut" => FramesOf(Answer[5..6])[0][..20],
            "damaged" => FramesOf(Answer[5..6])[0],
            "payload" => Frame.Event("contentBlockDelta", """{"delta":{"text":7}}"""),
            "exception" => Frame.Exception("modelStreamErrorException", "the model broke"),
            _ => Frame.Error("InternalError", "the model broke"),
        };
        if (how == "damaged") last[^1] ^= 1;
        _gateway.Upstream.Answer = FakeUpstream.Frames([.. frames, last]);

        using HttpResponseMessage response = await PostAsync(
            host, token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response);
        Assert.Contains("event: error", text, StringComparison.Ordinal);
        Assert.DoesNotContain("message_stop", text, StringComparison.Ordinal);
        if (how is "exception" or "error") Assert.Contains("the model broke", text, StringComparison.Ordinal);
        Assert.True(await _gateway.SettledAsync(token) > 3, "input and the pieces that were seen");
    }

    [Fact]
    public async Task An_exception_as_the_first_frame_has_its_status_and_costs_nothing()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Frames([Frame.Exception("throttlingException", "slow down")]);

        using HttpResponseMessage response = await PostAsync(host, token, StreamCall);

        Assert.Equal(429, (int)response.StatusCode);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("\"top_k\":1,\"max_gen_len\":9", "max_gen_len")] // What a model takes for another maximum.
    [InlineData("\"inferenceConfig\":{\"maxTokens\":9}", "inferenceConfig")]
    [InlineData("\"additionalModelRequestFields\":{}", "additionalModelRequestFields")]
    [InlineData("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]", "web_search_20250305")]
    [InlineData("\"tools\":[{\"name\":\"a\"}],\"tool_choice\":{\"type\":\"none\"}", "tool_choice none")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"search_result\"}]}]", "search_result")]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":[7]}]", "no block")]
    [InlineData("\"messages\":[7]", "Messages")]
    [InlineData("\"messages\":{}", "Messages")]
    public async Task What_Converse_cannot_say_is_refused_by_name_and_holds_nothing(string members, string named)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(
            host, token, $$"""{"model":"m","max_tokens":5,{{members}}}""");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task An_answer_that_is_none_of_Converse_is_a_failure_and_its_input_is_paid()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("<html>");

        using HttpResponseMessage response = await PostAsync(
            host, token, StreamCall.Replace("true", "false", StringComparison.Ordinal));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.True(await _gateway.SettledAsync(token) > 0);
    }

    private static byte[][] FramesOf((string Name, string Json)[] events) =>
        [.. events.Select(one => Frame.Event(one.Name, one.Json))];

    private static JsonNode[] EventsOf(string stream) =>
    [
        .. stream.Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal))
            .Select(line => JsonNode.Parse(line["data: ".Length..])!),
    ];

    private Task<GatewayHost> HostAsync() => _gateway.HostAsync(
        new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Upstreams =
            [
                new UpstreamOptions
                {
                    Name = "bedrock",
                    Kind = "bedrock",
                    BaseUrl = _gateway.Upstream.Address,
                    KeyEnv = "KEY",
                    Region = "us-east-1",
                    Models = new Dictionary<string, string> { ["m"] = "us.amazon.nova-x-v1:0" },
                    AllowPrivate = true,
                },
            ],
        },
        "AKID:secret");

    private Task<HttpResponseMessage> PostAsync(
        GatewayHost host,
        string token,
        string body,
        string path = "v1/messages",
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        HttpRequestMessage request = new(HttpMethod.Post, new Uri($"http://{host.Address}/{path}"))
        {
            Headers = { { "x-api-key", token } },
            Content = new StringContent(body),
        };
        return _gateway.Http.SendAsync(request, completion);
    }
}
