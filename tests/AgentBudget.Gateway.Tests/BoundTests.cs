using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Headers;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Tests;

/// <summary>What a gateway takes on is bounded, and a caller that fills its share fills nobody else's.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class BoundTests(SharedGateway shared)
{
    private const string Call = """{"model":"m","max_tokens":50,"messages":[]}""";
    private const string StreamCall = """{"model":"m","max_tokens":50,"stream":true,"messages":[]}""";
    private const string Reader = "agents/reader";
    private const string Tool = """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"web"}}""";
    private const string Initialize = """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Fact]
    public void A_share_is_half_and_what_is_given_back_is_there_again()
    {
        SharedBound bound = new(10);

        Assert.Equal(Room.Taken, bound.TryTake("a", 5));
        Assert.Equal(Room.ShareIsFull, bound.TryTake("a"));
        Assert.Equal(Room.Taken, bound.TryTake("b", 4));
        Assert.Equal(Room.AllIsFull, bound.TryTake("c", 2));
        Assert.Equal(Room.Taken, bound.TryTake("c"));
        Assert.Equal(10, bound.Taken);
        bound.GiveBack("a", 5);
        Assert.Equal(Room.Taken, bound.TryTake("a", 5));
        foreach ((string who, long amount) in ((string, long)[])[("a", 5), ("b", 4), ("c", 1)])
            bound.GiveBack(who, amount);
        Assert.Equal(0, bound.Taken);
    }

    [Fact]
    public async Task A_caller_with_calls_without_end_leaves_room_for_those_of_others()
    {
        string noisy = await _gateway.OpenAsync(), sibling = await _gateway.OpenAsync(agent: Reader);
        await using GatewayHost host = await HostAsync(new GatewayBounds { Calls = 8 });
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(
            new TaskCompletionSource(), "data: {\"type\":\"ping\"}\n\n");
        List<HttpResponseMessage> streams = [];
        for (int i = 0; i < 4; i++)
            streams.Add(await PostAsync(host, noisy, StreamCall, HttpCompletionOption.ResponseHeadersRead));

        using HttpResponseMessage refused = await PostAsync(host, noisy, StreamCall);
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        using HttpResponseMessage served = await PostAsync(host, sibling, Call);
        foreach (HttpResponseMessage stream in streams) stream.Dispose();

        Assert.All(streams, stream => Assert.Equal(HttpStatusCode.OK, stream.StatusCode));
        await IsBusyAsync(refused);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.Equal(7, await _gateway.SettledAsync(sibling));
        await _gateway.SettledAsync(noisy);
    }

    [Fact]
    public async Task A_caller_with_bodies_without_end_leaves_room_for_those_of_others()
    {
        string noisy = await _gateway.OpenAsync(), sibling = await _gateway.OpenAsync(agent: Reader);
        await using GatewayHost host = await HostAsync(new GatewayBounds { BodyBytes = 64 * 1024 });
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");
        Pipe slow = new();
        await slow.Writer.WriteAsync(new byte[24 * 1024]);
        Task<HttpResponseMessage> sending = SendAsync(host, noisy, new StreamContent(slow.Reader.AsStream()));
        await UntilAsync(() => host.HeldBytes >= 16 * 1024); // The client keeps the last of it back.
        string padded = Call.Replace("[]", $"[\"{new string('x', 20 * 1024)}\"]", StringComparison.Ordinal);

        using HttpResponseMessage refused = await PostAsync(host, noisy, padded);
        using HttpResponseMessage served = await PostAsync(host, sibling, padded);
        await slow.Writer.CompleteAsync();
        using HttpResponseMessage sent = await sending;

        await IsBusyAsync(refused);
        Assert.Equal(HttpStatusCode.OK, served.StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, sent.StatusCode); // Zeroes are no JSON.
        Assert.Equal(0, host.HeldBytes);
    }

    [Fact]
    public async Task A_credential_with_conversations_without_end_leaves_room_for_those_of_others()
    {
        string noisy = await _gateway.CredentialAsync(), sibling = await _gateway.CredentialAsync(Reader);
        await using GatewayHost host = await HostAsync(new GatewayBounds { Sessions = 4 });
        _gateway.Upstream.Answer = FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""");

        Task<HttpResponseMessage> AskAsync(string credential, string conversation) =>
            SendAsync(host, credential, new StringContent(Call), request =>
            {
                request.Headers.Add("x-agentbudget-use-case", "promo");
                request.Headers.Add("x-agentbudget-conversation", conversation);
            });
        using HttpResponseMessage one = await AskAsync(noisy, "one"), two = await AskAsync(noisy, "two");
        using HttpResponseMessage refused = await AskAsync(noisy, "three"), again = await AskAsync(noisy, "one");
        using HttpResponseMessage served = await AskAsync(sibling, "one");

        await IsBusyAsync(refused);
        Assert.All([one, two, again, served], answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
        Assert.Equal(3, host.OpenSessions);
    }

    [Fact]
    public async Task An_agent_with_streams_that_nobody_gets_leaves_room_for_those_of_others()
    {
        const string piece = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"twelve bytes\"}]}}]}\n\n";
        const string last = "data: {\"candidates\":[{\"finishReason\":\"STOP\"}],"
            + "\"usageMetadata\":{\"promptTokenCount\":70,\"candidatesTokenCount\":40,\"totalTokenCount\":110}}\n\n";
        await using GatewayHost host = await HostAsync(new GatewayBounds { Drains = 2 });
        TaskCompletionSource goOn = new();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            await FakeUpstream.Events(piece)(http, call);
            await goOn.Task;
            await http.Response.WriteAsync(last);
        };
        string[] tokens =
            [await _gateway.OpenAsync(), await _gateway.OpenAsync(), await _gateway.OpenAsync(agent: Reader)];
        foreach (string token in tokens)
        {
            using HttpResponseMessage left = await SendAsync(
                host,
                token,
                new StringContent("""{"contents":[],"generationConfig":{"maxOutputTokens":50}}"""),
                path: "v1beta/models/m:streamGenerateContent?alt=sse",
                completion: HttpCompletionOption.ResponseHeadersRead);
            left.Dispose();
            // Nobody waits for the one without a place, so it is settled at once.
            if (token == tokens[1]) Assert.InRange(await _gateway.SettledAsync(token), 4, 109);
            else await UntilAsync(() => host.Drains == (token == tokens[0] ? 1 : 2));
        }

        goOn.SetResult();

        Assert.Equal(110, await _gateway.SettledAsync(tokens[0]));
        Assert.Equal(110, await _gateway.SettledAsync(tokens[2]));
        await UntilAsync(() => host.Drains == 0);
    }

    [Fact]
    public async Task An_agent_with_programs_without_end_leaves_room_for_those_of_others()
    {
        const string program = """
            while read -r line; do printf '{"jsonrpc":"2.0","id":1,"result":{}}\n'; done
            """;
        string noisy = await _gateway.OpenAsync(), another = await _gateway.OpenAsync();
        string sibling = await _gateway.OpenAsync(agent: Reader);
        await using GatewayHost host = await _gateway.HostAsync(
            new GatewayOptions
            {
                Listen = "127.0.0.1:0",
                Mcp = [new McpOptions { Name = "crm", Command = ["/bin/sh", "-c", program] }],
            },
            bounds: new GatewayBounds { Programs = 2 });

        Task<HttpResponseMessage> BeginAsync(string token) =>
            SendAsync(host, token, new StringContent(Initialize), path: "mcp/crm");
        using HttpResponseMessage begun = await BeginAsync(noisy), refused = await BeginAsync(another);
        using HttpResponseMessage served = await BeginAsync(sibling);
        using HttpResponseMessage ended = await SendAsync(host, noisy, new StringContent(""), request =>
        {
            request.Method = HttpMethod.Delete;
            request.Headers.Add("Mcp-Session-Id", TestGateway.HeaderOf(begun, "Mcp-Session-Id"));
        }, "mcp/crm");
        using HttpResponseMessage later = await BeginAsync(another);

        await IsBusyAsync(refused);
        Assert.All([begun, served, ended, later], answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [Theory]
    [InlineData("v1/messages", Call, 65)]
    [InlineData("mcp/search", Tool, 17)]
    public async Task An_answer_that_is_too_large_is_a_failure_of_its_server_and_is_paid(
        string path, string call, int mebibytes)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Upstreams = TestGateway.OptionsOf(_gateway.Upstream).Upstreams,
            Mcp = [new McpOptions { Name = "search", Url = $"{_gateway.Upstream.Address}/mcp", AllowPrivate = true }],
        });
        _gateway.Upstream.Answer = async (http, _) =>
        {
            http.Response.ContentType = "application/json";
            byte[] piece = new byte[1024 * 1024];
            piece.AsSpan().Fill((byte)' ');
            for (int i = 0; i < mebibytes; i++) await http.Response.Body.WriteAsync(piece);
        };

        using HttpResponseMessage response = await SendAsync(host, token, new StringContent(call), path: path);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        await _gateway.SettledAsync(token);
        Assert.True((await _gateway.BalanceAsync(token)).Settled.Nanos > 0);
    }

    // Too much at once is to be sent again soon, which every client does by itself.
    private static async Task IsBusyAsync(HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.TooManyRequests, response.StatusCode);
        Assert.Equal("1", TestGateway.HeaderOf(response, "retry-after"));
        Assert.Contains("Try again", await response.Content.ReadAsStringAsync(), StringComparison.OrdinalIgnoreCase);
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (!isSo()) await Task.Delay(10, patience.Token);
    }

    private Task<GatewayHost> HostAsync(GatewayBounds bounds) =>
        _gateway.HostAsync(TestGateway.OptionsOf(_gateway.Upstream), bounds: bounds);

    private Task<HttpResponseMessage> PostAsync(
        GatewayHost host,
        string key,
        string body,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead) =>
        SendAsync(host, key, new StringContent(body), completion: completion);

    private Task<HttpResponseMessage> SendAsync(
        GatewayHost host,
        string key,
        HttpContent body,
        Action<HttpRequestMessage>? change = null,
        string path = "v1/messages",
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead)
    {
        HttpRequestMessage request = new(HttpMethod.Post, new Uri($"http://{host.Address}/{path}")) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        change?.Invoke(request);
        return _gateway.Http.SendAsync(request, completion);
    }
}
