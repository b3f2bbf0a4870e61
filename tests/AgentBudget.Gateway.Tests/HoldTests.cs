using System.Net;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

/// <summary>
/// What is held for a call, field by field of the providers' APIs: what bounds its cost, what multiplies it, and what
/// moves it out of the gateway's sight.
/// </summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class HoldTests(SharedGateway shared)
{
    private const string Chat = "v1/chat/completions";
    private const string Responses = "v1/responses";
    private const string Messages = "v1/messages";
    private const string Gemini = "v1beta/models/m:generateContent";
    private const long Window = 200_000;
    private const long OverheadMost = 400; // The input of these calls, with its margin.

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":1000}""", 1_000)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":1000,"max_tokens":3000}""", 3_000)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":1000,"n":128}""", 128_000)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":1000,"reasoning_effort":"high"}""", 1_000)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"x":{"type":"file","file":{"file_id":"f"}}}""", Window)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"web_search_options":{}}""", Window)]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"x":[{"type":"image_url"}]}""", 5_000)]
    [InlineData(Responses, """{"model":"m","max_output_tokens":9,"x":{"type":"input_file","file_url":"u"}}""", Window)]
    [InlineData(Responses, """{"model":"m","max_output_tokens":9,"tools":[{"type":"file_search"}]}""", Window)]
    [InlineData(Responses, """{"model":"m","max_output_tokens":9,"tools":[{"type":"code_interpreter"}]}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"mcp_servers":[{"url":"https://x.test"}]}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"container":"c_1"}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"context_management":{"edits":[]}}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"tools":[{"type":"web_fetch_20250910","max_uses":1}]}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"x":{"type":"document","source":{"file_id":"f"}}}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9,"x":{"source":{"url":"https://x.test/a.pdf"}}}""", Window)]
    [InlineData(Messages, """{"model":"m","max_tokens":9000,"thinking":{"budget_tokens":8000}}""", 9_000)]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":9},"cachedContent":"cachedContents/1"}""", Window)]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":9},"tools":[{"url_context":{}}]}""", Window)]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":9},"tools":[{"codeExecution":{}}]}""", Window)]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":9},"x":{"fileData":{"fileUri":"f"}}}""", Window)]
    [InlineData(Gemini, """{"generationConfig":{"maxOutputTokens":900,"thinkingConfig":{"thinkingBudget":-1}}}""", 900)]
    public async Task The_most_that_a_call_can_use_is_held(string path, string call, long tokens)
    {
        (HttpStatusCode status, GrainBalance held, string token) = await HeldAsync(path, call);

        Assert.Equal(HttpStatusCode.InternalServerError, status); // As the upstream answered.
        Assert.InRange(held.HeldTokens, tokens, tokens + OverheadMost);
        Assert.Equal((0L, 0L), await _gateway.TokensAsync(token));
    }

    // Predicted tokens that are not taken are billed as output, beside the answer.
    [Fact]
    public async Task A_prediction_is_held_beside_the_answer()
    {
        string words = string.Concat(Enumerable.Repeat("word ", 1_000));

        (_, GrainBalance with, _) = await HeldAsync(
            Chat,
            $$$"""{"model":"m","max_completion_tokens":100,"prediction":{"type":"content","content":"{{{words}}}"}}""");

        // As input, and once more as output of at least a token for each of its words.
        Assert.InRange(with.HeldTokens, 100 + 2_000, 100 + 12_000);
    }

    [Theory]
    [InlineData(Chat, """{"model":"tiers","max_completion_tokens":1000,"service_tier":"priority"}""", 3)]
    [InlineData(Chat, """{"model":"tiers","max_completion_tokens":1000,"service_tier":"fast"}""", 3)]
    [InlineData(Chat, """{"model":"tiers","max_completion_tokens":1000,"service_tier":"flex"}""", 1)]
    [InlineData(Chat, """{"model":"tiers","max_completion_tokens":1000,"service_tier":"auto"}""", 1)]
    [InlineData(Responses, """{"model":"tiers","max_output_tokens":1000,"service_tier":"ultrafast"}""", 3)]
    [InlineData(Messages, """{"model":"tiers","max_tokens":1000,"speed":"fast"}""", 3)]
    [InlineData(Messages, """{"model":"tiers","max_tokens":1000,"service_tier":"standard_only"}""", 1)]
    public async Task A_better_service_is_held_at_its_price(string path, string call, int times)
    {
        (_, GrainBalance held, _) = await HeldAsync(path, call);

        // More than a thousand tokens is a long context, which costs twice as much, or it is not one.
        Assert.InRange(held.Held.Nanos / (double)held.HeldTokens, times * 1_000 * 0.99, times * 2_000 * 1.01);
    }

    [Theory]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"n":129}""", "n must be")]
    [InlineData(Chat, """{"model":"m","n":2}""", "maximum of tokens")]
    [InlineData(Chat, """{"model":"m","prediction":{"content":"x"}}""", "maximum of tokens")]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"modalities":["audio"]}""", "price")]
    [InlineData(Chat, """{"model":"m","max_completion_tokens":9,"service_tier":"gold"}""", "gold")]
    public async Task What_has_no_bound_or_no_price_is_refused(string path, string call, string sentence)
    {
        _gateway.Upstream.Calls.Clear();
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(path, token, call);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(sentence, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0L, 0L), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData("GET", "v1/realtime?model=m")]
    [InlineData("GET", "v1/responses")] // As a WebSocket.
    [InlineData("POST", "v1/realtime/sessions")]
    [InlineData("POST", "v1/images/generations")]
    [InlineData("POST", "v1/audio/transcriptions")]
    [InlineData("POST", "v1/audio/speech")]
    [InlineData("POST", "v1/conversations")]
    [InlineData("POST", "v1/files")]
    [InlineData("POST", "v1beta/interactions")]
    [InlineData("POST", "v1beta/models/m:predict")]
    public async Task What_is_not_counted_is_not_forwarded(string method, string path)
    {
        _gateway.Upstream.Calls.Clear();
        using HttpRequestMessage request = new(new HttpMethod(method), new Uri(_gateway.Address, path));
        request.Headers.Authorization = new("Bearer", await _gateway.OpenAsync());
        if (method == "POST") request.Content = new StringContent("""{"model":"m"}""");

        using HttpResponseMessage response = await _gateway.Http.SendAsync(request);

        Assert.InRange((int)response.StatusCode, 404, 405);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    // The upstream refuses each call, so that nothing is settled.
    private async Task<(HttpStatusCode Status, GrainBalance Held, string Token)> HeldAsync(string path, string call)
    {
        string token = await _gateway.OpenAsync();
        GrainBalance held = new();
        _gateway.Upstream.Answer = async (http, arrived) =>
        {
            held = await _gateway.BalanceAsync(token);
            await FakeUpstream.Json("{}", status: 500)(http, arrived);
        };
        using HttpResponseMessage response = await _gateway.PostAsync(path, token, call);
        return (response.StatusCode, held, token);
    }
}
