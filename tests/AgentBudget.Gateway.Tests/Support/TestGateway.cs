using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using AgentBudget.Client;
using AgentBudget.Faults.Tests;
using AgentBudget.Gateway.Options;
using AgentBudget.Protocol.V1;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Gateway.Tests.Support;

/// <summary>A silo as a process, a gateway before it, and a fake upstream behind.</summary>
internal sealed class TestGateway : IAsyncDisposable
{
    public const string UpstreamKey = "sk-upstream-secret";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public static DateTime Deadline => TimeProvider.System.GetUtcNow().UtcDateTime + Patience;

    /// <summary>A million tokens of <c>m</c> cost one unit, of <c>dear</c> ten.</summary>
    public const string Catalog = """
        tenant: acme
        currency: USD
        tools: [{ id: search.web, cost: { perCall: 0.01 } }]
        skus: [{ id: web_search, unit: search, cost: 0.01 }, { id: nano, unit: nano, cost: 0.000000001 }]
        tags: { team: { required: false }, project: { required: false } }
        businessUnits:
          - { id: marketing, budget: { limit: 100000, period: none } }
        useCases:
          - { id: promo, businessUnit: marketing, budget: { limit: 100000, period: none } }
          - id: tight
            businessUnit: marketing
            budget:
              limit: 1.00
              period: day
              tiers: [{ at: 100, action: downgrade }, { at: 110, action: refuse }]
            downgrade: { dear: m }
          - { id: asked, businessUnit: marketing, budget: { limit: 1.00, period: day } }
        agents:
          - id: reader
            businessUnit: marketing
            useCases: [promo]
            models: [m]
            tools: ["search.*", crm.read]
          - id: writer
            businessUnit: marketing
            useCases: [promo, tight, asked]
            models: [m, dear, bounded, tiers]
            tools: ["search.*", crm.read]
            ceilings: { openHolds: 10000, sessionTtl: 2h, sessionLifetime: 8h }
        prices:
          - { model: m, effectiveFrom: 2026-01-01,
              rates: { input: 1.00, output: 1.00, cacheRead: 0.10, cacheWrite5m: 1.25, cacheWrite1h: 2.00 } }
          - { model: dear, effectiveFrom: 2026-01-01, rates: { input: 10.00, output: 10.00 } }
          - { model: bounded, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 }, maxOutputTokens: 5000 }
          - model: tiers
            effectiveFrom: 2026-01-01
            rates: { input: 1.00, output: 1.00 }
            longContext: { above: 1000, rates: { input: 2.00, output: 2.00 } }
            priority: { multiplier: 3 }
          - { model: secret, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    public SiloProcess Silo { get; } = new();

    public FakeUpstream Upstream { get; private set; } = null!;

    public AgentBudgetClient Client { get; private set; } = null!;

    public GatewayHost Host { get; private set; } = null!;

    public HttpClient Http { get; } = new() { Timeout = Patience };

    public Uri Address => new($"http://{Host.Address}/");

    public static async Task<TestGateway> StartAsync(
        Func<FakeUpstream, GatewayOptions>? options = null, string catalog = Catalog)
    {
        TestGateway gateway = new();
        await gateway.Silo.StartAsync();
        gateway.Client = new AgentBudgetClient(new AgentBudgetClientOptions
        {
            Address = gateway.Silo.GrpcAddress,
            Credential = gateway.Silo.AdminKey,
        });
        await gateway.Client.CallAsync(
            gateway.Client.Catalogs.ApplyCatalogAsync,
            new ApplyCatalogRequest { Document = catalog },
            CancellationToken.None);
        gateway.Upstream = await FakeUpstream.StartAsync();
        gateway.Host = await gateway.HostAsync((options ?? OptionsOf)(gateway.Upstream));
        return gateway;
    }

    /// <summary>All dialects to the fake upstream, every model by its own name.</summary>
    public static GatewayOptions OptionsOf(FakeUpstream upstream) => new()
    {
        Listen = "127.0.0.1:0",
        Upstreams =
        [
            new UpstreamOptions
            {
                Name = "fake-openai",
                Kind = "openai",
                BaseUrl = upstream.Address + "/v1",
                KeyEnv = "KEY",
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = true,
            },
            new UpstreamOptions
            {
                Name = "fake-anthropic",
                Kind = "anthropic",
                BaseUrl = upstream.Address,
                KeyEnv = "KEY",
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = true,
            },
            new UpstreamOptions
            {
                Name = "fake-gemini",
                Kind = "gemini",
                BaseUrl = upstream.Address,
                KeyEnv = "KEY",
                Models = new Dictionary<string, string> { ["*"] = "*" },
                AllowPrivate = true,
            },
        ],
    };

    /// <summary>One more gateway before the same silo.</summary>
    public Task<GatewayHost> HostAsync(
        GatewayOptions options,
        string key = UpstreamKey,
        GatewayBounds? bounds = null,
        ILoggerFactory? loggers = null) => GatewayHost.StartAsync(
        GatewayModel.From(options, name => name == "KEY" ? key : null),
        Client,
        TimeProvider.System,
        loggers ?? NullLoggerFactory.Instance,
        meterScope: null,
        bounds ?? new GatewayBounds(),
        new GatewayEdge());

    public async Task<string> OpenAsync(
        string useCase = "promo", Ceilings? ceilings = null, string agent = "agents/writer")
    {
        OpenSessionRequest request = new()
        {
            Agent = agent,
            UseCase = $"useCases/{useCase}",
            Unattended = true,
            Ceilings = ceilings,
        };
        return (await Client.OpenSessionAsync(request)).SessionToken;
    }

    public Task<string> CredentialAsync(string agent = "agents/writer") => CredentialAsync(agent, Role.Agent);

    /// <summary>The credential of a gateway.</summary>
    public Task<string> GatewayCredentialAsync(string name = "edge") => CredentialAsync(name, Role.Gateway);

    private async Task<string> CredentialAsync(string principal, Role role)
    {
        CreateCredentialResponse created = await Client.CallAsync(
            Client.Identities.CreateCredentialAsync,
            new CreateCredentialRequest { Principal = principal, Role = role },
            CancellationToken.None);
        return created.Secret;
    }

    /// <summary>Posts a body with a key.</summary>
    public Task<HttpResponseMessage> PostAsync(
        string path,
        string key,
        string body,
        Action<HttpRequestMessage>? change = null,
        HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead,
        CancellationToken cancellation = default)
    {
        HttpRequestMessage request = new(HttpMethod.Post, new Uri(Address, path))
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        if (key.Length > 0) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        change?.Invoke(request);
        return Http.SendAsync(request, completion, cancellation);
    }

    public Task<HttpResponseMessage> ChatAsync(string key, string body, Action<HttpRequestMessage>? change = null) =>
        PostAsync("v1/chat/completions", key, body, change);

    public Task<HttpResponseMessage> MessagesAsync(
        string key, string body, Action<HttpRequestMessage>? change = null) =>
        PostAsync("v1/messages", key, body, change);

    /// <summary>Tokens that are held and settled on the session.</summary>
    public async Task<(long Held, long Settled)> TokensAsync(string token)
    {
        GrainBalance balance = await BalanceAsync(token);
        return (balance.HeldTokens, balance.SettledTokens);
    }

    /// <summary>The session's own balance.</summary>
    public async Task<GrainBalance> BalanceAsync(string token) =>
        (await Client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token })).Grains[0];

    /// <summary>Waits until nothing is held on the session, and answers what is settled.</summary>
    public async Task<long> SettledAsync(string token)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (true)
        {
            (long held, long settled) = await TokensAsync(token);
            if (held == 0) return settled;
            if (System.Diagnostics.Stopwatch.GetElapsedTime(start) > Patience)
                throw new TimeoutException($"{held} tokens are still held");
            await Task.Delay(20);
        }
    }

    /// <summary>Reads a body up to the abort in which it has to end.</summary>
    public static async Task<string> ReadToAbortAsync(
        HttpResponseMessage response, int atBytes = 0, Action? onBytes = null)
    {
        await using Stream body = await response.Content.ReadAsStreamAsync();
        using MemoryStream read = new();
        byte[] buffer = new byte[4096];
        using CancellationTokenSource patience = new(TestGateway.Patience);
        await Assert.ThrowsAnyAsync<IOException>(async () =>
        {
            int bytes;
            while ((bytes = await body.ReadAsync(buffer, patience.Token)) > 0)
            {
                read.Write(buffer, 0, bytes);
                if (read.Length < atBytes) continue;
                onBytes?.Invoke();
                onBytes = null;
            }
        });
        return Encoding.UTF8.GetString(read.ToArray());
    }

    public static async Task<JsonNode> JsonAsync(HttpResponseMessage response) =>
        JsonNode.Parse(await response.Content.ReadAsStringAsync())!;

    public static string HeaderOf(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? string.Join(",", values) : "";

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Host.DisposeAsync();
        await Upstream.DisposeAsync();
        await Client.DisposeAsync();
        await Silo.DisposeAsync();
    }
}
