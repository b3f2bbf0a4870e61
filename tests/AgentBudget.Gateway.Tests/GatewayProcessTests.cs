using System.ClientModel;
using System.Net;
using AgentBudget.Gateway.Tests.Support;
using AgentBudget.Protocol.V1;
using OpenAI;
using OpenAI.Chat;

namespace AgentBudget.Gateway.Tests;

/// <summary>The gateway as a process of its own, before a silo that is another.</summary>
[Collection(SharedGatewayCollection.Name)]
public sealed class GatewayProcessTests(SharedGateway shared)
{
    private readonly TestGateway _gateway = shared.Gateway;

    private string Silo => _gateway.Silo.GrpcAddress.ToString();

    [Fact]
    public async Task An_unchanged_SDK_spends_through_it_and_is_refused_at_its_cap()
    {
        await using GatewayProcess process = new();
        string settings = process.Write("gateway.json", $$"""
            { // The demo model answers.
              "server": "{{Silo}}", "credentialFile": "gateway.key", "gateway": { "listen": "127.0.0.1:0" } }
            """);
        process.Write("gateway.key", await _gateway.GatewayCredentialAsync());
        Uri address = await process.StartAsync("--config", settings);
        string token = await _gateway.OpenAsync(ceilings: new Ceilings { TokensPerSession = 3_000 });
        ChatClient chat = new(
            "m", new ApiKeyCredential(token), new OpenAIClientOptions { Endpoint = new Uri(address, "v1") });

        ChatCompletion answer = await chat.CompleteChatAsync(
            [new UserChatMessage("Say something.")], new ChatCompletionOptions { MaxOutputTokenCount = 500 });
        ClientResultException refused = await Assert.ThrowsAsync<ClientResultException>(() => chat.CompleteChatAsync(
            [new UserChatMessage("Say more.")], new ChatCompletionOptions { MaxOutputTokenCount = 5_000 }));

        Assert.NotEmpty(answer.Content[0].Text);
        Assert.Equal(answer.Usage.TotalTokenCount, await _gateway.SettledAsync(token));
        Assert.Equal(402, refused.Status);
        Assert.Contains("tokens", refused.Message, StringComparison.Ordinal);
        Assert.Equal("ok\n", await _gateway.Http.GetStringAsync(new Uri(address, "healthz")));
        process.Terminate();
        Assert.Equal(0, await process.ExitCodeAsync());
        Assert.EndsWith("stopped.", process.Output.TrimEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_lets_the_call_that_is_under_way_finish_and_takes_no_other()
    {
        await using GatewayProcess process = new();
        string settings = process.Write("gateway.json", $$"""
            { "gateway": { "upstreams": [{
                "name": "fake", "kind": "anthropic", "baseUrl": "{{_gateway.Upstream.Address}}", "keyEnv": "KEY",
                "models": { "*": "*" }, "allowPrivate": true }] } }
            """);
        process.Environment["KEY"] = TestGateway.UpstreamKey;
        process.Environment["AGENTBUDGET_SERVER"] = Silo;
        process.Environment["AGENTBUDGET_GATEWAY__LISTEN"] = "127.0.0.1:0";
        process.Environment["AGENTBUDGET_CREDENTIAL_FILE"] = process.Write(
            "key", await _gateway.GatewayCredentialAsync());
        Uri address = await process.StartAsync("--config", settings);
        string token = await _gateway.OpenAsync();
        TaskCompletionSource isThere = new(), goOn = new();
        _gateway.Upstream.Answer = async (http, call) =>
        {
            isThere.SetResult();
            await goOn.Task;
            await FakeUpstream.Json("""{"usage":{"input_tokens":3,"output_tokens":4}}""")(http, call);
        };

        Task<HttpResponseMessage> asking = PostAsync(address, token);
        await isThere.Task.WaitAsync(TestGateway.Patience);
        process.Terminate();
        await process.SaysAsync("draining");
        await RefusesAsync(address);
        goOn.SetResult();
        using HttpResponseMessage answer = await asking;

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(0, await process.ExitCodeAsync());
        Assert.Equal(7, await _gateway.SettledAsync(token));
    }

    [Theory]
    [InlineData("{}", 64, "credentialFile must name")]
    [InlineData("""{"credentialFile":"nowhere"}""", 64, "nowhere does not exist")]
    [InlineData("""{"credentialFile":"key","server":"ftp://x"}""", 64, "server must be")]
    [InlineData("""{"credentialFile":"key","server":"http://192.0.2.1:7071"}""", 64, "allowCleartext")]
    [InlineData("""{"credentialFile":"key","caFile":"key"}""", 64, "caFile key holds no certificates")]
    [InlineData("""{"credentialFile":"key","allowCleartext":"maybe"}""", 64, "allowCleartext must be")]
    [InlineData("""{"credential":"abg_x"}""", 64, "line 1: credential is not a key")]
    [InlineData("""{"gateway":{"listen":"127.0.0.1:0","nothing":1}}""", 64, "nothing")]
    [InlineData("""{"gateway":{"listen":"here"}}""", 64, "gateway:listen must be HOST:PORT")]
    [InlineData("""{"credentialFile":"key"}""", 77, "refuses the credential")]
    public async Task What_is_wrong_ends_the_start_with_a_sentence_and_its_code(string settings, int code, string named)
    {
        await using GatewayProcess process = new();
        process.Write("key", "abg_acme.c999999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        bool listens = settings.Contains("listen", StringComparison.Ordinal);
        string[] address = listens ? [] : ["--gateway", "127.0.0.1:0"];
        string[] silo = settings.Contains("server", StringComparison.Ordinal) ? [] : ["--server", Silo];

        process.Launch(["--config", process.Write("gateway.json", settings), .. address, .. silo]);

        Assert.Equal(code, await process.ExitCodeAsync());
        Assert.Contains(named, process.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("abg_", process.Output.Replace("abg_x", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_starts_before_its_silo_does_and_says_so()
    {
        await using GatewayProcess process = new();
        process.Write("key", "abg_acme.c1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");

        Uri address = await process.StartAsync(
            "--credential-file", "key", "--server", "http://127.0.0.1:1", "--gateway", "127.0.0.1:0");

        await process.SaysAsync("WARNING    the silo cannot be reached");
        Assert.Equal("ok\n", await _gateway.Http.GetStringAsync(new Uri(address, "healthz")));
    }

    [Fact]
    public async Task The_delivered_file_starts_it()
    {
        await using GatewayProcess process = new();
        process.Write("gateway.key", await _gateway.GatewayCredentialAsync());
        process.Environment["ANTHROPIC_API_KEY"] = "sk-ant-x";
        string delivered = Path.Combine(AppContext.BaseDirectory, "gateway-config", "gateway.json");

        Uri address = await process.StartAsync(
            "--config", delivered, "--server", Silo, "--gateway", "127.0.0.1:0");

        Assert.Equal("ok\n", await _gateway.Http.GetStringAsync(new Uri(address, "healthz")));
        Assert.DoesNotContain("sk-ant-x", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Its_help_says_every_setting_and_how_it_ends()
    {
        await using GatewayProcess process = new();

        process.Launch("--help");

        Assert.Equal(0, await process.ExitCodeAsync());
        string[] named =
        [
            "--config", "--server", "--credential-file", "--ca-file", "--allow-cleartext", "--gateway", "SIGTERM",
            "--tls", "--tls-certificate", "--tls-key", "--tls-clients", "--tls-client-ca", "--metrics-key-file",
            "64 bad usage", "77 the silo", "AGENTBUDGET_CREDENTIAL_FILE",
        ];
        string words = string.Join(' ', process.Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.All(named, word => Assert.Contains(word, words, StringComparison.Ordinal));
    }

    private static async Task RefusesAsync(Uri address)
    {
        using CancellationTokenSource patience = new(TestGateway.Patience);
        while (true)
        {
            using System.Net.Sockets.TcpClient socket = new();
            try
            {
                await socket.ConnectAsync(address.Host, address.Port, patience.Token);
            }
            catch (System.Net.Sockets.SocketException)
            {
                return;
            }

            await Task.Delay(20, patience.Token);
        }
    }

    private Task<HttpResponseMessage> PostAsync(Uri address, string token) =>
        _gateway.Http.SendAsync(new HttpRequestMessage(HttpMethod.Post, new Uri(address, "v1/messages"))
        {
            Headers = { { "x-api-key", token } },
            Content = new StringContent("""{"model":"m","max_tokens":50,"messages":[]}"""),
        });
}
