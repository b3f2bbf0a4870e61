using AgentBudget.Client;
using AgentBudget.Faults.Tests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Tests.Support;

/// <summary>A silo with a catalog, the program against it, and a client that looks at what became of it.</summary>
public sealed class CliBudget : IAsyncLifetime
{
    internal const string Catalog = """
        tenant: acme
        currency: USD
        tags:
          environment: { required: false, values: [prod, staging] }
        budget: { limit: 1000, period: none }
        businessUnits:
          - { id: marketing, budget: { limit: 500, period: none } }
        useCases:
          - id: promo
            businessUnit: marketing
            budget: { limit: 10.00, period: none }
          - id: leads
            businessUnit: marketing
            budget: { tokens: 1000000, period: none }
        agents:
          - id: writer
            businessUnit: marketing
            useCases: [promo, leads]
            models: [m]
            tools: ["search.*"]
            delegates: { agents: [writer], useCases: [promo, leads] }
            ceilings: { costPerSession: 5.00, sessionTtl: 1h }
        prices:
          - { model: m, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-cli-");

    internal SiloProcess Silo { get; } = new();

    internal AgentBudgetClient Client { get; private set; } = null!;

    internal string Folder => _folder.FullName;

    internal string Server => Silo.GrpcAddress.AbsoluteUri.TrimEnd('/');

    /// <summary>What the program finds in its environment: this silo and its operator's key.</summary>
    internal Dictionary<string, string?> Variables => new()
    {
        ["AGENTBUDGET_SERVER"] = Server,
        ["AGENTBUDGET_CREDENTIAL_FILE"] = Path.Combine(Silo.Folder, "admin.key"),
        ["AGENTBUDGET_CONFIG"] = Path.Combine(Folder, "config"),
        ["AGENTBUDGET_PROFILE"] = null,
        ["AGENTBUDGET_GATEWAY"] = null,
        ["COLUMNS"] = null,
    };

    public async ValueTask InitializeAsync()
    {
        await Silo.StartAsync();
        Client = new AgentBudgetClient(new AgentBudgetClientOptions
        {
            Address = Silo.GrpcAddress,
            Credential = Silo.AdminKey,
        });
        await ApplyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await Silo.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    internal Task ApplyAsync() => Client.CallAsync(
        Client.Catalogs.ApplyCatalogAsync, new ApplyCatalogRequest { Document = Catalog }, CancellationToken.None);

    /// <summary>A file of this fixture's folder.</summary>
    internal string FileOf(string name, string text)
    {
        string file = Path.Combine(Folder, name);
        File.WriteAllText(file, text);
        return file;
    }

    internal async Task<CliResult> RunAsync(params string[] arguments)
    {
        using CliRun run = Start(arguments);
        return await run.EndAsync();
    }

    internal CliRun Start(params string[] arguments) => CliRun.Start(Variables, input: null, arguments);

    /// <summary>A session that spends so many tokens, a millionth of a unit each.</summary>
    internal async Task<OpenSessionResponse> SpendAsync(long tokens, Action<OpenSessionRequest>? change = null)
    {
        OpenSessionRequest request = new() { Agent = "agents/writer", UseCase = "useCases/promo", Unattended = true };
        change?.Invoke(request);
        OpenSessionResponse opened = await Client.OpenSessionAsync(request);
        await using BudgetScope scope = await Client.BeginScopeAsync(new ReserveTokensRequest
        {
            SessionToken = opened.SessionToken,
            Model = "m",
            Estimate = new TokenEstimate { InputTokens = tokens, MaxOutputTokens = 0 },
        });
        scope.EnsureAllowed();
        scope.Use(new TokenUsage { InputTokens = tokens });
        return opened;
    }

    internal async Task<Session> SessionAsync(string name) =>
        (await Client.GetSessionAsync(new GetSessionRequest { Session = name })).Session;
}
