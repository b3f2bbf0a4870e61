using AgentBudget.Faults.Tests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Client.Tests.Support;

/// <summary>A silo of its own, with a small catalog, and clients of it.</summary>
internal sealed class TestBudget : IAsyncDisposable
{
    public const string Agent = "agents/writer";
    public const string UseCase = "useCases/promo";
    public const string Model = "m";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>A million tokens of the model cost one unit; of the dear one ten.</summary>
    public const string Catalog = """
        tenant: acme
        currency: USD
        businessUnits:
          - { id: marketing, budget: { limit: 100000, period: none } }
        useCases:
          - { id: promo, businessUnit: marketing, budget: { limit: 100000, period: none } }
          - id: tight
            businessUnit: marketing
            budget:
              limit: 1.00
              period: none
              tiers: [{ at: 100, action: downgrade }, { at: 110, action: refuse }]
            downgrade: { dear: m }
        agents:
          - id: writer
            businessUnit: marketing
            useCases: [promo, tight]
            models: [m, dear]
            tools: ["search.*"]
            ceilings: { openHolds: 10000, sessionTtl: 2h, sessionLifetime: 8h }
        tools:
          - { id: search.web, cost: { perCall: 0.01 } }
        prices:
          - { model: m, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
          - { model: dear, effectiveFrom: 2026-01-01, rates: { input: 10.00, output: 10.00 } }
        """;

    private readonly List<AgentBudgetClient> _clients = [];

    public SiloProcess Silo { get; } = new();

    /// <summary>The operator's client.</summary>
    public AgentBudgetClient Client { get; private set; } = null!;

    public static async Task<TestBudget> StartAsync(string catalog = Catalog)
    {
        TestBudget budget = new();
        await budget.Silo.StartAsync();
        budget.Client = budget.ClientOf(_ => { });
        await budget.Client.CallAsync(
            budget.Client.Catalogs.ApplyCatalogAsync,
            new ApplyCatalogRequest { Document = catalog },
            CancellationToken.None);
        return budget;
    }

    /// <summary>One more client, of the operator unless the options say otherwise.</summary>
    public AgentBudgetClient ClientOf(Action<AgentBudgetClientOptions> change, TimeProvider? time = null)
    {
        AgentBudgetClientOptions options = new() { Address = Silo.GrpcAddress, Credential = Silo.AdminKey };
        change(options);
        AgentBudgetClient client = new(options, time: time);
        _clients.Add(client);
        return client;
    }

    public async Task<string> OpenAsync(string useCase = UseCase) =>
        (await Client.OpenSessionAsync(OpenRequest(useCase))).SessionToken;

    public static OpenSessionRequest OpenRequest(string useCase = UseCase) =>
        new() { Agent = Agent, UseCase = useCase, Unattended = true };

    public static ReserveTokensRequest Reserve(string token, long input = 1000, string model = Model) => new()
    {
        SessionToken = token,
        Model = model,
        Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = 0 },
    };

    public static CommitTokensRequest Commit(string token, string reservation, long input) => new()
    {
        SessionToken = token,
        ReservationId = reservation,
        Usage = new TokenUsage { InputTokens = input },
    };

    /// <summary>Tokens that are held and settled on the session.</summary>
    public async Task<(long Held, long Settled)> TokensOfAsync(string token)
    {
        GetBalanceResponse balance = await Client.GetBalanceAsync(new GetBalanceRequest { SessionToken = token });
        return (balance.Grains[0].HeldTokens, balance.Grains[0].SettledTokens);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (AgentBudgetClient client in _clients) await client.DisposeAsync();
        await Silo.DisposeAsync();
    }
}
