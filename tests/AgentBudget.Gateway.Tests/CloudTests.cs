using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Gateway.Upstreams.Bedrock;

namespace AgentBudget.Gateway.Tests;

/// <summary>Models at Azure, Vertex AI and Amazon Bedrock: where calls go, who signs, how answers come.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class CloudTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[]}""";
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";
    private const string Answer = """{"usage":{"input_tokens":7,"output_tokens":5}}""";
    private const string AwsKey = "AKIDEXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    private static readonly string[] Events =
    [
        """{"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}""",
        """{"type":"content_block_delta","delta":{"type":"text_delta","text":"twelve bytes"}}""",
        """{"type":"message_delta","usage":{"output_tokens":5}}""",
        """{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":7,"outputTokenCount":5}}""",
    ];

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData(null, "v1/chat/completions", "/openai/v1/chat/completions")]
    [InlineData(null, "v1/responses", "/openai/v1/responses")]
    [InlineData(null, "v1/messages", "/anthropic/v1/messages")]
    [InlineData(
        "2026-02-01",
        "v1/chat/completions",
        "/openai/deployments/my-deployment/chat/completions?api-version=2026-02-01")]
    public async Task Azure_is_asked_by_the_name_of_the_deployment(string? version, string path, string asked)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync("azure", "my-deployment", apiVersion: version);
        _gateway.Upstream.Answer = FakeUpstream.Json(Answer);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, path, token, Call);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal((asked, "my-deployment"), (call.RawPath, (string?)call.Body["model"]));
        Assert.Equal((TestGateway.UpstreamKey, ""), (call.Header("api-key"), call.Header("authorization")));
    }

    [Theory]
    [InlineData("v1/messages", Call, "anthropic/models/claude%40x:rawPredict")]
    [InlineData("v1/messages", StreamCall, "anthropic/models/claude%40x:streamRawPredict")]
    [InlineData("v1/messages/count_tokens", Call, "anthropic/models/count-tokens:rawPredict")]
    [InlineData("v1beta/models/m:generateContent", """{"contents":[]}""", "google/models/claude%40x:generateContent")]
    [InlineData("v1/models/m:countTokens", """{"contents":[]}""", "google/models/claude%40x:countTokens")]
    public async Task Vertex_is_asked_by_project_place_and_publisher(string path, string body, string asked)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync("vertex", "claude@x", region: "us-east5", project: "proj");
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":7,"output_tokens":5}}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, path, token, body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal($"/v1/projects/proj/locations/us-east5/publishers/{asked}", call.RawPath);
        Assert.Equal($"Bearer {TestGateway.UpstreamKey}", call.Header("authorization"));
        bool isClaude = path.Contains("messages", StringComparison.Ordinal);
        bool isCount = path.EndsWith("count_tokens", StringComparison.Ordinal);
        Assert.Equal(isClaude ? "vertex-2023-10-16" : null, (string?)call.Body["anthropic_version"]);
        Assert.Equal(isCount ? "claude@x" : null, (string?)call.Body["model"]);
    }

    [Fact]
    public async Task Vertex_gets_the_token_that_a_service_account_asked_for_once()
    {
        string token = await _gateway.OpenAsync();
        using var rsa = RSA.Create(2048);
        string account = new JsonObject
        {
            ["client_email"] = "gateway@proj.test",
            ["private_key_id"] = "k1",
            ["private_key"] = rsa.ExportPkcs8PrivateKeyPem(),
            ["token_uri"] = $"{_gateway.Upstream.Address}/token",
        }.ToJsonString();
        await using GatewayHost host = await HostAsync(
            "vertex", "claude@x", region: "us-east5", project: "proj", key: account);
        _gateway.Upstream.Answer = (http, call) => FakeUpstream.Json(
            call.Path == "/token" ? """{"access_token":"ya29.x","expires_in":3600}""" : Answer)(http, call);
        _gateway.Upstream.Calls.Clear();

        for (int i = 0; i < 2; i++)
        {
            using HttpResponseMessage response = await PostAsync(host, "v1/messages", token, Call);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        UpstreamCall[] calls = [.. _gateway.Upstream.Calls];
        Assert.Equal(3, calls.Length);
        Assert.All(calls[1..], call => Assert.Equal("Bearer ya29.x", call.Header("authorization")));
        string assertion = WebUtility.UrlDecode(calls[0].Text.Split("assertion=")[1]);
        string[] parts = assertion.Split('.');
        Assert.True(rsa.VerifyData(
            Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"),
            Base64Url.DecodeFromChars(parts[2]),
            HashAlgorithmName.SHA256,
            RSASignaturePadding.Pkcs1));
        JsonNode claims = JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!;
        Assert.Equal(
            ("gateway@proj.test", $"{_gateway.Upstream.Address}/token"),
            ((string?)claims["iss"], (string?)claims["aud"]));
    }

    [Fact]
    public async Task Bedrock_is_asked_by_the_path_and_signed_for()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await BedrockAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(Answer);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, "v1/messages", token, Call, request =>
            request.Headers.Add("anthropic-beta", "one,two"));

        Assert.Equal((HttpStatusCode.OK, 12), (response.StatusCode, await _gateway.SettledAsync(token)));
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.Equal("/model/us.anthropic.claude-x-v1%3A0/invoke", call.RawPath);
        Assert.Equal(
            """{"max_tokens":50,"messages":[],"anthropic_version":"bedrock-2023-05-31","""
            + """ "anthropic_beta":["one","two"]}""".TrimStart(),
            call.Text);
        string date = call.Header("x-amz-date");
        Assert.StartsWith(
            $"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{date[..8]}/us-east-1/bedrock/aws4_request, "
            + "SignedHeaders=host;x-amz-date, Signature=",
            call.Header("authorization"),
            StringComparison.Ordinal);
    }

    // "post-vanilla" of AWS's own test suite of Signature Version 4.
    [Fact]
    public void A_signature_is_as_AWS_makes_it()
    {
        using HttpRequestMessage request = new(HttpMethod.Post, "https://example.amazonaws.com/");

        SigV4.Sign(
            request,
            [],
            AwsKeys.Parse(AwsKey)!,
            "us-east-1",
            "service",
            new DateTimeOffset(2015, 8, 30, 12, 36, 0, TimeSpan.Zero));

        Assert.Equal(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            + "SignedHeaders=host;x-amz-date, "
            + "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            request.Headers.GetValues("Authorization").Single());
    }

    [Fact]
    public async Task A_stream_of_frames_is_a_stream_of_events_for_the_caller()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await BedrockAsync();
        _gateway.Upstream.Answer = FakeUpstream.Frames([.. Events.Select(one => Frame.Chunk(one))]);
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, "v1/messages", token, StreamCall);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        string expected = string.Concat(
            Events.Select(one => $"event: {(string?)JsonNode.Parse(one)!["type"]}\ndata: {one}\n\n"));
        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
        Assert.Equal(12, await _gateway.SettledAsync(token));
        UpstreamCall call = Assert.Single(_gateway.Upstream.Calls);
        Assert.EndsWith("/invoke-with-response-stream", call.RawPath, StringComparison.Ordinal);
        Assert.Null(call.Body["stream"]);
    }

    [Theory]
    [InlineData(3)] // Within the prelude.
    [InlineData(30)] // Within the headers.
    public async Task A_frame_that_is_damaged_cuts_the_stream(int at)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await BedrockAsync();
        byte[] damaged = Frame.Chunk(Events[2]);
        damaged[at] ^= 1;
        _gateway.Upstream.Answer = FakeUpstream.Frames([Frame.Chunk(Events[0]), Frame.Chunk(Events[1]), damaged]);

        using HttpResponseMessage response = await PostAsync(
            host, "v1/messages", token, StreamCall, completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response);
        Assert.Contains("event: error", text, StringComparison.Ordinal);
        Assert.Equal(7 + 3, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task An_exception_as_the_first_frame_has_its_status()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await BedrockAsync();
        _gateway.Upstream.Answer = FakeUpstream.Frames([Frame.Exception("throttlingException", "slow down")]);

        using HttpResponseMessage response = await PostAsync(host, "v1/messages", token, StreamCall);

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal(
            (429, "rate_limit_error", "slow down"),
            ((int)response.StatusCode, (string?)error["type"], (string?)error["message"]));
        Assert.Equal(0, await _gateway.SettledAsync(token));
    }

    [Fact]
    public async Task A_refusal_of_Bedrock_is_one_of_the_callers_dialect()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await BedrockAsync();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            http.Response.Headers["x-amzn-errortype"] = "ValidationException:http://internal.amazon.com/";
            await FakeUpstream.Json("""{"message":"too long"}""", 400)(http, call);
        };

        using HttpResponseMessage response = await PostAsync(host, "v1/messages", token, Call);

        JsonNode error = (await TestGateway.JsonAsync(response))["error"]!;
        Assert.Equal(
            (400, "invalid_request_error", "too long"),
            ((int)response.StatusCode, (string?)error["type"], (string?)error["message"]));
    }

    [Fact]
    public void A_checksum_is_that_of_the_standard() => Assert.Equal(0xCBF43926u, Crc32.Of("123456789"u8));

    [Theory]
    [InlineData("azure", "*", null, null, "models")]
    [InlineData("vertex", "x", null, "proj", "region")]
    [InlineData("vertex", "x", "us-east5", "a/b", "project")]
    [InlineData("bedrock", "x", null, null, "region")]
    [InlineData("anthropic", "x", "us-east-1", null, "region")]
    public void A_place_that_is_wrong_stops_the_start(
        string kind, string target, string? region, string? project, string named)
    {
        GatewayOptionsException fault = Assert.Throws<GatewayOptionsException>(() => GatewayModel.From(
            OptionsOf(kind, target, region, project, null), _ => TestGateway.UpstreamKey));

        Assert.Contains($"upstreams:0:{named}", fault.Message, StringComparison.Ordinal);
    }

    private Task<GatewayHost> BedrockAsync() =>
        HostAsync("bedrock", "us.anthropic.claude-x-v1:0", region: "us-east-1", key: AwsKey);

    private Task<GatewayHost> HostAsync(
        string kind,
        string target,
        string? region = null,
        string? project = null,
        string? apiVersion = null,
        string key = TestGateway.UpstreamKey) =>
        _gateway.HostAsync(OptionsOf(kind, target, region, project, apiVersion), key);

    private GatewayOptions OptionsOf(
        string kind, string target, string? region, string? project, string? apiVersion) => new()
        {
            Listen = "127.0.0.1:0",
            Upstreams =
        [
            new UpstreamOptions
            {
                Name = "cloud",
                Kind = kind,
                BaseUrl = _gateway.Upstream.Address,
                KeyEnv = "KEY",
                Region = region,
                Project = project,
                ApiVersion = apiVersion,
                Models = new Dictionary<string, string> { ["m"] = target },
                AllowPrivate = true,
            },
        ],
        };

    private Task<HttpResponseMessage> PostAsync(
        GatewayHost host,
        string path,
        string token,
        string body,
        Action<HttpRequestMessage>? change = null,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        HttpRequestMessage request = new(HttpMethod.Post, new Uri($"http://{host.Address}/{path}"))
        {
            Headers = { { "x-api-key", token } },
            Content = new StringContent(body),
        };
        change?.Invoke(request);
        return _gateway.Http.SendAsync(request, completion);
    }
}
