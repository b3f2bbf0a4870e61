using System.Text.Json.Nodes;
using AgentBudget.Gateway.Envoy.Authorizations;
using AgentBudget.Gateway.Envoy.Core;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Tests;

/// <summary>Envoy's external authorization: whether a call may be made, and nothing held for it.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class AuthorizationTests(SharedGateway shared) : IAsyncLifetime
{
    private const string Chat =
        """{"model":"m","max_completion_tokens":1000,"messages":[{"role":"user","content":"Hello"}]}""";

    private readonly TestGateway _gateway = shared.Gateway;
    private GatewayHost _host = null!;
    private GrpcChannel _channel = null!;
    private Metadata _headers = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Envoy = new EnvoyOptions { Listen = "127.0.0.1:0" },
        });
        _channel = GrpcChannel.ForAddress($"http://{_host.EnvoyAddress}");
        CreateCredentialResponse created = await _gateway.Client.CallAsync(
            _gateway.Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = "envoy", Role = Role.Gateway },
            CancellationToken.None);
        _headers = new Metadata { { "authorization", $"Bearer {created.Secret}" } };
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_call_that_fits_is_let_through_and_nothing_is_held_for_it()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(1));

        CheckResponse response = await CheckAsync("/v1/chat/completions", token, Chat);

        Assert.Equal(0, response.Status.Code);
        Assert.NotEqual("", HeaderOf(response.OkResponse.ResponseHeadersToAdd, "x-agentbudget-left"));
        Assert.StartsWith(
            "sessions/", response.DynamicMetadata.Fields["session"].StringValue, StringComparison.Ordinal);
        Assert.Equal((0L, 0L), await _gateway.TokensAsync(token));
    }

    [Fact]
    public async Task A_call_that_the_budget_refuses_is_denied_in_its_caller_s_dialect()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 1_000));
        const string message = """{"model":"m","max_tokens":1000,"messages":[{"role":"user","content":"Hello"}]}""";

        CheckResponse chat = await CheckAsync("/v1/chat/completions", token, Chat);
        CheckResponse messages = await CheckAsync("/v1/messages?beta=true", token, message);
        CheckResponse gemini = await CheckAsync(
            "/v1beta/models/m:generateContent",
            token,
            """{"contents":[{"parts":[{"text":"Hello"}]}],"generationConfig":{"maxOutputTokens":1000}}""");

        Assert.Equal((int)StatusCode.ResourceExhausted, chat.Status.Code);
        Assert.Equal(429, (int)chat.DeniedResponse.Status.Code);
        Assert.Equal("false", HeaderOf(chat.DeniedResponse.Headers, "x-should-retry"));
        Assert.Equal("SESSION_CEILING", HeaderOf(chat.DeniedResponse.Headers, "x-agentbudget-reason"));
        Assert.Equal("insufficient_quota", (string?)JsonOf(chat)["error"]!["type"]);
        Assert.Equal("billing_error", (string?)JsonOf(messages)["error"]!["type"]);
        Assert.Equal("RESOURCE_EXHAUSTED", (string?)JsonOf(gemini)["error"]!["status"]);
    }

    [Fact]
    public async Task A_call_whose_body_is_not_shown_is_let_through_while_something_is_left()
    {
        string rich = await _gateway.OpenAsync(ceilings: CostOf(1));
        string poor = await _gateway.OpenAsync(ceilings: CostOf(0, 0));

        CheckResponse some = await CheckAsync("/v1/chat/completions", rich, "");
        CheckResponse none = await CheckAsync("/v1/chat/completions", poor, "");
        CheckResponse list = await CheckAsync("/v1/models", poor, "", method: "GET");

        Assert.Equal(0, some.Status.Code);
        Assert.Equal(429, (int)none.DeniedResponse.Status.Code);
        Assert.Equal(0, list.Status.Code); // It costs nothing.
    }

    [Fact]
    public async Task A_body_in_bytes_and_headers_with_names_that_come_twice_are_read()
    {
        string token = await _gateway.OpenAsync(ceilings: CostOf(0, 1_000));
        AttributeContext.Types.HttpRequest http = new()
        {
            Method = "POST",
            Path = "/v1/chat/completions",
            RawBody = ByteString.CopyFromUtf8(Chat),
            HeaderMap = new HeaderMap
            {
                Headers =
                {
                    new HeaderValue { Key = "x-api-key", RawValue = ByteString.CopyFromUtf8(token) },
                    new HeaderValue { Key = "x-api-key", RawValue = ByteString.CopyFromUtf8("another") },
                },
            },
        };

        CheckResponse two = await CheckAsync(http);
        http.HeaderMap.Headers.RemoveAt(1);
        CheckResponse one = await CheckAsync(http);

        Assert.Equal(401, (int)two.DeniedResponse.Status.Code);
        Assert.Equal(429, (int)one.DeniedResponse.Status.Code);
    }

    [Fact]
    public async Task A_call_that_only_a_cheaper_model_may_serve_is_denied_and_told_which()
    {
        string token = await _gateway.OpenAsync("tight");

        CheckResponse response = await CheckAsync(
            "/v1/chat/completions", token, Chat.Replace("\"m\"", "\"dear\"").Replace("1000", "105000"));

        Assert.Equal(429, (int)response.DeniedResponse.Status.Code);
        Assert.Contains("allows m instead of dear", response.DeniedResponse.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/chat/completions", "", 401)]
    [InlineData("/v1/messages", "sk-foreign", 400)]
    public async Task A_call_without_a_session_is_denied(string path, string key, int status)
    {
        CheckResponse response = await CheckAsync(path, key, Chat);

        Assert.Equal(status, (int)response.DeniedResponse.Status.Code);
    }

    [Fact]
    public async Task A_session_that_is_over_is_denied()
    {
        string token = await _gateway.OpenAsync();
        await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "test" });

        CheckResponse response = await CheckAsync("/v1/chat/completions", token, Chat);

        Assert.Equal(401, (int)response.DeniedResponse.Status.Code);
    }

    [Fact]
    public async Task Nobody_asks_without_a_credential()
    {
        RpcException fault = await Assert.ThrowsAsync<RpcException>(async () =>
            await new Authorization.AuthorizationClient(_channel).CheckAsync(new CheckRequest()));

        Assert.Equal(StatusCode.Unauthenticated, fault.StatusCode);
    }

    [Theory]
    [InlineData("/v1/chat/completions/", "")]
    [InlineData("/v1/chat/completions;x=1", "")]
    [InlineData("/v1/chat/completions", "identity")]
    [InlineData("/v1/chat/completions", "gzip")]
    [InlineData("/v1/chat/completions", "x")]
    public async Task No_spelling_of_a_path_or_of_a_body_s_encoding_leaves_the_budget_unasked(
        string path, string encoding)
    {
        AttributeContext.Types.HttpRequest http = new() { Method = "POST", Path = path, Body = Chat };
        http.Headers["authorization"] = $"Bearer {await _gateway.OpenAsync(ceilings: CostOf(0, 1_000))}";
        if (encoding.Length > 0) http.Headers["content-encoding"] = encoding;

        CheckResponse response = await CheckAsync(http);

        bool isRead = encoding is "" or "identity";
        StatusCode expected = isRead ? StatusCode.ResourceExhausted : StatusCode.InvalidArgument;
        Assert.Equal((int)expected, response.Status.Code);
    }

    [Fact]
    public async Task A_body_that_is_no_text_is_denied()
    {
        CheckResponse response = await CheckAsync(
            "/v1/chat/completions", await _gateway.OpenAsync(), """{"model":"\ud800"}""");

        Assert.Equal((int)StatusCode.InvalidArgument, response.Status.Code);
    }

    private Task<CheckResponse> CheckAsync(string path, string key, string body, string method = "POST")
    {
        AttributeContext.Types.HttpRequest http = new() { Method = method, Path = path, Body = body };
        if (key.Length > 0) http.Headers["authorization"] = $"Bearer {key}";
        return CheckAsync(http);
    }

    private async Task<CheckResponse> CheckAsync(AttributeContext.Types.HttpRequest http) =>
        await new Authorization.AuthorizationClient(_channel).CheckAsync(
            new CheckRequest
            {
                Attributes = new AttributeContext { Request = new AttributeContext.Types.Request { Http = http } },
            },
            _headers,
            TestGateway.Deadline);

    private static JsonNode JsonOf(CheckResponse response) => JsonNode.Parse(response.DeniedResponse.Body)!;

    private static string HeaderOf(IEnumerable<HeaderValueOption> headers, string name) =>
        headers.FirstOrDefault(header => header.Header.Key == name)?.Header.Value ?? "";

    private static Ceilings CostOf(long units, int nanos = 0) => new()
    {
        CostPerSession = new Money { CurrencyCode = "USD", Units = units, Nanos = nanos },
    };
}
