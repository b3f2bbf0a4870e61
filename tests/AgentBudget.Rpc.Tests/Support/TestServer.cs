using System.Net;
using Google.Protobuf.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Support;

/// <summary>What a test wants of its server.</summary>
internal sealed class TestServerSetup
{
    internal UnaryHandler<EchoRequest, EchoResponse> Echo { get; set; } =
        (request, _) => new(new EchoResponse { Text = request.Text, Payload = request.Payload });

    internal ServerStreamingHandler<EchoRequest, EchoResponse> Repeat { get; set; } = async (request, responses, _) =>
    {
        for (int i = 1; i <= request.Count; i++)
            await responses.WriteAsync(new EchoResponse { Text = request.Text, Number = i });
    };

    internal ClientStreamingHandler<EchoRequest, EchoResponse> Collect { get; set; } = async (requests, _) =>
    {
        EchoResponse response = new();
        for (; await requests.ReadAsync() is EchoRequest request; response.Number++)
            response.Text += request.Text;
        return response;
    };

    internal DuplexStreamingHandler<EchoRequest, EchoResponse> Talk { get; set; } = async (requests, responses, _) =>
    {
        while (await requests.ReadAsync() is EchoRequest request)
            await responses.WriteAsync(new EchoResponse { Text = request.Text, Payload = request.Payload });
    };

    internal IRpcGuard? Guard { get; set; }

    internal RequestDelegate? Fallback { get; set; }

    internal TimeProvider Time { get; set; } = TimeProvider.System;

    internal HealthService Health { get; } = new();

    internal IReadOnlyList<string> AllowedOrigins { get; set; } = [];

    internal bool ExpectsProblems { get; set; }
}

/// <summary>A real server on loopback with the echo service. Its end fails on problems in the log that nobody
/// expected.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    internal const int MessageBytesMax = 64 * 1024;

    internal static readonly ServiceDescriptor Service =
        EchoReflection.Descriptor.Services.Single(service => service.Name == "EchoService");

    internal static readonly ServiceDescriptor TalkService =
        EchoReflection.Descriptor.Services.Single(service => service.Name == "TalkService");

    internal static readonly MethodDescriptor Echo = Service.FindMethodByName("Echo");
    internal static readonly MethodDescriptor Repeat = Service.FindMethodByName("Repeat");
    internal static readonly MethodDescriptor Collect = TalkService.FindMethodByName("Collect");
    internal static readonly MethodDescriptor Talk = TalkService.FindMethodByName("Talk");

    private readonly TestServerSetup _setup;

    private TestServer(TestServerSetup setup)
    {
        _setup = setup;
        RpcServices services = new RpcServices().Add(Service, builder => builder
            .Unary(nameof(Echo), setup.Echo)
            .ServerStreaming(nameof(Repeat), setup.Repeat));
        services.Add(TalkService, builder => builder
            .Unary("Look", setup.Echo)
            .ClientStreaming(nameof(Collect), setup.Collect)
            .DuplexStreaming(nameof(Talk), setup.Talk));
        setup.Health.AddTo(services);
        ReflectionService.AddTo(services);
        RpcServerOptions options = new()
        {
            HttpEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            GrpcEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            MessageBytesMax = MessageBytesMax,
            DrainGrace = TimeSpan.FromSeconds(20),
            AllowedOrigins = setup.AllowedOrigins,
        };
        Rpc = new RpcServer(options, services, setup.Guard, setup.Fallback, Log, setup.Time);
    }

    internal RpcServer Rpc { get; }

    internal CollectedLog Log { get; } = new(LogLevel.Warning);

    internal RpcChannel Channel { get; private set; } = null!;

    internal RawClient Raw { get; private set; } = null!;

    internal Uri HttpAddress => new($"http://{Rpc.HttpEndPoint}");

    internal Uri GrpcAddress => new($"http://{Rpc.GrpcEndPoint}");

    internal static async Task<TestServer> StartAsync(Action<TestServerSetup>? configure = null)
    {
        TestServerSetup setup = new();
        configure?.Invoke(setup);
        TestServer server = new(setup);
        await server.Rpc.StartAsync(CancellationToken.None);
        server.Channel = new RpcChannel(server.GrpcAddress, TimeProvider.System);
        server.Raw = new RawClient(server);
        return server;
    }

    internal static Task<TestServer> RepeatingAsync(ServerStreamingHandler<EchoRequest, EchoResponse> repeat) =>
        StartAsync(setup => setup.Repeat = repeat);

    internal Task<EchoResponse> EchoAsync(string text, RpcCallOptions? options = null) =>
        Channel.UnaryAsync<EchoRequest, EchoResponse>(
            Echo, new EchoRequest { Text = text }, options ?? RpcCallOptions.None, CancellationToken.None);

    internal IAsyncEnumerable<EchoResponse> RepeatAsync(
        EchoRequest request, RpcCallOptions? options = null, CancellationToken cancellationToken = default) =>
        Channel.ServerStreamingAsync<EchoRequest, EchoResponse>(
            Repeat, request, options ?? RpcCallOptions.None, cancellationToken);

    internal Task<EchoResponse> CollectAsync(
        IAsyncEnumerable<EchoRequest> requests, RpcCallOptions? options = null) =>
        Channel.ClientStreamingAsync<EchoRequest, EchoResponse>(
            Collect, requests, options ?? RpcCallOptions.None, CancellationToken.None);

    internal RpcDuplexCall<EchoRequest, EchoResponse> OpenTalk(
        RpcCallOptions? options = null, CancellationToken cancellationToken = default) =>
        Channel.OpenDuplex<EchoRequest, EchoResponse>(Talk, options ?? RpcCallOptions.None, cancellationToken);

    internal async Task<RpcException> EchoFailsAsync(string text = "", RpcCallOptions? options = null) =>
        await Assert.ThrowsAsync<RpcException>(() => EchoAsync(text, options));

    public async ValueTask DisposeAsync()
    {
        Channel.Dispose();
        Raw.Dispose();
        await Rpc.DisposeAsync().AsTask().Within("the end of the server");
        if (!_setup.ExpectsProblems)
            Assert.True(Log.Problems.Count == 0, string.Join('\n', Log.Problems));
    }
}
