using AgentBudget.Client;
using AgentBudget.Faults.Tests;
using AgentBudget.Protocol.V1;
using Microsoft.Playwright;

namespace AgentBudget.Dashboard.Tests.Support;

/// <summary>
/// A silo as its users run it, with somebody of each role, and a browser before it. All tests of pages share it, one
/// after another, so that each finds the machine to itself.
/// </summary>
public class Site : IAsyncLifetime
{
    internal const string Catalog = """
        tenant: acme
        currency: USD
        tags:
          customer: { required: false }
        budget: { limit: 1000, period: month }
        businessUnits:
          - { id: marketing, budget: { limit: 500, period: month } }
          - { id: sales }
        useCases:
          - { id: promo, businessUnit: marketing, budget: { limit: 100.00, period: month },
              outcomes: { quotesBound: { unit: quotes, baseline: 1 } } }
          - { id: tight, businessUnit: marketing,
              budget: { limit: 1.00, period: month, tiers: [{ at: 100, action: refuse }] } }
          - { id: scarce, businessUnit: marketing,
              budget: { limit: 1.00, period: month, tiers: [{ at: 100, action: refuse }] } }
          - { id: leads, businessUnit: sales, budget: { limit: 100.00, period: month } }
        agents:
          - id: writer
            businessUnit: marketing
            useCases: [promo, tight, scarce]
            models: [m, "<img/src=x/onerror=window.xss=1>"]
            tools: ["search.*"]
            delegates: { agents: [writer], useCases: [promo] }
          - { id: seller, businessUnit: sales, useCases: [leads], models: [m] }
        tools:
          - { id: search.web, cost: { perCall: 0.01 } }
        prices:
          - { model: m, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
          - model: "<img/src=x/onerror=window.xss=1>"
            effectiveFrom: 2026-01-01
            rates: { input: 1.00, output: 1.00 }
        """;

    private static readonly string[] BrowserArguments =
    [
        "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync",
    ];

    private IPlaywright? _playwright;

    // Notices may go to this machine, where the tests receive them.
    internal SiloProcess Silo { get; } = new() { Arguments = ["--notices-allow-private"] };

    internal AgentBudgetClient Client { get; private set; } = null!;

    internal IBrowser Browser { get; private set; } = null!;

    internal Dictionary<Role, string> Secrets { get; } = [];

    internal string Address => Silo.HttpAddress.AbsoluteUri.TrimEnd('/') + DashboardHost.Path;

    public async ValueTask InitializeAsync()
    {
        try
        {
            await StartAsync();
        }
        catch
        {
            await Silo.DisposeAsync(); // Nobody disposes of a site that never was.
            throw;
        }
    }

    private async Task StartAsync()
    {
        await PrepareAsync();
        await Silo.StartAsync();
        Client = new AgentBudgetClient(new AgentBudgetClientOptions
        {
            Address = Silo.GrpcAddress,
            Credential = Silo.AdminKey,
        });
        await ApplyCatalogAsync();
        Secrets[Role.Admin] = Silo.AdminKey;
        await CreateAsync(Role.Finance, "desk");
        await CreateAsync(Role.Auditor, "deloitte");
        await CreateAsync(Role.Owner, "owner", "useCases/promo");
        await CreateAsync(Role.Agent, "agents/writer");
        _playwright = await Playwright.CreateAsync();
        Browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = BrowserArguments,
        });
    }

    public async ValueTask DisposeAsync()
    {
        await Browser.DisposeAsync();
        _playwright?.Dispose();
        await Client.DisposeAsync();
        GC.SuppressFinalize(this);
        Assert.Equal(0, await Silo.StopAsync());
        Assert.DoesNotContain("error", Silo.Output, StringComparison.OrdinalIgnoreCase);
        await Silo.DisposeAsync();
    }

    /// <summary>A browser of its own that nobody is signed in with.</summary>
    internal async Task<Visit> VisitAsync(ColorScheme theme = ColorScheme.Light, int width = 1280, int height = 900)
    {
        IBrowserContext context = await Browser.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = theme,
            ViewportSize = new ViewportSize { Width = width, Height = height },
        });
        context.SetDefaultTimeout(15_000);
        return new Visit(this, context, await context.NewPageAsync());
    }

    /// <summary>The same, signed in.</summary>
    internal async Task<Visit> SignInAsync(
        Role role = Role.Admin, ColorScheme theme = ColorScheme.Light, int width = 1280, int height = 900)
    {
        Visit visit = await VisitAsync(theme, width, height);
        await visit.SignInAsync(Secrets[role]);
        return visit;
    }

    internal async Task<OpenSessionResponse> OpenAsync(
        string useCase = "promo", string agent = "writer", Action<OpenSessionRequest>? change = null)
    {
        OpenSessionRequest request = new()
        {
            Agent = $"agents/{agent}",
            UseCase = $"useCases/{useCase}",
            Unattended = true,
        };
        change?.Invoke(request);
        return await Client.OpenSessionAsync(request);
    }

    /// <summary>Holds and settles tokens, a millionth of a unit each.</summary>
    internal async Task<ReserveTokensResponse> SpendAsync(string token, long tokens, string model = "m")
    {
        ReserveTokensResponse reserved = await ReserveAsync(token, tokens, model);
        if (reserved.Decision != Decision.Deny)
        {
            await Client.CommitAsync(new CommitTokensRequest
            {
                SessionToken = token,
                ReservationId = reserved.Reservation.ReservationId,
                Usage = new TokenUsage { InputTokens = tokens },
            });
        }

        return reserved;
    }

    internal Task<ReserveTokensResponse> ReserveAsync(string token, long tokens, string model = "m") =>
        Client.ReserveAsync(new ReserveTokensRequest
        {
            SessionToken = token,
            Model = model,
            Estimate = new TokenEstimate { InputTokens = tokens, MaxOutputTokens = 0 },
        });

    private protected virtual Task PrepareAsync() => Task.CompletedTask;

    private protected virtual Task ApplyCatalogAsync() => Client.CallAsync(
        Client.Catalogs.ApplyCatalogAsync,
        new ApplyCatalogRequest { Document = Catalog },
        CancellationToken.None);

    private async Task CreateAsync(Role role, string principal, params string[] grains)
    {
        CreateCredentialRequest request = new() { Principal = principal, Role = role };
        request.Grains.Add(grains);
        CreateCredentialResponse made =
            await Client.CallAsync(Client.Identities.CreateCredentialAsync, request, CancellationToken.None);
        Secrets[role] = made.Secret;
    }
}

/// <summary>Tests of pages are one collection: they share the site and run one after another.</summary>
[CollectionDefinition(Name)]
public sealed class Pages : ICollectionFixture<Site>
{
    public const string Name = "pages";
}
