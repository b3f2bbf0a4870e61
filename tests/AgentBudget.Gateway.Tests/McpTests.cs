using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Gateway.Tests;

/// <summary>Servers of tools behind the gateway: what a session sees of them, may call, and pays.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class McpTests(SharedGateway shared)
{
    private const string List = """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""";
    private const string Tools =
        """{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"web"},{"name":"read"}],"ttlMs":5}}""";

    private const string Call =
        """{"jsonrpc":"2.0","id":"c1","method":"tools/call","params":{"name":"web","arguments":{"q":"x"}}}""";

    private const string Result =
        """{"jsonrpc":"2.0","id":"c1","result":{"content":[{"type":"text","text":"found"}]}}""";

    private readonly TestGateway _gateway = shared.Gateway;

    [Theory]
    [InlineData("search", "web,read", false)]
    [InlineData("search", "web,read", true)]
    [InlineData("crm", "read", false)]
    [InlineData("crm", "read", true)]
    public async Task A_list_shows_what_the_session_may_call(string server, string seen, bool isStream)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = isStream
            ? FakeUpstream.Events($"event: message\nid: 7\ndata: {Tools}\n\n")
            : FakeUpstream.Json(Tools);

        using HttpResponseMessage response = await PostAsync(host, $"mcp/{server}", token, List);

        string text = await response.Content.ReadAsStringAsync();
        if (isStream) Assert.Contains("id: 7\n", text, StringComparison.Ordinal);
        JsonNode result = JsonNode.Parse(text[text.IndexOf('{', StringComparison.Ordinal)..])!["result"]!;
        Assert.Equal(seen, string.Join(',', result["tools"]!.AsArray().Select(tool => (string?)tool!["name"])));
        Assert.Equal(5, (int)result["ttlMs"]!);
    }

    // A stream that is taken up again brings the answer of another request, and some servers answer in a list.
    [Theory]
    [InlineData(Tools)]
    [InlineData("[" + Tools + "]")]
    public async Task A_list_that_comes_on_another_stream_shows_no_more(string answer)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Events($"id: 7\ndata: {answer}\n\n", "id: 8\ndata: \n\n");

        using HttpResponseMessage taken = await _gateway.Http.SendAsync(
            new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{host.Address}/mcp/crm"))
            {
                Headers = { { "Authorization", $"Bearer {token}" }, { "Last-Event-ID", "6" } },
            });
        using HttpResponseMessage called = await PostAsync(
            host, "mcp/crm", token, """{"jsonrpc":"2.0","id":9,"method":"ping"}""");

        foreach (HttpResponseMessage response in (HttpResponseMessage[])[taken, called])
        {
            string text = await response.Content.ReadAsStringAsync();
            Assert.Contains("\"read\"", text, StringComparison.Ordinal);
            Assert.DoesNotContain("\"web\"", text, StringComparison.Ordinal);
            Assert.EndsWith("id: 8\ndata: \n\n", text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"web"}],"tools":[{"name":"read"}]}}""")]
    [InlineData("""{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"web"}],,}}""")]
    public async Task A_list_that_cannot_be_read_without_doubt_is_shown_to_nobody(string answer)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(answer);

        using HttpResponseMessage whole = await PostAsync(host, "mcp/crm", token, List);
        _gateway.Upstream.Answer = FakeUpstream.Events($"data: {answer}\n\n");
        using HttpResponseMessage streamed = await PostAsync(
            host, "mcp/crm", token, List, completion: HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal(HttpStatusCode.BadGateway, whole.StatusCode);
        Assert.DoesNotContain("\"web\"", await whole.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain("\"web\"", await TestGateway.ReadToAbortAsync(streamed), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_that_is_too_large_to_be_read_is_shown_to_nobody()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        string padding = new(' ', 17 * 1024 * 1024);
        _gateway.Upstream.Answer = FakeUpstream.Events($"data: {Tools}{padding}\n\n");

        using HttpResponseMessage response = await PostAsync(
            host, "mcp/crm", token, List, completion: HttpCompletionOption.ResponseHeadersRead);

        string text = await TestGateway.ReadToAbortAsync(response);
        Assert.Contains("\"error\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("\"web\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tool_out_of_scope_is_refused_though_it_is_named()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, "mcp/crm", token, Call);

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
        Assert.Contains("insufficient_scope", response.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        Assert.Contains("web", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
    }

    [Theory]
    [InlineData(Result, 10_000_000)]
    [InlineData("""{"jsonrpc":"2.0","id":"c1","result":{"content":[],"isError":true}}""", 10_000_000)]
    [InlineData("""{"jsonrpc":"2.0","id":"c1","result":{"resultType":"input_required"}}""", 0)]
    [InlineData("""{"jsonrpc":"2.0","id":"c1","error":{"code":-32602,"message":"no"}}""", 0)]
    public async Task A_call_is_held_before_and_settled_by_its_result(string answer, int nanos)
    {
        foreach (bool isStream in (bool[])[false, true])
        {
            string token = await _gateway.OpenAsync();
            await using GatewayHost host = await HostAsync();
            long held = 0;
            _gateway.Upstream.Calls.Clear();
            _gateway.Upstream.Answer = async (http, call) =>
            {
                held = (await _gateway.BalanceAsync(token)).Held.Nanos;
                await (isStream ? FakeUpstream.Events($"data: {answer}\n\n") : FakeUpstream.Json(answer))(http, call);
            };

            using HttpResponseMessage response = await PostAsync(host, "mcp/search", token, Call);

            Assert.Equal(isStream ? $"data: {answer}\n\n" : answer, await response.Content.ReadAsStringAsync());
            UpstreamCall sent = Assert.Single(_gateway.Upstream.Calls);
            Assert.Equal((Call, $"Bearer {TestGateway.UpstreamKey}"), (sent.Text, sent.Header("authorization")));
            Assert.Equal(10_000_000, held);
            await HeldIsNothingAsync(token);
            Assert.Equal(nanos, (await _gateway.BalanceAsync(token)).Settled.Nanos);
        }
    }

    [Fact]
    public async Task A_refusal_of_money_is_a_result_that_the_model_reads()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings
        {
            CostPerSession = new Money { CurrencyCode = "USD", Nanos = 5_000_000 },
        });
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Calls.Clear();

        using HttpResponseMessage response = await PostAsync(host, "mcp/search", token, Call);

        JsonNode answer = await TestGateway.JsonAsync(response);
        Assert.Equal((HttpStatusCode.OK, "c1"), (response.StatusCode, (string?)answer["id"]));
        Assert.True((bool)answer["result"]!["isError"]!);
        Assert.Contains("sessions/", (string?)answer["result"]!["content"]![0]!["text"], StringComparison.Ordinal);
        Assert.Empty(_gateway.Upstream.Calls);
        Assert.Equal(0, (await _gateway.BalanceAsync(token)).Held.Nanos);
    }

    [Fact]
    public async Task A_tool_without_a_price_is_asked_for_and_costs_nothing()
    {
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { ToolCallsPerSession = 2 });
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = FakeUpstream.Json(Result);
        _gateway.Upstream.Calls.Clear();
        string call = Call.Replace("web", "read", StringComparison.Ordinal);

        List<string> answers = [];
        for (int i = 0; i < 3; i++)
        {
            using HttpResponseMessage response = await PostAsync(host, "mcp/crm", token, call);
            answers.Add(await response.Content.ReadAsStringAsync());
        }

        Assert.Equal([Result, Result], answers[..2]);
        Assert.Contains("\"isError\":true", answers[2], StringComparison.Ordinal);
        Assert.Equal(2, _gateway.Upstream.Calls.Count);
        Assert.Equal(0, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Fact]
    public async Task A_session_that_is_revoked_while_a_tool_streams_is_cut_and_pays()
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        TaskCompletionSource left = new();
        const string progress = "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n";
        _gateway.Upstream.Answer = FakeUpstream.EndlessEvents(left, progress);
        using HttpResponseMessage response = await PostAsync(
            host, "mcp/search", token, Call, completion: HttpCompletionOption.ResponseHeadersRead);

        await _gateway.Client.RevokeSessionAsync(new RevokeSessionRequest { SessionToken = token, Reason = "why" });

        string text = await TestGateway.ReadToAbortAsync(response);
        await left.Task.WaitAsync(TestGateway.Patience);
        Assert.Contains(progress, text, StringComparison.Ordinal);
        Assert.Contains("\"id\":\"c1\",\"error\"", text, StringComparison.Ordinal);
        await HeldIsNothingAsync(token);
        Assert.Equal(10_000_000, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Theory]
    [InlineData("[" + Call + "]", null, null, null, -32600)]
    [InlineData(
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"web","Name":"read"}}""",
        null, null, null, -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"Tools/Call","params":{"name":"web"}}""", null, null, null, -32600)]
    [InlineData("""{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"web"}}""", null, null, null, -32600)]
    [InlineData(Call, "tools/list", null, null, -32020)]
    [InlineData(Call, "tools/call", "read", null, -32020)]
    [InlineData(Call, null, null, "2026-07-28", -32020)]
    [InlineData(Call, "tools/call", "=?base64?d2Vi?=", "2026-07-28", null)]
    public async Task What_the_headers_say_is_what_the_body_says(
        string body, string? method, string? name, string? version, int? code)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Json(Result);

        using HttpResponseMessage response = await PostAsync(host, "mcp/search", token, body, request =>
        {
            if (method is not null) request.Headers.Add("Mcp-Method", method);
            if (name is not null) request.Headers.Add("Mcp-Name", name);
            if (version is not null) request.Headers.Add("MCP-Protocol-Version", version);
        });

        Assert.Equal(code is null ? HttpStatusCode.OK : HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(code, (int?)(await TestGateway.JsonAsync(response))["error"]?["code"]);
        Assert.Equal(code is null ? 1 : 0, _gateway.Upstream.Calls.Count);
    }

    [Fact]
    public async Task A_servers_session_is_its_callers_alone_and_its_streams_pass()
    {
        string token = await _gateway.OpenAsync(), other = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            http.Response.Headers["Mcp-Session-Id"] = "inner";
            await FakeUpstream.Json("""{"jsonrpc":"2.0","id":1,"result":{}}""")(http, call);
        };
        using HttpResponseMessage begun = await PostAsync(
            host, "mcp/search", token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""");
        string id = TestGateway.HeaderOf(begun, "Mcp-Session-Id");
        Assert.EndsWith(".inner", id, StringComparison.Ordinal);
        _gateway.Upstream.Calls.Clear();
        _gateway.Upstream.Answer = FakeUpstream.Events("id: 8\ndata: {}\n\n");

        using HttpResponseMessage streamed = await SendAsync(host, HttpMethod.Get, token, id);
        using HttpResponseMessage ended = await SendAsync(host, HttpMethod.Delete, token, id);
        using HttpResponseMessage stolen = await SendAsync(host, HttpMethod.Get, other, id);

        Assert.Equal("id: 8\ndata: {}\n\n", await streamed.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, stolen.StatusCode);
        Assert.All(_gateway.Upstream.Calls, call => Assert.Equal("inner", call.Header("mcp-session-id")));
        Assert.Equal("7", _gateway.Upstream.Calls.First().Header("last-event-id"));
        Assert.Equal(2, _gateway.Upstream.Calls.Count);
    }

    [Fact]
    public async Task A_caller_without_a_key_is_told_where_to_get_one()
    {
        await using GatewayHost host = await HostAsync();

        using HttpResponseMessage response = await PostAsync(host, "mcp/search", "", List);
        string challenge = response.Headers.WwwAuthenticate.ToString();
        string address = $"http://{host.Address}/.well-known/oauth-protected-resource/mcp/search";
        JsonNode told = JsonNode.Parse(await _gateway.Http.GetStringAsync(new Uri(address)))!;

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        Assert.Equal($"Bearer resource_metadata=\"{address}\"", challenge);
        Assert.Equal($"http://{host.Address}/mcp/search", (string?)told["resource"]);
    }

    // A server in a few lines of shell: it answers each request, and says before what it has of its environment.
    [Fact]
    public async Task A_program_is_a_server_for_one_session_and_gets_no_key()
    {
        const string program = """
            while read -r line; do
              id=$(printf '%s' "$line" | sed -n 's/.*"id":\([^,}]*\).*/\1/p')
              [ -z "$id" ] && continue
              printf '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"%s"}}\n' "$SHOWN$HIDDEN"
              printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[],"content":[],"pid":%s}}\n' "$id" "$$"
            done
            """;
        Environment.SetEnvironmentVariable("SHOWN", "shown");
        Environment.SetEnvironmentVariable("HIDDEN", "hidden");
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await _gateway.HostAsync(new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Mcp = [new McpOptions { Name = "crm", Command = ["/bin/sh", "-c", program], PassEnv = ["SHOWN"] }],
        });
        const string begin = """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""";

        using HttpResponseMessage begun = await PostAsync(host, "mcp/crm", token, begin);
        using HttpResponseMessage other = await PostAsync(host, "mcp/crm", token, begin);
        string session = TestGateway.HeaderOf(begun, "Mcp-Session-Id");
        using HttpResponseMessage called = await PostAsync(
            host,
            "mcp/crm",
            token,
            Call.Replace("web", "read", StringComparison.Ordinal),
            request => request.Headers.Add("Mcp-Session-Id", session));
        int program1 = await ProgramOfAsync(begun), program2 = await ProgramOfAsync(other);

        Assert.NotEqual(program1, program2);
        Assert.Equal(program1, await ProgramOfAsync(called));
        string text = await called.Content.ReadAsStringAsync();
        Assert.Contains("\"data\":\"shown\"", text, StringComparison.Ordinal);
        using HttpResponseMessage ended = await PostAsync(
            host, "mcp/crm", token, List, request =>
            {
                request.Method = HttpMethod.Delete;
                request.Headers.Add("Mcp-Session-Id", session);
            });
        Assert.Equal(HttpStatusCode.OK, ended.StatusCode);
        using HttpResponseMessage late = await PostAsync(
            host, "mcp/crm", token, List, request => request.Headers.Add("Mcp-Session-Id", session));
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
    }

    [Fact]
    public async Task A_program_whose_line_does_not_end_is_ended_and_its_call_is_paid()
    {
        const string program = """
            while read -r line; do
              case "$line" in
                *tools/call*) yes x | tr -d '\n' ;;
                *) printf '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"content":[],"pid":%s}}\n' "$$" ;;
              esac
            done
            """;
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await ProgramAsync("search", program);
        using HttpResponseMessage begun = await PostAsync(
            host, "mcp/search", token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""");
        string session = TestGateway.HeaderOf(begun, "Mcp-Session-Id");

        using HttpResponseMessage called = await PostAsync(
            host, "mcp/search", token, Call, request => request.Headers.Add("Mcp-Session-Id", session),
            HttpCompletionOption.ResponseHeadersRead);
        string text = await TestGateway.ReadToAbortAsync(called);
        using HttpResponseMessage late = await PostAsync(
            host, "mcp/search", token, List, request => request.Headers.Add("Mcp-Session-Id", session));

        Assert.Contains("\"error\"", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, late.StatusCode);
        await HeldIsNothingAsync(token);
        Assert.Equal(10_000_000, (await _gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Fact]
    public async Task A_program_that_owes_an_answer_that_nobody_waits_for_ends_when_it_is_idle()
    {
        const string program = """
            while read -r line; do
              case "$line" in
                *tools/list*) printf '{"jsonrpc":"2.0","method":"notifications/message"}\n' ;;
                *) printf '{"jsonrpc":"2.0","id":1,"result":{"pid":%s}}\n' "$$" ;;
              esac
            done
            """;
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await ProgramAsync("crm", program, TimeSpan.FromSeconds(1));
        using HttpResponseMessage begun = await PostAsync(
            host, "mcp/crm", token, """{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}""");
        int id = await ProgramOfAsync(begun);
        string session = TestGateway.HeaderOf(begun, "Mcp-Session-Id");

        using (await PostAsync(
            host, "mcp/crm", token, List.Replace(":1,", ":2,", StringComparison.Ordinal),
            request => request.Headers.Add("Mcp-Session-Id", session), HttpCompletionOption.ResponseHeadersRead))
        {
            // It is left before it is answered.
        }

        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (Directory.Exists($"/proc/{id}")) await Task.Delay(20, patience.Token);
    }

    [Theory]
    [InlineData("https://evil.test", null)]
    [InlineData("http://evil.test:7072", "evil.test:7072")] // Its name leads to this machine now.
    [InlineData("null", null)]
    public async Task A_page_of_another_origin_is_refused(string origin, string? name)
    {
        string token = await _gateway.OpenAsync();
        await using GatewayHost host = await HostAsync();

        using HttpResponseMessage response = await PostAsync(host, "mcp/search", token, List, request =>
        {
            request.Headers.Add("Origin", origin);
            request.Headers.Host = name;
        });

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    private Task<GatewayHost> ProgramAsync(string name, string program, TimeSpan? idle = null) => _gateway.HostAsync(
        new GatewayOptions
        {
            Listen = "127.0.0.1:0",
            Mcp = [new McpOptions { Name = name, Command = ["/bin/sh", "-c", program] }],
            SessionIdle = idle ?? TimeSpan.FromMinutes(10),
        });

    private static async Task<int> ProgramOfAsync(HttpResponseMessage response)
    {
        string text = await response.Content.ReadAsStringAsync();
        string last = text.Split("data: ")[^1];
        return (int)JsonNode.Parse(last)!["result"]!["pid"]!;
    }

    private Task<GatewayHost> HostAsync() => _gateway.HostAsync(new GatewayOptions
    {
        Listen = "127.0.0.1:0",
        Mcp =
        [
            new McpOptions
            {
                Name = "search", Url = $"{_gateway.Upstream.Address}/mcp", KeyEnv = "KEY", AllowPrivate = true,
            },
            new McpOptions { Name = "crm", Url = $"{_gateway.Upstream.Address}/mcp", AllowPrivate = true },
        ],
    });

    private async Task HeldIsNothingAsync(string token)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while ((await _gateway.BalanceAsync(token)).Held.Nanos > 0) await Task.Delay(20, patience.Token);
    }

    private Task<HttpResponseMessage> SendAsync(GatewayHost host, HttpMethod method, string token, string session) =>
        _gateway.Http.SendAsync(new HttpRequestMessage(method, new Uri($"http://{host.Address}/mcp/search"))
        {
            Headers =
            {
                { "Authorization", $"Bearer {token}" }, { "Mcp-Session-Id", session }, { "Last-Event-ID", "7" },
            },
        });

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
            Content = new StringContent(body),
        };
        if (token.Length > 0) request.Headers.Add("Authorization", $"Bearer {token}");
        change?.Invoke(request);
        return _gateway.Http.SendAsync(request, completion);
    }
}
