using System.Net;
using AgentBudget.Api.Access;
using AgentBudget.Dashboard;
using AgentBudget.Silo.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// The dashboard of a silo: in the same process and at the same address as JSON, and over the public API as a page
/// elsewhere. Unless it was asked for elsewhere, it is there for this machine alone.
/// </summary>
internal sealed class HostedDashboard : IAsyncDisposable
{
    private const string Route = DashboardHost.Path + "/{**page}";

    // CONNECT opens a WebSocket over HTTP/2.
    private static readonly string[] Verbs =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Connect];

    private readonly SiloHost _silo;
    private readonly DashboardHost _pages;
    private readonly CancellationTokenRegistration _stopping;
    private readonly bool _isOpen;

    internal HostedDashboard(
        SiloHost silo, SiloModel model, TimeProvider time, ILoggerFactory loggers, CancellationToken stopping)
    {
        _silo = silo;
        _isOpen = model.IsDashboardOpen;
        _pages = new DashboardHost(
            new DashboardModel
            {
                Api = () => new Uri($"http://{silo.GrpcHere}"),
                SessionsFile = silo.Folder.DashboardSessionsFile,
                LinkCredential = () => (File.ReadAllText(silo.Folder.AdminKeyFile).Trim(), FirstTenant()),
            },
            time,
            loggers);
        // Before the server stops: pages that are open would hold it.
        _stopping = stopping.Register(() => _pages.StopAsync().GetAwaiter().GetResult());
    }

    /// <summary>Where a browser finds it.</summary>
    internal string Address => $"http://{_silo.HttpHere}{DashboardHost.Path}";

    /// <summary>An address that signs the operator in, once and for a short time.</summary>
    internal string NewSignInLink() => $"http://{_silo.HttpHere}{_pages.NewSignInLink()}";

    internal void Map(IEndpointRouteBuilder routes) =>
        routes.MapMethods(Route, Verbs, AnswerAsync).Add(Routes.Hold);

    public async ValueTask DisposeAsync()
    {
        await _stopping.DisposeAsync();
        await _pages.DisposeAsync();
    }

    // The operator's key acts on one tenant at a time; there is one as a rule.
    private string? FirstTenant() => _silo.Tenants.Count > 0 ? _silo.Tenants[0] : null;

    private Task AnswerAsync(HttpContext http) => _isOpen || IsFromHere(http)
        ? _pages.HandleAsync(http)
        : Routes.AnswerTextAsync(
            http,
            StatusCodes.Status404NotFound,
            "The dashboard is served to this machine alone. Start the silo with --dashboard on to serve it here.\n");

    // By the name that was asked for too: a name of somebody else's that leads here is a trap for a browser.
    private static bool IsFromHere(HttpContext http)
    {
        string host = http.Request.Host.Host;
        bool isHere = host == "localhost"
            || (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? named) && IPAddress.IsLoopback(named));
        return isHere && http.Connection.LocalIpAddress is { } local && IPAddress.IsLoopback(local)
            && http.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote);
    }
}
