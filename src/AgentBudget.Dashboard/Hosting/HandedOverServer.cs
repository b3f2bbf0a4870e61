using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Features.Authentication;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Dashboard.Hosting;

/// <summary>
/// A server without sockets: its requests are handed over by another application, which has read them already.
/// </summary>
internal sealed class HandedOverServer : IServer
{
    private Func<IFeatureCollection, Task>? _handleAsync;

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull
    {
        _handleAsync = features => RunAsync(application, features);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
    }

    /// <summary>Answers a request, whose connection is the other application's.</summary>
    internal async Task HandleAsync(IFeatureCollection outer)
    {
        // What the other application found out about the request is its own: route, services, caller.
        FeatureCollection features = new();
        foreach ((Type type, object feature) in outer)
        {
            bool isOuters = type == typeof(IEndpointFeature) || type == typeof(IRouteValuesFeature)
                || type == typeof(IRoutingFeature) || type == typeof(IServiceProvidersFeature)
                || type == typeof(IHttpAuthenticationFeature) || type == typeof(IItemsFeature);
            if (!isOuters) features[type] = feature;
        }

        IHttpRequestFeature request = features.GetRequiredFeature<IHttpRequestFeature>();
        (string pathBase, string path) = (request.PathBase, request.Path);
        try
        {
            await _handleAsync!(features);
        }
        finally
        {
            (request.PathBase, request.Path) = (pathBase, path);
        }
    }

    private static async Task RunAsync<TContext>(IHttpApplication<TContext> application, IFeatureCollection features)
        where TContext : notnull
    {
        TContext context = application.CreateContext(features);
        try
        {
            await application.ProcessRequestAsync(context);
        }
        catch (Exception failure)
        {
            application.DisposeContext(context, failure);
            throw;
        }

        application.DisposeContext(context, exception: null);
    }
}
