using System.Diagnostics.Metrics;
using System.Net;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Envoy;
using AgentBudget.Gateway.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway;

/// <summary>
/// A gateway: model calls come in at one address, pass the budget, and go to their upstreams. Disposed, it takes
/// no more calls, waits for those in flight, and ends the sessions that it opened.
/// </summary>
public sealed class GatewayHost : IAsyncDisposable
{
    private const int EnvoyMessageMax = CallBody.BytesMax + (1024 * 1024); // A body that is checked, and its headers.
    private static readonly TimeSpan DrainGrace = TimeSpan.FromSeconds(25);

    private readonly WebApplication _app;
    private readonly GatewayServices _services;
    private ListenOptions? _listen;
    private ListenOptions? _envoy;
    private ListenOptions? _tls;

    private GatewayHost(
        GatewayModel model,
        AgentBudgetClient client,
        TimeProvider time,
        ILoggerFactory loggers,
        object? meterScope,
        GatewayBounds bounds,
        GatewayEdge edge)
    {
        _services = new GatewayServices(model, client, time, loggers, meterScope, bounds);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Configure(kestrel, model, bounds, edge));
        if (edge.Tls is not null) builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Services.AddRoutingCore()
            .AddSingleton<ILoggerFactory>(new EnvoyLoggers(loggers))
            .AddSingleton<IHostLifetime, NoLifetime>()
            .Configure<HostOptions>(options => options.ShutdownTimeout = DrainGrace);
        if (model.Envoy is not null)
        {
            builder.Services.AddSingleton(_services)
                .AddGrpc(options =>
                {
                    options.MaxReceiveMessageSize = EnvoyMessageMax;
                    options.Interceptors.Add<EnvoyDefects>();
                });
        }

        _app = builder.Build();
        GatewayRoutes.Map(_app, _services);
        edge.MapRoutes(_app);
    }

    /// <summary>Where it listens, with the real port.</summary>
    public IPEndPoint Address => _listen!.IPEndPoint!;

    /// <summary>Where Envoy asks, with the real port; null where nothing is served to it.</summary>
    public IPEndPoint? EnvoyAddress => _envoy?.IPEndPoint;

    /// <summary>Where it is served over TLS, with the real port; null where it is not.</summary>
    public IPEndPoint? TlsAddress => _tls?.IPEndPoint;

    /// <summary>What it measures.</summary>
    public Meter Meter => _services.Telemetry.Meter;

    /// <summary>Body bytes that calls hold now; for tests of what is given back.</summary>
    internal long HeldBytes => _services.Bodies.HeldBytes;

    /// <summary>Streams that are drained now.</summary>
    internal long Drains => _services.Drains.Taken;

    internal int OpenSessions => _services.Sessions.Count;

    /// <summary>Starts a gateway and answers it serving.</summary>
    /// <param name="model">How it runs.</param>
    /// <param name="client">How it reaches the budget; stays the caller's.</param>
    /// <param name="time">Every clock.</param>
    /// <param name="loggers">Logs; stays the caller's.</param>
    /// <param name="meterScope">The scope of its meter, by which its owner tells it from others'.</param>
    /// <param name="edge">What its owner adds to where it is served.</param>
    /// <exception cref="GatewayOptionsException">It cannot listen where it should.</exception>
    public static Task<GatewayHost> StartAsync(
        GatewayModel model,
        AgentBudgetClient client,
        TimeProvider time,
        ILoggerFactory loggers,
        object? meterScope = null,
        GatewayEdge? edge = null) =>
        StartAsync(model, client, time, loggers, meterScope, new GatewayBounds(), edge ?? new GatewayEdge());

    /// <summary>The same with bounds of its own, for tests that meet them.</summary>
    internal static async Task<GatewayHost> StartAsync(
        GatewayModel model,
        AgentBudgetClient client,
        TimeProvider time,
        ILoggerFactory loggers,
        object? meterScope,
        GatewayBounds bounds,
        GatewayEdge edge)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(client);
        GatewayHost host = new(model, client, time, loggers, meterScope, bounds, edge);
        try
        {
            await host._app.StartAsync();
            return host;
        }
        catch (Exception fault) when (fault is System.Net.Sockets.SocketException
            || fault is IOException { InnerException: AddressInUseException })
        {
            await host.DisposeAsync();
            string envoy = model.Envoy is null ? "" : $", or gateway:envoy:listen {model.Envoy.Listen}";
            string tls = edge.Tls is null ? "" : $", or tls:endPoint {edge.Tls}";
            throw new GatewayOptionsException($"gateway:listen cannot be {model.Listen}{envoy}{tls}: {fault.Message}");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _app.StopAsync();
        }
        catch (OperationCanceledException)
        {
            // What was not done after the grace was cut, and settled.
        }

        await _app.DisposeAsync();
        await _services.DisposeAsync();
    }

    private void Configure(KestrelServerOptions kestrel, GatewayModel model, GatewayBounds bounds, GatewayEdge edge)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = CallBody.BytesMax;
        kestrel.Limits.MaxConcurrentConnections = bounds.Calls;
        kestrel.Listen(model.Listen, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            _listen = listen;
        });
        if (edge.Tls is not null)
        {
            // HTTP/1.1 here too: a connection that calls is one call, by which they are bounded.
            kestrel.Listen(edge.Tls, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.UseHttps(edge.ConfigureTls);
                _tls = listen;
            });
        }

        if (model.Envoy is null) return;
        kestrel.Listen(model.Envoy.Listen, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            _envoy = listen;
        });
    }

    // Signals are its owner's.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
