using System.Diagnostics.Metrics;
using System.Net;
using AgentBudget.Rpc.Server;
using AgentBudget.Rpc.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc;

/// <summary>
/// Serves methods as gRPC and Connect, and ordinary HTTP routes beside them, over Kestrel. Made, started, stopped and
/// disposed once each.
/// </summary>
public sealed partial class RpcServer : IAsyncDisposable
{
    // How late a message that does not arrive, or a stream that does not end, may be noticed.
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(1);

    private readonly ServerState _state;
    private readonly WebApplication _host;
    private readonly IServer _server;
    private readonly RpcApplication _application;
    private readonly ITimer _sweep;
    private readonly ConnectionEnds _connections;
    private readonly RpcMethod[] _methods;
    private readonly ControlBudget _controlFrames;
    private readonly ILogger _logger;
    private ListenOptions? _httpListen;
    private ListenOptions? _grpcListen;
    private ListenOptions? _tlsListen;
    private bool _isStarted;
    private bool _isStopped;

    /// <summary>Checks everything that can be checked and binds nothing yet.</summary>
    /// <param name="options">Where to listen and what to take.</param>
    /// <param name="services">What to serve; complete by now.</param>
    /// <param name="guard">Asked before every call; null lets every call through.</param>
    /// <param name="fallback">Answers requests that are no calls, such as <c>/healthz</c>; null answers 404.</param>
    /// <param name="loggerFactory">Stays the caller's.</param>
    /// <param name="time">The clock of deadlines.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public RpcServer(
        RpcServerOptions options,
        RpcServices services,
        IRpcGuard? guard,
        RequestDelegate? fallback,
        ILoggerFactory loggerFactory,
        TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        ArgumentNullException.ThrowIfNull(time);
        options.Validate();
        _logger = loggerFactory.CreateLogger<RpcServer>();
        JsonMessages json = new(services.Services.Select(service => service.File));
        _state = new ServerState(options, json, guard, time, _logger);

        _connections = new ConnectionEnds(time, _logger);
        _methods = [.. services.Methods];
        AddInstruments();
        _controlFrames = new ControlBudget(time, ControlBudget.UnitsPerSecond, ControlBudget.UnitsKeptMax);

        // Kestrel comes from its container: made by hand it lacks what lets it pool, and costs kilobytes a request.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton<ILoggerFactory>(new ConnectionLoggers(loggerFactory));
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(ConfigureKestrel)
            .UseSockets(ConnectionLimits.Apply);
        _host = builder.Build();
        _server = _host.Services.GetRequiredService<IServer>();
        _application = new RpcApplication(
            _state, services, fallback, _host.Services.GetRequiredService<IServiceScopeFactory>());
        _sweep = time.CreateTimer(OnSweep, this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Where HTTP/1.1 is served, with the real port once started; null when it is not.</summary>
    public IPEndPoint? HttpEndPoint => _httpListen?.IPEndPoint;

    /// <summary>Where gRPC is served, with the real port once started; null when it is not.</summary>
    public IPEndPoint? GrpcEndPoint => _grpcListen?.IPEndPoint;

    /// <summary>Where TLS is served, with the real port once started; null when it is not.</summary>
    public IPEndPoint? TlsEndPoint => _tlsListen?.IPEndPoint;

    /// <summary>What is measured here: calls by method and status, connections. Ends with the server.</summary>
    public Meter Meter { get; } = new("AgentBudget.Rpc");

    /// <summary>Connections that take one of the places there are.</summary>
    internal int OpenConnections => _connections.Open;

    /// <summary>Calls that are watched: streams, and calls whose message has not arrived.</summary>
    internal int WatchedCalls => _state.Watched.Count;

    /// <summary>Binds and serves from now on.</summary>
    /// <param name="cancellationToken">Gives up binding.</param>
    /// <exception cref="IOException">An address is in use.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _server.StartAsync(_application, cancellationToken);
        _isStarted = true;
        _sweep.Change(SweepInterval, SweepInterval);
        Log.Started(_logger, HttpEndPoint, GrpcEndPoint, TlsEndPoint);
    }

    /// <summary>
    /// Drains: new calls are answered UNAVAILABLE, streams end with UNAVAILABLE, connections are told to go away, and
    /// unary calls in flight finish. What is not done after the grace is cut. Repeated, it does nothing.
    /// </summary>
    /// <param name="grace">How long calls in flight may take.</param>
    public async Task StopAsync(TimeSpan grace)
    {
        if (!_isStarted || _isStopped)
            return;
        _isStopped = true;
        Log.Draining(_logger, grace);

        // Streams first: Kestrel would wait for them until the grace is over.
        RefuseNewCalls();
        _state.Watched.Visit(static call => call.Drain());
        using CancellationTokenSource over = new(grace, _state.Time);
        await _server.StopAsync(over.Token);
        await _sweep.DisposeAsync();
        Log.Stopped(_logger);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync(_state.Options.DrainGrace);
        await _sweep.DisposeAsync();
        await _host.DisposeAsync();
        Meter.Dispose();
    }

    /// <summary>The first step of a stop.</summary>
    internal void RefuseNewCalls() => _state.IsDraining = true;

    // All are read when somebody asks: a call itself only counts.
    private void AddInstruments()
    {
        Meter.CreateObservableCounter(
            "agentbudget.rpc.calls", ReadCalls, "{call}", "Calls that were answered, by method and status.");
        Meter.CreateObservableGauge(
            "agentbudget.rpc.connections", () => (long)_connections.Open, "{connection}", "Connections that are open.");
    }

    private IEnumerable<Measurement<long>> ReadCalls() => _methods
        .SelectMany(method => method.Answered.Read(method.Path[1..]))
        .Concat(_state.AnsweredUnknown.Read("unknown"));

    private static void OnSweep(object? state) =>
        ((RpcServer)state!)._state.Watched.Visit(static call => call.Sweep());

    private ConnectionDelegate Paced(ConnectionDelegate serve) =>
        PacedInput.Around(serve, _controlFrames, _state.Time);

    private void ConfigureKestrel(KestrelServerOptions kestrel)
    {
        ConnectionLimits.Apply(kestrel, _state.Options.MessageBytesMax);
        if (_state.Options.HttpEndPoint is IPEndPoint http)
        {
            kestrel.Listen(http, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                listen.Use(_connections.Around);
                _httpListen = listen;
            });
        }

        // A port of its own: in cleartext a port for both would silently serve HTTP/1.1 alone.
        if (_state.Options.GrpcEndPoint is IPEndPoint grpc)
        {
            kestrel.Listen(grpc, listen =>
            {
                listen.Protocols = HttpProtocols.Http2;
                listen.Use(_connections.Around);
                listen.Use(Paced);
                _grpcListen = listen;
            });
        }

        // Over TLS the two sides agree on the protocol while they shake hands, so one port serves both.
        if (_state.Options.TlsEndPoint is IPEndPoint tls)
        {
            kestrel.Listen(tls, listen =>
            {
                listen.Protocols = HttpProtocols.Http1AndHttp2;
                listen.Use(_connections.Around);
                listen.UseHttps(https => TlsSetup.Apply(https, _state.Options));
                listen.Use(Paced);
                _tlsListen = listen;
            });
        }
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Information, "Serving HTTP/1.1 at {Http}, gRPC at {Grpc}, TLS at {Tls}")]
        internal static partial void Started(ILogger logger, IPEndPoint? http, IPEndPoint? grpc, IPEndPoint? tls);

        [LoggerMessage(11, LogLevel.Information, "Draining; calls in flight have {Grace}")]
        internal static partial void Draining(ILogger logger, TimeSpan grace);

        [LoggerMessage(12, LogLevel.Information, "Stopped serving")]
        internal static partial void Stopped(ILogger logger);
    }
}
