using AgentBudget.Dashboard.Components;
using AgentBudget.Dashboard.Hosting;
using AgentBudget.Dashboard.Reading;
using AgentBudget.Dashboard.SigningIn;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Dashboard;

/// <summary>
/// The dashboard: pages below one path of a server that is somebody else's. It is an application of its own, with its
/// own services and its own sign-in, made when the first page is asked for: a silo that nobody looks at pays nothing.
/// </summary>
public sealed class DashboardHost : IAsyncDisposable
{
    /// <summary>The path that everything is below.</summary>
    public const string Path = "/dashboard";

    // A browser that lost its connection finds its page again for this long; one that is closed costs memory until
    // then.
    private static readonly TimeSpan DisconnectedMax = TimeSpan.FromSeconds(60);
    private const int DisconnectedPagesMax = 50;
    private const int PageMessageBytesMax = 64 * 1024; // What a browser sends at once: clicks and short texts.

    private readonly DashboardModel _model;
    private readonly TimeProvider _time;
    private readonly ILoggerFactory _loggers;
    private readonly SignInLinks _links;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private Task<(WebApplication App, HandedOverServer Server)>? _started;

    /// <summary>Makes a dashboard that is not asked for anything yet.</summary>
    /// <param name="model">How it reaches the API.</param>
    /// <param name="time">Every clock.</param>
    /// <param name="loggers">Logs; stays the caller's.</param>
    public DashboardHost(DashboardModel model, TimeProvider time, ILoggerFactory loggers)
    {
        _model = model;
        _time = time;
        _loggers = loggers;
        _links = new SignInLinks(time);
    }

    /// <summary>
    /// The path and query of a link that signs in once, within <see cref="SignInLinks.Life"/>, with the model's
    /// credential.
    /// </summary>
    public string NewSignInLink() => $"{Path}/sign-in/{_links.New()}";

    /// <summary>Answers a request below <see cref="Path"/>.</summary>
    public async Task HandleAsync(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        Task<(WebApplication App, HandedOverServer Server)> started;
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested)
            {
                http.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
                return;
            }

            started = _started ??= StartAsync();
        }

        await (await started).Server.HandleAsync(http.Features);
    }

    /// <summary>Takes no more requests and lets go of the pages that are open, which would hold their server.</summary>
    public async Task StopAsync()
    {
        Task<(WebApplication App, HandedOverServer Server)>? started;
        lock (_lock)
        {
            _stopping.Cancel();
            started = _started;
        }

        if (started is not null) await (await started).App.StopAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_started is not null) await (await _started).App.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task<(WebApplication App, HandedOverServer Server)> StartAsync()
    {
        HandedOverServer server = new();
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = typeof(DashboardHost).Assembly.GetName().Name,
        });
        builder.Services.AddSingleton<IServer>(server)
            .AddSingleton<IHostLifetime, NoLifetime>()
            .AddSingleton(_loggers)
            .AddSingleton(_time)
            .AddSingleton(_model)
            .AddSingleton(_links)
            .AddSingleton<SessionStore>()
            .AddSingleton<SignInDesk>()
            .AddScoped<Viewer>()
            .AddScoped<LedgerReads>()
            .AddPageKeys()
            .AddAntiforgery(options =>
            {
                options.Cookie.Name = "agentbudget-dashboard-forms";
                options.Cookie.Path = Path;
                options.Cookie.HttpOnly = true;
                options.Cookie.SameSite = SameSiteMode.Strict;
                options.SuppressXFrameOptionsHeader = true; // The guard sets it.
            })
            .AddRazorComponents()
            .AddInteractiveServerComponents(options =>
            {
                options.DisconnectedCircuitRetentionPeriod = DisconnectedMax;
                options.DisconnectedCircuitMaxRetained = DisconnectedPagesMax;
            })
            .AddHubOptions(options => options.MaximumReceiveMessageSize = PageMessageBytesMax);
        WebApplication app = builder.Build();
        app.UsePathBase(Path);
        app.UseMiddleware<PageGuard>();
        app.UseWhen(
            static http => HttpMethods.IsGet(http.Request.Method) && !http.WebSockets.IsWebSocketRequest,
            static pages => pages.UseStatusCodePagesWithReExecute(
                "/not-found", createScopeForStatusCodePages: true));
        app.UseRouting();
        app.UseMiddleware<SessionCookie>();
        app.UseAntiforgery();
        PageAssets.Map(app);
        SignInRoutes.Map(app);
        ExportRoutes.Map(app);
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options =>
        {
            options.ContentSecurityFrameAncestorsPolicy = null; // The page's own policy says it.
            options.DisableWebSocketCompression = true; // What a page shows and what an attacker sends never mix.
        });
        await app.StartAsync();
        return (app, server);
    }

    // Signals are its owner's.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
