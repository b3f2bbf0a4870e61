using System.Net;
using AgentBudget.Api.Edge;
using AgentBudget.Api.Edge.Checks;
using AgentBudget.Silo.Edge;
using AgentBudget.Silo.Hosting;
using EdgeTest.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace AgentBudget.Edge.Tests.Support;

/// <summary>What a test wants of its server.</summary>
internal sealed class EdgeServerSetup
{
    internal Func<EchoRequest, ServerCallContext, Task<EchoResponse>> Echo { get; set; } =
        (request, _) => Task.FromResult(new EchoResponse { Text = request.Text, Payload = request.Payload });

    internal Action<Shapes> Draw { get; set; } = _ => { };

    internal TimeProvider Time { get; set; } = TimeProvider.System;

    internal Action<EdgeOptions> Bounds { get; set; } = _ => { };

    internal Action<IServiceCollection> Services { get; set; } = _ => { };

    internal bool ExpectsProblems { get; set; }
}

/// <summary>A real server on loopback, guarded as a silo is, with the echo services. Its end fails on problems in the
/// log that nobody expected.</summary>
internal sealed class EdgeServer : IAsyncDisposable
{
    internal const int MessageBytesMax = 64 * 1024;

    private readonly EdgeServerSetup _setup;
    private readonly WebApplication _host;
    private readonly FakeLogCollector _log;
    private GrpcChannel? _channel;
    private ListenOptions? _http;
    private ListenOptions? _grpc;
    private ListenOptions? _tls;

    private EdgeServer(EdgeServerSetup setup, TestCertificate? certificate)
    {
        _setup = setup;
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.AddFakeLogging().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(setup).AddSingleton(setup.Time).AddRouting();
        builder.Services.AddGrpc().AddJsonTranscoding();
        setup.Services(builder.Services);
        builder.Services.AddEdgeBounds(options =>
        {
            options.MessageBytesMax = MessageBytesMax;
            options.MessageBytesMaxByPath.Clear();
            options.SharedField = "text";
            setup.Bounds(options);
        });
        builder.Services.AddConnectionGuards().Replace(ServiceDescriptor.Singleton<ILoggerFactory>(
            provider => new EdgeLoggers(ActivatorUtilities.CreateInstance<LoggerFactory>(provider))));
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.ConfigureSiloLimits(MessageBytesMax);
            kestrel.Listen(IPAddress.Loopback, 0, listen => Guard(_http = listen, HttpProtocols.Http1));
            kestrel.Listen(IPAddress.Loopback, 0, listen => Guard(_grpc = listen, HttpProtocols.Http2));
            if (certificate is null)
                return;
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.UseHttps(certificate.Certificate);
                Guard(_tls = listen, HttpProtocols.Http1AndHttp2);
            });
        });
        _host = builder.Build();
        CallMeter meter = new();
        _log = _host.Services.GetFakeLogCollector();
        _host.UseRouting();
        _host.UseMiddleware<Body>();
        _host.UseGrpcOverWeb();
        _host.UseGrpcChecks();
        _host.UseJsonChecks();
        _host.MapGrpcService<EchoHandlers>();
        _host.MapGrpcService<TalkHandlers>();
        _host.UseEndpoints(_ => { });
        _host.Run(http => Unserved.AnswerAsync(http, meter));
        Raw = new RawClient(this);
    }

    internal RawClient Raw { get; }

    internal EchoService.EchoServiceClient Echo { get; private set; } = null!;

    internal TalkService.TalkServiceClient Talk { get; private set; } = null!;

    internal Uri HttpAddress => new($"http://{_http!.IPEndPoint}");

    internal Uri GrpcAddress => new($"http://{_grpc!.IPEndPoint}");

    internal Uri TlsAddress => new($"https://{_tls!.IPEndPoint}");

    /// <summary>Connections that take one of the places there are.</summary>
    internal int OpenConnections => _host.Services.GetRequiredService<ConnectionGuards>().Open;

    internal static async Task<EdgeServer> StartAsync(
        Action<EdgeServerSetup>? configure = null, TestCertificate? certificate = null)
    {
        EdgeServerSetup setup = new();
        configure?.Invoke(setup);
        EdgeServer server = new(setup, certificate);
        await server._host.StartAsync();
        server._channel = GrpcChannel.ForAddress(server.GrpcAddress);
        server.Echo = new EchoService.EchoServiceClient(server._channel);
        server.Talk = new TalkService.TalkServiceClient(server._channel);
        return server;
    }

    internal async Task<EchoResponse> EchoAsync(string text) =>
        await Echo.EchoAsync(new EchoRequest { Text = text });

    public async ValueTask DisposeAsync()
    {
        _channel?.Dispose();
        Raw.Dispose();
        await _host.DisposeAsync().AsTask().Within("the end of the server");
        if (_setup.ExpectsProblems)
            return;
        string[] problems =
        [
            .. _log.GetSnapshot()
                .Where(record => record.Level >= LogLevel.Warning)
                .Select(record => $"{record.Category} {record.Id.Id} {record} {record.Exception}"),
        ];
        Assert.True(problems.Length == 0, string.Join('\n', problems));
    }

    private static void Guard(ListenOptions listen, HttpProtocols protocols)
    {
        listen.Protocols = protocols;
        listen.UseConnectionGuards();
    }
}
