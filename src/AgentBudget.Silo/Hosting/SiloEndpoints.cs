using System.Diagnostics.Metrics;
using System.Net;
using AgentBudget.Api.Access;
using AgentBudget.Silo.Options;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AgentBudget.Silo.Hosting;

/// <summary>Where a silo listens.</summary>
internal sealed class SiloEndpoints
{
    // A stream's window holds the largest message, so that its sender never stops in the middle of one.
    private const int StreamWindowBytes = (256 + 64) * 1024;

    private const int HeadersBytesMax = 16 * 1024; // A bearer token of 8 KiB with room for everything else.

    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(10);

    private ListenOptions? _http;
    private ListenOptions? _grpc;
    private ListenOptions? _tls;
    private int _open;

    private SiloEndpoints() => Meter.CreateObservableGauge(
        "agentbudget.rpc.connections", () => (long)Volatile.Read(ref _open), "{connection}",
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
            (var certificate, var intermediates) = files.LoadCertificate();
            onEnd(certificate.Dispose);
            tls = new TlsSetup(certificate, intermediates, files.Clients, files.LoadClientAuthorities());
        }

        builder.WebHost.UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel => endpoints.Configure(kestrel, model, tls))
            .UseSockets(Apply);
        return endpoints;
    }

    private void Configure(KestrelServerOptions kestrel, SiloModel model, TlsSetup? tls)
    {
        Apply(kestrel);
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

    // The one place where connections are guarded. Over TLS after it was agreed on: frames are read where they are plain.
    private void Guard(ListenOptions listen)
    {
        listen.Use(Count);
        listen.Use(ConnectionMemory.Around);
    }

    private ConnectionDelegate Count(ConnectionDelegate serve) => async connection =>
    {
        Interlocked.Increment(ref _open);
        try
        {
            await serve(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    };

    private static void Apply(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxRequestHeadersTotalSize = HeadersBytesMax;

        // Both count over a whole stream, however long it lives, and break its connection with all other calls on it.
        // Messages are bounded by their prefix and by their arrival time instead.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;

        // A reader of a stream may pause as long as it likes: it holds up nobody, and pings find the dead ones.
        limits.MinResponseDataRate = null;
        limits.Http2.MaxRequestHeaderFieldSize = HeadersBytesMax;
        limits.Http2.InitialStreamWindowSize = StreamWindowBytes;
        limits.Http2.KeepAlivePingDelay = PingDelay;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;
    }

    // To wait for bytes without a buffer asks the system twice for every 4 KiB that arrive. With one, a connection that
    // is silent keeps as many.
    private static void Apply(SocketTransportOptions sockets) => sockets.WaitForDataBeforeAllocatingBuffer = false;
}
