using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Tests;

[Collection(SharedGatewayCollection.Name)]
public sealed class GeminiTests(SharedGateway shared)
{
    private const string Generate = "v1beta/models/m:generateContent";
    private const string Stream = "v1beta/models/m:streamGenerateContent?alt=sse";

    private const string Call =
        """{"contents":[{"role":"user","parts":[{"text":"Hi"}]}],"generationConfig":{"maxOutputTokens":50}}""";

    private const string Piece = "data: "
        + """{"candidates":[{"content":{"parts":[{"text":"twelve bytes"}]}}],"usageMetadata":"""
        + """{"promptTokenCount":7,"candidatesTokenCount":3,"totalTokenCount":10}}""" + "\n\n";

    private const string Last = "data: "
        + """{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}],"usageMetadata":"""
        + """{"promptTokenCount":7,"candidatesTokenCount":6,"thoughtsTokenCount":4,"totalTokenCount":17}}""" + "\n\n";

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta")]
    public async Task An_answer_is_settled_as_its_provider_counts(string version)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """{"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":5,"totalTokenCount":12}}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(
            $"{version}/models/m:generateContent", "", Call, request => request.Headers.Add("x-goog-api-key", token));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((0, 12), await _gateway.TokensAsync(token));
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal(($"/{version}/models/m:generateContent", Call), (call.Path, call.Text));
        Assert.Equal(
            (TestGateway.UpstreamKey, ""), (call.Header("x-goog-api-key"), call.Header("authorization")));
    }

    [Fact]
    public async Task A_stream_passes_unchanged_and_its_last_numbers_count()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Piece, Last);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(Stream, token, Call);

        Assert.Equal(Piece + Last, await response.Content.ReadAsStringAsync());
        Assert.Equal(17, await _gateway.SettledAsync(token));
        Assert.Equal("?alt=sse", Assert.Single(_gateway.Upstream.Calls).Query);
    }

    [Fact]
    public async Task A_stream_that_ends_without_a_reason_is_cut()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events(Piece);

        using HttpResponseMessage response = await _gateway.PostAsync(
            Stream, token, Call, completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response);
        Assert.Contains("data: {\"error\":{\"code\":502", text, StringComparison.Ordinal);
        Assert.Equal(10, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("leave")]
    [InlineData("revoke")]
    public async Task A_stream_that_nobody_gets_is_billed_whole_and_settled_whole(string how)
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource goOn = new();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            await FakeUpstream.Events(Piece)(http, call);
            await goOn.Task;
            await http.Response.WriteAsync(Last);
        };
        HttpResponseMessage response = await _gateway.PostAsync(
            Stream, token, Call, completion: HttpCompletionOption.ResponseHeadersRead);
        if (how == "leave") response.Dispose();
        else
        {
            await _gateway.Client.RevokeSessionAsync(
                new RevokeSessionRequest { SessionToken = token, Reason = "why" });
            string text = await TestGateway.ReadToAbortAsync(response); // While the upstream still works.
            Assert.Contains("\"status\":\"UNAUTHENTICATED\"", text, StringComparison.Ordinal);
        }

        goOn.SetResult();

        Assert.Equal(17, await _gateway.SettledAsync(token));
        response.Dispose();
    }

    [Fact]
    public async Task A_failure_after_content_that_nobody_got_is_charged()
    {
        string token = await _gateway.OpenAsync();
        TaskCompletionSource isThere = new(), goOn = new();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            isThere.SetResult();
            await goOn.Task;
            await FakeUpstream.Events(Piece, "data: {\"error\":{\"code\":500}}\n\n")(http, call);
        };
        using CancellationTokenSource leave = new();
        Task<HttpResponseMessage> asking = _gateway.PostAsync(Stream, token, Call, cancellation: leave.Token);
        await isThere.Task.WaitAsync(TestGateway.Patience);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);

        goOn.SetResult();

        Assert.Equal(7 + 3, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_refusal_of_money_is_the_end_for_its_clients()
    {
        string token = await _gateway.OpenAsync("tight");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Generate, token, """{"contents":[],"generationConfig":{"maxOutputTokens":9000000}}""");

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal((429, "RESOURCE_EXHAUSTED"), ((int)error["code"]!, (string?)error["status"]));
        Assert.Contains("useCases/tight", (string?)error["message"], StringComparison.Ordinal);
        Assert.Equal("USE_CASE_BUDGET", (string?)error["details"]![0]!["reason"]);
        string delay = (string)error["details"]![1]!["retryDelay"]!;
        Assert.True(int.Parse(delay.TrimEnd('s')) > 300, delay); // Below, Gemini CLI sends it again.
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    [Theory]
    [InlineData(""","generation_config":{"maxOutputTokens":5}}""", "generation_config")]
    [InlineData(""","GenerationConfig":{"maxOutputTokens":5}}""", "GenerationConfig")]
    [InlineData(""","model":"models/dear"}""", "dear")]
    [InlineData(""","serviceTier":"gold"}""", "gold")]
    public async Task A_body_that_is_in_doubt_is_refused(string more, string sentence)
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(Generate, token, Call[..^1] + more);

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal((400, "INVALID_ARGUMENT"), ((int)error["code"]!, (string?)error["status"]));
        Assert.Contains(sentence, (string?)error["message"], StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData("generation_config", "max_output_tokens", "candidate_count")]
    [InlineData("generationConfig", "maxOutputTokens", "candidateCount")]
    public async Task Candidates_multiply_what_is_held(string config, string maximum, string count)
    {
        string token = await _gateway.OpenAsync();
        long held = 0;
        _gateway.Upstream.Answer = async (http, call) =>
        {
            held = (await _gateway.TokensAsync(token)).Held;
            await FakeUpstream.Json("{}", status: 500)(http, call);
        };

        using HttpResponseMessage response = await _gateway.PostAsync(
            Generate, token, $$$"""{"contents":[],"{{{config}}}":{"{{{maximum}}}":1000,"{{{count}}}":4}}""");

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.InRange(held, 4_000, 4_200);
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_call_without_a_maximum_is_bounded()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usageMetadata":{"promptTokenCount":1}}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.PostAsync(
            Generate, token, """{"contents":[],"generationConfig":{"temperature":0.5}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        JsonNode config = Assert.Single(_gateway.Upstream.Calls).Body["generationConfig"]!;
        Assert.Equal((4096, 0.5), ((int)config["maxOutputTokens"]!, (double)config["temperature"]!));
    }

    [Fact]
    public async Task A_stream_that_is_no_stream_of_events_is_refused()
    {
        string token = await _gateway.OpenAsync();

        using HttpResponseMessage response = await _gateway.PostAsync(
            "v1beta/models/m:streamGenerateContent", token, Call);

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("alt=sse", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Searches_are_settled_as_they_were_made()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(
            """
            {"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}],
            "usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":0,"totalTokenCount":1000}}
            """);

        using HttpResponseMessage response = await _gateway.PostAsync(
            Generate, token, Call[..^1] + ""","tools":[{"googleSearch":{}}]}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        GrainBalance balance = await _gateway.BalanceAsync(token);
        Assert.Equal(20_000_000 + 1_000_000, balance.Settled.Nanos);
    }

    [Fact]
    public async Task The_path_names_the_model_as_the_upstream_does()
    {
        string token = await _gateway.OpenAsync();
        GatewayOptions options = TestGateway.OptionsOf(_gateway.Upstream);
        UpstreamOptions gemini = options.Upstreams[^1];
        await using GatewayHost host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = options.Listen,
            Upstreams =
            [
                new UpstreamOptions
                {
                    Name = gemini.Name,
                    Kind = gemini.Kind,
                    BaseUrl = gemini.BaseUrl,
                    KeyEnv = gemini.KeyEnv,
                    Models = new Dictionary<string, string> { ["m"] = "gemini-9" },
                    AllowPrivate = true,
                },
            ],
        });
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"totalTokens":14}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await _gateway.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, new Uri($"http://{host.Address}/v1beta/models/m:countTokens"))
            {
                Headers = { { "x-goog-api-key", token } },
                Content = new StringContent(Call),
            });

        Assert.Equal(14, (int)(await TestGateway.JsonAsync(response))["totalTokens"]!);
        Assert.Equal("/v1beta/models/gemini-9:countTokens", Assert.Single(_gateway.Upstream.Calls).Path);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }
}
