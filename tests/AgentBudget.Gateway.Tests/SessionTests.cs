using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

/// <summary>Callers with a credential: the gateway opens, shares and ends their sessions.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class SessionTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[]}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public async Task Calls_of_one_conversation_share_a_session_and_others_do_not()
    {
        string credential = await _gateway.CredentialAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");

        string one = await SessionOfAsync(credential, "promo", "a");
        string again = await SessionOfAsync(credential, "promo", "a");
        string other = await SessionOfAsync(credential, "promo", "b");
        string elsewhere = await SessionOfAsync(credential, "tight", "a");
        string tagged = await SessionOfAsync(credential, "promo", "a", "project=x");

        Assert.Equal(one, again);
        Assert.Equal(4, new[] { one, other, elsewhere, tagged }.Distinct().Count());
        Session session = (await _gateway.Client.GetSessionAsync(new GetSessionRequest { Session = one })).Session;
        Assert.Equal(("agents/writer", "useCases/promo", 2), (session.Agent, session.UseCase, session.Steps));
        Assert.Equal(14, session.Settled.Tokens);
        Session other2 = (await _gateway.Client.GetSessionAsync(new GetSessionRequest { Session = tagged })).Session;
        Assert.Equal("x", other2.Tags["project"]);
    }

    [Fact]
    public async Task The_path_may_say_the_use_case()
    {
        string credential = await _gateway.CredentialAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");

        using HttpResponseMessage response = await _gateway.PostAsync("u/promo/v1/messages", credential, Call);
        using HttpResponseMessage neither = await _gateway.PostAsync("v1/messages", credential, Call);
        using HttpResponseMessage both = await _gateway.PostAsync(
            "u/promo/v1/messages", credential, Call, request => request.Headers.Add("x-agentbudget-use-case", "tight"));

        Assert.Equal(
            (HttpStatusCode.OK, HttpStatusCode.BadRequest, HttpStatusCode.BadRequest),
            (response.StatusCode, neither.StatusCode, both.StatusCode));
    }

    [Fact]
    public async Task A_use_case_that_the_agent_may_not_work_for_is_refused_and_leaves_nothing()
    {
        string credential = await _gateway.CredentialAsync();
        int before = _gateway.Host.OpenSessions;

        using HttpResponseMessage response = await _gateway.PostAsync("u/nowhere/v1/messages", credential, Call);

        Assert.InRange((int)response.StatusCode, 400, 403);
        Assert.Equal(before, _gateway.Host.OpenSessions);
    }

    [Fact]
    public async Task A_call_without_a_tag_that_is_required_is_refused_in_its_dialect_and_forwarded_nowhere()
    {
        await using TestGateway gateway = await TestGateway.StartAsync(catalog: TestGateway.Catalog.Replace(
            "team: { required: false }", "team: { required: true }", StringComparison.Ordinal));
        gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        string credential = await gateway.CredentialAsync();

        foreach (string path in (string[])["v1/messages", "v1/chat/completions"])
        {
            using HttpResponseMessage refused = await gateway.PostAsync($"u/promo/{path}", credential, Call);
            JsonNode error = (await TestGateway.JsonAsync(refused))["error"]!;
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal("invalid_request_error", (string?)error["type"]);
            Assert.Contains("tag", (string?)error["message"], StringComparison.Ordinal);
        }

        Assert.Empty(gateway.Upstream.Calls);
        using HttpResponseMessage served = await gateway.PostAsync(
            "u/promo/v1/messages", credential, Call, request => request.Headers.Add("x-agentbudget-tags", "team=a"));
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.Single(gateway.Upstream.Calls);
    }

    [Fact]
    public async Task A_session_that_nobody_uses_ends()
    {
        string credential = await _gateway.CredentialAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        GatewayOptions options = TestGateway.OptionsOf(_gateway.Upstream);
        await using GatewayHost host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = options.Listen,
            Upstreams = options.Upstreams,
            SessionIdle = TimeSpan.FromSeconds(1),
        });
        using HttpResponseMessage response = await _gateway.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Post, new Uri($"http://{host.Address}/u/promo/v1/messages"))
            {
                Headers = { { "x-api-key", credential } },
                Content = new StringContent(Call),
            });
        string session = TestGateway.HeaderOf(response, "x-agentbudget-session");

        using CancellationTokenSource patience = new(TestGateway.Patience);
        Session? last = null;
        await foreach (WatchSessionResponse told in _gateway.Client.WatchSessionAsync(
            new WatchSessionRequest { Session = session }, patience.Token))
        {
            last = told.Session;
        }

        Assert.Equal(Session.Types.State.Ended, last!.State);
        Assert.Equal(0, host.OpenSessions);
    }

    [Fact]
    public async Task Models_and_what_is_left_are_told_to_whoever_may_spend()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 10_000 });

        JsonNode openAi = await GetAsync("v1/models", token);
        JsonNode anthropic = await GetAsync("v1/models", token, "anthropic-version");
        JsonNode budget = await GetAsync("v1/budget", token);

        string[] ids = ["m", "dear", "bounded", "tiers"];
        Assert.Equal(ids.Order(), openAi["data"]!.AsArray().Select(model => (string)model!["id"]!).Order());
        Assert.Equal("list", (string?)openAi["object"]);
        Assert.Equal(ids.Order(), anthropic["data"]!.AsArray().Select(model => (string)model!["id"]!).Order());
        Assert.False((bool)anthropic["has_more"]!);
        Assert.Equal("10000", (string?)budget["grains"]![0]!["availableTokens"]);
    }

    [Fact]
    public async Task Tokens_are_counted_for_free_for_a_session_that_lives()
    {
        string token = await _gateway.OpenAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"input_tokens":14}""");
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage counted = await _gateway.PostAsync("v1/messages/count_tokens", token, Call);
        await _gateway.Client.EndSessionAsync(new EndSessionRequest { SessionToken = token });
        using HttpResponseMessage refused = await _gateway.PostAsync("v1/messages/count_tokens", token, Call);

        Assert.Equal(14, (int)(await TestGateway.JsonAsync(counted))["input_tokens"]!);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("/v1/messages/count_tokens", Assert.Single(_gateway.Upstream.Calls).Path);
        Assert.Equal((0, 0), await _gateway.TokensAsync(token));
    }

    private async Task<JsonNode> GetAsync(string path, string token, string? header = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Get, new Uri(_gateway.Address, path));
        request.Headers.Add("Authorization", $"Bearer {token}");
        if (header is not null) request.Headers.Add(header, "2023-06-01");
        using HttpResponseMessage response = await _gateway.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await TestGateway.JsonAsync(response);
    }

    private async Task<string> SessionOfAsync(
        string credential, string useCase, string conversation, string tags = "")
    {
        using HttpResponseMessage response = await _gateway.MessagesAsync(credential, Call, request =>
        {
            request.Headers.Add("x-agentbudget-use-case", useCase);
            request.Headers.Add("x-agentbudget-conversation", conversation);
            if (tags.Length > 0) request.Headers.Add("x-agentbudget-tags", tags);
        });
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return TestGateway.HeaderOf(response, "x-agentbudget-session");
    }
}
