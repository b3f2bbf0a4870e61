using System.Net;
using AgentBudget.Rpc.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using RpcTest.V1;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class RegistrationTests
{
    private static readonly UnaryHandler<EchoRequest, EchoResponse> Echo = (_, _) => new(new EchoResponse());
    private static readonly ServerStreamingHandler<EchoRequest, EchoResponse> Repeat = (_, _, _) => Task.CompletedTask;

    [Fact]
    public void A_method_without_a_handler_is_named() => AssertNamed(
        "rpctest.v1.EchoService.Repeat", builder => builder.Unary("Echo", Echo));

    [Fact]
    public void A_handler_without_a_method_is_named() => AssertNamed(
        "Missing", builder => builder.Unary("Missing", Echo));

    [Fact]
    public void A_second_handler_of_a_method_is_named() => AssertNamed(
        "rpctest.v1.EchoService.Echo", builder => builder.Unary("Echo", Echo).Unary("Echo", Echo));

    [Fact]
    public void A_handler_of_another_kind_is_named() => AssertNamed(
        "rpctest.v1.EchoService.Echo", builder => builder.ServerStreaming("Echo", Repeat));

    [Fact]
    public void A_handler_of_other_types_is_named() => AssertNamed(
        "rpctest.v1.EchoService.Echo",
        builder => builder.Unary<EchoResponse, EchoResponse>("Echo", (request, _) => new(request)));

    [Fact]
    public void A_method_that_takes_a_stream_is_named()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => new RpcServices().Add(
            EchoReflection.Descriptor.Services.Single(service => service.Name == "TalkService"),
            builder => builder.ServerStreaming("Talk", Repeat)));
        Assert.Contains("rpctest.v1.TalkService.Talk", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_service_that_is_added_twice_is_named()
    {
        RpcServices services = new();
        Add(services);
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Add(services));
        Assert.Contains("rpctest.v1.EchoService", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_methods_of_all_services_can_be_listed()
    {
        RpcServices services = new();
        Add(services);
        new HealthService().AddTo(services);
        Assert.Equal(
            [
                "/rpctest.v1.EchoService/Echo", "/rpctest.v1.EchoService/Repeat",
                "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
            ],
            services.Methods.Select(method => method.Path));
    }

    [Fact]
    public void A_server_without_an_endpoint_is_refused() =>
        Assert.Throws<ArgumentException>(() => NewServer(new RpcServerOptions()));

    [Theory]
    [InlineData(0)]
    [InlineData((64 * 1024 * 1024) + 1)]
    public void A_message_limit_out_of_range_is_refused(int messageBytesMax) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => NewServer(new RpcServerOptions
        {
            HttpEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            MessageBytesMax = messageBytesMax,
        }));

    [Fact]
    public async Task A_server_may_have_one_endpoint_alone()
    {
        await using RpcServer server = NewServer(new RpcServerOptions { HttpEndPoint = new(IPAddress.Loopback, 0) });
        await server.StartAsync(CancellationToken.None);
        Assert.NotEqual(0, server.HttpEndPoint!.Port);
        Assert.Null(server.GrpcEndPoint);
    }

    private static RpcServer NewServer(RpcServerOptions options) =>
        new(options, new RpcServices(), null, null, NullLoggerFactory.Instance, TimeProvider.System);

    private static void Add(RpcServices services) => services.Add(
        TestServer.Service, builder => builder.Unary("Echo", Echo).ServerStreaming("Repeat", Repeat));

    private static void AssertNamed(string name, Action<RpcServiceBuilder> register)
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(
            () => new RpcServices().Add(TestServer.Service, register));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }
}
