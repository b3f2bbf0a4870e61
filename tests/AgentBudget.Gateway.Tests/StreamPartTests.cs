using System.Text.Json;
using System.Text.RegularExpressions;
using AgentBudget.Client;
using AgentBudget.Faults.Tests;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Tests;

/// <summary>A long stream is settled in parts while it runs, and at its end as its provider reports.</summary>
public sealed partial class StreamPartTests
{
    private const string Chat =
        """{"model":"m","stream":true,"max_completion_tokens":5000,"messages":[{"role":"user","content":"Hi"}]}""";

    private const string Messages =
        """{"model":"m","stream":true,"max_tokens":5000,"messages":[{"role":"user","content":"Hi"}]}""";

    private const string Word = """
        data: {"model":"m","choices":[{"index":0,"delta":{"content":"word"}}]}


        """;

    private const string ChatEnd = """
        data: {"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":301,"total_tokens":308}}

        data: [DONE]


        """;

    private const string MessagesStart = """
        event: message_start
        data: {"type":"message_start","message":{"model":"m","usage":{"input_tokens":7,"output_tokens":1}}}


        """;

    private const string MessagesWord = """
        event: content_block_delta
        data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word"}}


        """;

    private const string MessagesEnd = """
        event: message_delta
        data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":301}}

        event: message_stop
        data: {"type":"message_stop"}


        """;

    [Theory]
    [InlineData("v1/chat/completions", Chat, "", Word, ChatEnd)]
    [InlineData("v1/messages", Messages, MessagesStart, MessagesWord, MessagesEnd)]
    public async Task A_stream_that_runs_is_settled_in_parts_and_in_the_end_as_reported(
        string path, string call, string start, string word, string end)
    {
        await using TestGateway gateway = await TestGateway.StartAsync(upstream => OptionsOf(upstream.Address));
        TaskCompletionSource go = new();
        gateway.Upstream.Answer = Words(start, word, end, go.Task);
        string token = await gateway.OpenAsync();

        Task<HttpResponseMessage> calling = gateway.PostAsync(path, token, call);
        long part = await SettledAboveAsync(gateway.Client, token, 0);
        GrainBalance during = await gateway.BalanceAsync(token);
        go.SetResult();
        using HttpResponseMessage response = await calling;

        Assert.InRange(part, 100, 350);
        Assert.True(during.HeldTokens > 0, "the rest stays held");
        Assert.Equal(308, await gateway.SettledAsync(token));
        Assert.Equal(308_000, (await gateway.BalanceAsync(token)).Settled.Nanos);
    }

    [Fact]
    public async Task A_stream_that_breaks_settles_what_was_seen_and_not_the_parts_beside_it()
    {
        await using TestGateway gateway = await TestGateway.StartAsync(upstream => OptionsOf(upstream.Address));
        TaskCompletionSource go = new();
        gateway.Upstream.Answer = async (http, call) =>
        {
            await Words("", Word, "", go.Task)(http, call);
            http.Abort();
        };
        string token = await gateway.OpenAsync();

        Task<HttpResponseMessage> calling = gateway.PostAsync(
            "v1/chat/completions", token, Chat, completion: HttpCompletionOption.ResponseHeadersRead);
        await SettledAboveAsync(gateway.Client, token, 0);
        using HttpResponseMessage response = await calling;
        go.SetResult();
        await TestGateway.ReadToAbortAsync(response);

        Assert.InRange(await gateway.SettledAsync(token), 300, 400); // 300 words, and the input.
    }

    [Fact]
    public async Task A_gateway_that_is_killed_leaves_what_it_told_settled_and_the_rest_held()
    {
        await using FakeUpstream upstream = await FakeUpstream.StartAsync();
        TaskCompletionSource never = new();
        upstream.Answer = Words("", Word, ChatEnd, never.Task);
        string config = Path.GetTempFileName();
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new
        {
            gateway = new
            {
                listen = "127.0.0.1:0",
                partTokens = 100,
                upstreams = new[]
                {
                    new
                    {
                        name = "chat",
                        kind = "openai-compatible",
                        baseUrl = upstream.Address + "/v1",
                        models = new Dictionary<string, string> { ["*"] = "*" },
                        allowPrivate = true,
                    },
                },
            },
        }));
        await using SiloProcess silo = new() { Arguments = ["--config", config] };
        await silo.StartAsync();
        await using AgentBudgetClient client = new(new AgentBudgetClientOptions
        {
            Address = silo.GrpcAddress,
            Credential = silo.AdminKey,
        });
        await client.CallAsync(
            client.Catalogs.ApplyCatalogAsync,
            new ApplyCatalogRequest { Document = TestGateway.Catalog },
            CancellationToken.None);
        OpenSessionResponse opened = await client.OpenSessionAsync(new OpenSessionRequest
        {
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            Unattended = true,
        });
        using HttpClient http = new();
        using HttpRequestMessage request = new(
            HttpMethod.Post, new Uri(await AddressAsync(silo), "v1/chat/completions"))
        {
            Content = new StringContent(Chat),
        };
        request.Headers.Authorization = new("Bearer", opened.SessionToken);

        using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        long told = await SettledAboveAsync(client, opened.SessionToken, 0);
        await silo.KillAsync();
        await silo.StartAsync();

        GrainBalance left = (await client.GetBalanceAsync(
            new GetBalanceRequest { SessionToken = opened.SessionToken })).Grains[0];
        Assert.InRange(left.SettledTokens, told, 400);
        // Until its hold's time is over it may have been more; then the rest of the hold is charged.
        Assert.InRange(left.HeldTokens + left.SettledTokens, 5_000, 5_500);
        File.Delete(config);
    }

    private static GatewayOptions OptionsOf(string upstream) => new()
    {
        Listen = "127.0.0.1:0",
        PartTokens = 100,
        Upstreams =
        [
            new UpstreamOptions
            {
                Name = "chat",
                Kind = "openai-compatible",
                BaseUrl = upstream + "/v1",
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = true,
            },
            new UpstreamOptions
            {
                Name = "messages",
                Kind = "anthropic",
                BaseUrl = upstream,
                KeyEnv = "KEY",
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = true,
            },
        ],
    };

    // 300 words, a stop until the test goes on, and the end.
    private static Func<HttpContext, UpstreamCall, Task> Words(string start, string word, string end, Task go) =>
        async (http, _) =>
        {
            http.Response.ContentType = "text/event-stream";
            await http.Response.WriteAsync(start);
            for (int words = 0; words < 300; words++)
            {
                await http.Response.WriteAsync(word);
                await http.Response.Body.FlushAsync();
            }

            await go.WaitAsync(http.RequestAborted);
            await http.Response.WriteAsync(end);
        };

    private static async Task<long> SettledAboveAsync(AgentBudgetClient client, string token, long tokens)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (true)
        {
            GetBalanceResponse balance = await client.GetBalanceAsync(
                new GetBalanceRequest { SessionToken = token }, patience.Token);
            if (balance.Grains[0].SettledTokens > tokens) return balance.Grains[0].SettledTokens;
            await Task.Delay(20, patience.Token);
        }
    }

    private static async Task<Uri> AddressAsync(SiloProcess silo)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (true)
        {
            if (Listening().Match(silo.Output) is { Success: true } line) return new Uri(line.Groups[1].Value);
            await Task.Delay(20, patience.Token);
        }
    }

    [GeneratedRegex(@"gateway\s+model calls of SDKs at (http://\S+)")]
    private static partial Regex Listening();
}
