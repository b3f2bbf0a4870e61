using System.Net;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// What went wrong in other gateways, as far as no other test here shows it. docs/gateway.md has the whole list.
/// </summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class PeerBugTests(SharedGateway shared)
{
    private const string Messages = "v1/messages";
    private const string Chat = "v1/chat/completions";
    private const string Responses = "v1/responses";
    private const string Gemini = "v1beta/models/m:generateContent";
    private const string GeminiStream = "v1beta/models/m:streamGenerateContent?alt=sse";
    private const string Call = """{"model":"m","max_tokens":500,"messages":[]}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task Calls_at_once_do_not_pass_a_cap_together()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 10_000 });
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":60,"output_tokens":500}}""");

        HttpResponseMessage[] responses = await Task.WhenAll(
            Enumerable.Range(0, 60).Select(_ => _gateway.PostAsync(Messages, token, Call)));

        int granted = responses.Count(response => response.StatusCode == HttpStatusCode.OK);
        int refused = responses.Count(response => response.StatusCode == HttpStatusCode.TooManyRequests);
        foreach (HttpResponseMessage response in responses) response.Dispose();
        Assert.Equal(60, granted + refused);
        Assert.True(granted > 0 && refused > 0, $"{granted} granted, {refused} refused");
        Assert.Equal(granted, _gateway.Upstream.Calls.Count);
        Assert.Equal(granted * 560, await _gateway.SettledAsync(token));
        Assert.True(granted * 560 <= 10_000, $"{granted} calls passed the cap");
    }

    [Fact]
    public async Task Calls_that_fail_leave_no_holds_by_which_the_next_is_refused()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 1_000 });
        Func<HttpContext, UpstreamCall, Task>[] failures =
        [
            FakeUpstream.Json("{}", 500),
            FakeUpstream.Json("{}", 401),
            FakeUpstream.Json("{}", 302),
            FakeUpstream.Events("""data: {"type":"error"}""" + "\n\n"),
        ];
        foreach (Func<HttpContext, UpstreamCall, Task> failure in failures.Concat(failures).Concat(failures))
        {
            _gateway.Upstream.Answer = failure;
            using HttpResponseMessage failed = await _gateway.PostAsync(
                Messages, token, """{"model":"m","max_tokens":900,"stream":true,"messages":[]}""");
            Assert.NotEqual(HttpStatusCode.OK, failed.StatusCode);
        }

        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":10,"output_tokens":10}}""");
        using HttpResponseMessage last = await _gateway.PostAsync(
            Messages, token, """{"model":"m","max_tokens":900,"messages":[]}""");

        Assert.Equal((HttpStatusCode.OK, 20), (last.StatusCode, await _gateway.SettledAsync(token)));
    }

    [Fact]
    public async Task An_answer_that_names_its_model_otherwise_is_not_free()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """{"model":"m-2026-10-01","usage":{"input_tokens":10,"output_tokens":10}}""");

        using HttpResponseMessage response = await _gateway.PostAsync(Messages, token, Call);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(20_000, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    // 600 tokens of input, 400 from a cache at a tenth, 500 of output of which 300 were thoughts; Anthropic's beside
    // them 100 written for five minutes and 100 for an hour.
    [Theory]
    [InlineData(
        Chat,
        """
        {"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,
        "prompt_tokens_details":{"cached_tokens":400},"completion_tokens_details":{"reasoning_tokens":300}}}
        """,
        1_140_000)]
    [InlineData(
        Responses,
        """
        {"usage":{"input_tokens":1000,"output_tokens":500,"total_tokens":1500,
        "input_tokens_details":{"cached_tokens":400},"output_tokens_details":{"reasoning_tokens":300}}}
        """,
        1_140_000)]
    [InlineData(
        Messages,
        """
        {"usage":{"input_tokens":600,"output_tokens":500,"cache_read_input_tokens":400,
        "cache_creation_input_tokens":200,
        "cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":100}}}
        """,
        1_465_000)]
    [InlineData(
        Gemini,
        """
        {"usageMetadata":{"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":200,
        "thoughtsTokenCount":300,"totalTokenCount":1500}}
        """,
        1_140_000)]
    public async Task Cache_and_thoughts_are_counted_once(string path, string answer, int nanos)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(answer);

        using HttpResponseMessage response = await _gateway.PostAsync(
            path, token, path == Gemini ? """{"contents":[]}""" : Call);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(nanos, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Theory]
    [InlineData(1000, "default", 1_100_000)]
    [InlineData(1000, "priority", 3_300_000)]
    [InlineData(2000, "default", 4_200_000)]
    public async Task A_long_prompt_and_a_better_service_cost_what_they_cost(int input, string tier, int nanos)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            $$$"""{"service_tier":"{{{tier}}}","usage":{"prompt_tokens":{{{input}}},"completion_tokens":100}}""");

        using HttpResponseMessage response = await _gateway.PostAsync(
            Chat, token, """{"model":"tiers","max_tokens":500,"service_tier":"auto","messages":[]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(nanos, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Theory]
    [InlineData(Chat, """{"choices":[{"index":0,"delta":{"content":"word"}}]}""")]
    [InlineData(Messages, """{"type":"content_block_delta","delta":{"type":"text_delta","text":"word"}}""")]
    [InlineData(Responses, """{"type":"response.output_text.delta","delta":"word"}""")]
    [InlineData(GeminiStream, """{"candidates":[{"content":{"parts":[{"text":"word"}]}}]}""")]
    public async Task A_stream_that_was_cut_short_looks_complete_in_no_dialect(string path, string piece)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events($"data: {piece}\n\n");

        using HttpResponseMessage response = await _gateway.PostAsync(
            path,
            token,
            path == GeminiStream ? """{"contents":[]}""" : Call[..^1] + ",\"stream\":true}",
            completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response);
        Assert.Contains("\"error\"", text, StringComparison.Ordinal);
        Assert.True(await _gateway.SettledAsync(token) > 0);
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData(Messages)]
    [InlineData(Responses)]
    [InlineData(Gemini)]
    [InlineData("v1/embeddings")]
    public async Task A_refusal_of_ours_is_no_failure_of_a_server(string path)
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 10 });

        using HttpResponseMessage response = await _gateway.PostAsync(
            path, token, path == Gemini ? """{"contents":[]}""" : Call);

        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal("false", TestGateway.HeaderOf(response, "x-should-retry"));
    }
}
