using System.Diagnostics.Metrics;
using System.Net;
using AgentBudget.Api.Access;
using AgentBudget.Silo.Edge;
using AgentBudget.Silo.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Silo.Hosting;

/// <summary>Where a silo listens.</summary>
internal sealed class SiloEndpoints
{
    private const int MessageBytes = 256 * 1024; // The largest request message of spending calls.

    private ListenOptions? _http;
    private ListenOptions? _grpc;
    private ListenOptions? _tls;
    private ConnectionGuards? _guards;

    private SiloEndpoints() => Meter.CreateObservableGauge(
        "agentbudget.rpc.connections", () => (long)(_guards?.Open ?? 0), "{connection}",
        "Connections that are open.");

    /// <summary>What is measured here. Ends with the silo.</summary>
    internal Meter Meter { get; } = new("AgentBudget.Silo.Endpoints");

    /// <summary>Where HTTP/1.1 is served, with the real port once started.</summary>
    internal IPEndPoint Http => _http!.IPEndPoint!;

    /// <summary>Where gRPC is served, with the real port once started.</summary>
    internal IPEndPoint Grpc => _grpc!.IPEndPoint!;

    /// <summary>Where TLS is served, with the real port once started; null where it is not.</summary>
    internal IPEndPoint? Tls => _tls?.IPEndPoint;

    /// <summary>Adds the endpoints of a silo to its host.</summary>
    /// <param name="builder">The host.</param>
    /// <param name="model">Where, and how TLS is spoken. Its files are read here.</param>
    /// <param name="onEnd">Given what is to be done when the silo has ended.</param>
    internal static SiloEndpoints Add(WebApplicationBuilder builder, SiloModel model, Action<Action> onEnd)
    {
        SiloEndpoints endpoints = new();
        onEnd(endpoints.Meter.Dispose);
        TlsSetup? tls = null;
        if (model.Tls is { } files)
        {
            tls = TlsSetup.Load(files);
            onEnd(tls.Certificate.Dispose);
        }

        builder.WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => endpoints.Configure(kestrel, model, tls));
        builder.Services.AddConnectionGuards();
        return endpoints;
    }

    private void Configure(KestrelServerOptions kestrel, SiloModel model, TlsSetup? tls)
    {
        _guards = kestrel.ApplicationServices.GetRequiredService<ConnectionGuards>();
        kestrel.ConfigureSiloLimits(MessageBytes);
        kestrel.Listen(model.Http, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            Guard(listen);
            _http = listen;
        });
        // A port of its own: in cleartext a port for both would silently serve HTTP/1.1 alone.
        kestrel.Listen(model.Grpc, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            Guard(listen);
            _grpc = listen;
        });
        if (tls is null)
            return;
        // Over TLS the two sides agree on the protocol while they shake hands, so one port serves both.
        kestrel.Listen(model.Tls!.EndPoint, listen =>
        {
            listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.UseHttps(tls.Apply);
            Guard(listen);
            _tls = listen;
        });
    }

    // The one place where connections are guarded. Over TLS after it was agreed on: frames are read where they are
    // plain.
    private static void Guard(ListenOptions listen)
    {
        listen.UseConnectionGuards();
        listen.Use(ConnectionMemory.Around);
    }
}
