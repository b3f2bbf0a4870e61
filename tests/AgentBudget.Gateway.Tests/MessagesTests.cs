using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class MessagesTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[{"role":"user","content":"Hi"}]}""";
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";

    private const string Start = "event: message_start\ndata: " +
        """{"type":"message_start","message":{"model":"m","usage":{"input_tokens":7,"output_tokens":1}}}""" + "\n\n";

    private const string Piece = "event: content_block_delta\ndata: " +
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"twelve bytes"}}""" + "\n\n";

    private const string Delta = "event: message_delta\ndata: " +
        """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":5}}""" + "\n\n";

    private const string Stop = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task An_answer_is_settled_as_its_provider_counts()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """{"type":"message","usage":{"input_tokens":7,"cache_read_input_tokens":3,"output_tokens":5}}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync("v1/messages?beta=true", "", Call, request =>
        {
            request.Headers.Add("x-api-key", token);
            request.Headers.Add("anthropic-version", "2026-10-21");
            request.Headers.Add("anthropic-beta", "some-beta");
        });

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((0, 15), await _gateway.TokensAsync(token));
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(("/v1/messages", "?beta=true"), (call.Path, call.Query));
        Assert.Equal(
            (TestGateway.UpstreamKey, "2026-10-21", "some-beta", ""),
            (call.Header("x-api-key"), call.Header("anthropic-version"), call.Header("anthropic-beta"),
                call.Header("authorization")));
    }

    [Fact]
    public async Task A_stream_passes_unchanged_and_its_last_numbers_count()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Start, Piece, Delta, Stop);

        using HttpResponseMessage response = await _gateway.MessagesAsync(token, StreamCall);

        Assert.Equal(Start + Piece + Delta + Stop, await response.Content.ReadAsStringAsync());
        Assert.Equal(12, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_stream_that_breaks_is_estimated_and_looks_complete_to_nobody()
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource isRead = new();
        _gateway.Upstream.Answer = FakeUpstream.BrokenEvents(isRead.Task, Start, Piece, Piece);

        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1/messages", token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response, Start.Length + (2 * Piece.Length), isRead.SetResult);
        Assert.StartsWith(Start + Piece + Piece, text, StringComparison.Ordinal);
        Assert.Contains("event: error", text, StringComparison.Ordinal);
        // The input as it was told, and a token for each four of the 24 bytes that came.
        Assert.Equal(7 + 6, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_stream_that_ends_without_its_last_event_is_cut()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Start, Piece);

        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1/messages", token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        Assert.Contains("event: error", await TestGateway.ReadToAbortAsync(response), StringComparison.Ordinal);
        Assert.Equal(7 + 3, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("end")]
    [InlineData("suspend")]
    public async Task A_stream_of_a_session_that_may_not_spend_any_more_is_cut(string how)
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource left = new();
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(left, Start, Piece);
        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1/messages", token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        if (how == "revoke")
            await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "why" });
        else if (how == "end")
            await _gateway.Client.EndSessionAsync(new EndSessionRequest { SessionToken = token });
        else
        {
            await _gateway.Client.CallAsync(
                _gateway.Client.Sessions.SuspendSessionAsync,
                new SuspendSessionRequest { SessionToken = token, Reason = "why" },
                CancellationToken.None);
        }

        string text = await TestGateway.ReadToAbortAsync(response);
        await left.Task.WaitAsync(TestGateway.Patience); // The upstream works no longer.
        Assert.Contains("event: error", text, StringComparison.Ordinal);
        Assert.Contains(how == "suspend" ? "billing_error" : "authentication_error", text, StringComparison.Ordinal);
        Assert.Equal(7 + 3, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_caller_that_leaves_ends_the_call_at_the_upstream_and_pays_for_what_was_made()
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource left = new();
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(left, Start, Piece);
        HttpResponseMessage response = await _gateway.PostAsync(
            "v1/messages", token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);
        Stream body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[Start.Length + Piece.Length]);

        response.Dispose();

        await left.Task.WaitAsync(TestGateway.Patience);
        Assert.Equal(7 + 3, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("thread")]
    [InlineData("fallbacks")]
    [InlineData("billing_policy")]
    public async Task What_hides_its_cost_is_refused_by_name(string member)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.MessagesAsync(
            token, Call[..^1] + $$""","{{member}}":[1]}""");

        JsonNode json = await TestGateway.JsonAsync(response);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal("invalid_request_error", (string?)json["error"]!["type"]);
        Assert.Contains(member, (string?)json["error"]!["message"], StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task Searches_of_the_provider_are_held_with_the_input_that_they_bring()
    {
        string token = await _gateway.OpenAsync();
        long held = 0;
        _gateway.Upstream.Answer = async (http, call) =>
        {
            held = (await _gateway.TokensAsync(token)).Held;
            await FakeUpstream.Json("""{"usage":{"input_tokens":9000,"output_tokens":5}}""")(http, call);
        };

        using HttpResponseMessage response = await _gateway.MessagesAsync(
            token, Call[..^1] + ""","tools":[{"type":"web_search_20250305","name":"web_search","max_uses":2}]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(200_050, held);
        Assert.Equal(9005, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("5m")]
    [InlineData("1h")]
    public async Task A_prompt_that_is_written_to_a_cache_is_held_at_its_price(string ttl)
    {
        string token = await _gateway.OpenAsync();
        decimal held = 0, plain = 0;
        async Task<decimal> HeldAsync()
        {
            GetBalanceResponse balance =
                await _gateway.Client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token });
            return balance.Grains[0].Held.Units + (balance.Grains[0].Held.Nanos / 1e9m);
        }

        string text = new('x', 100_000);
        string Body(string control) => "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":"
            + $"[{{\"type\":\"text\",\"text\":\"{text}\"{control}}}]}}]}}";
        _gateway.Upstream.Answer = async (http, call) =>
        {
            if (call.Text.Contains("cache_control", StringComparison.Ordinal)) held = await HeldAsync();
            else plain = await HeldAsync();
            await FakeUpstream.Json("{}", status: 500)(http, call);
        };

        using HttpResponseMessage one = await _gateway.MessagesAsync(token, Body(""));
        using HttpResponseMessage two = await _gateway.MessagesAsync(
            token, Body($$""","cache_control":{"type":"ephemeral","ttl":"{{ttl}}"}"""));

        Assert.Equal((HttpStatusCode.InternalServerError, 0), (two.StatusCode, await _gateway.SettledAsync(token)));
        Assert.InRange(held / plain, ttl == "1h" ? 1.9m : 1.2m, ttl == "1h" ? 2.1m : 1.3m);
    }
}
