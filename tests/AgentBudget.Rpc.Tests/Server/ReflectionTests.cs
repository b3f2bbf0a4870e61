using AgentBudget.Rpc.Tests.Support;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Reflection.V1;
using Alpha = Grpc.Reflection.V1Alpha;

namespace AgentBudget.Rpc.Tests.Server;

public sealed class ReflectionTests
{
    [Fact]
    public async Task All_services_are_listed()
    {
        ServerReflectionResponse answer = await AskAsync(new ServerReflectionRequest { ListServices = "" });
        Assert.Equal(
            [
                "rpctest.v1.EchoService", "rpctest.v1.TalkService", "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            ],
            answer.ListServicesResponse.Service.Select(service => service.Name));
    }

    [Theory]
    [InlineData("rpctest.v1.EchoService")]
    [InlineData("rpctest.v1.EchoService.Echo")]
    [InlineData("rpctest.v1.EchoRequest")]
    [InlineData("rpctest.v1.EchoRequest.nested")]
    public async Task A_symbol_has_its_file(string symbol)
    {
        ServerReflectionResponse answer = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });
        ByteString file = Assert.Single(answer.FileDescriptorResponse.FileDescriptorProto);
        Assert.Equal("echo.proto", FileDescriptorProto.Parser.ParseFrom(file).Name);
    }

    [Fact]
    public async Task A_file_is_found_by_its_name()
    {
        ServerReflectionResponse answer = await AskAsync(new ServerReflectionRequest { FileByFilename = "echo.proto" });
        Assert.Single(answer.FileDescriptorResponse.FileDescriptorProto);
    }

    [Fact]
    public async Task What_is_not_there_is_not_found_and_the_stream_goes_on()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using RpcDuplexCall<ServerReflectionRequest, ServerReflectionResponse> call =
            server.Channel.OpenDuplex<ServerReflectionRequest, ServerReflectionResponse>(
                ReflectionService.Descriptors[0].Methods[0], RpcCallOptions.None, CancellationToken.None);
        ServerReflectionRequest[] questions =
        [
            new() { FileContainingSymbol = "nothing" }, new() { FileByFilename = "nothing.proto" },
            new() { AllExtensionNumbersOfType = "nothing" }, new() { FileContainingExtension = new() },
        ];
        foreach (ServerReflectionRequest question in questions)
        {
            Assert.True(await call.WriteAsync(question).AsTask().Within("a write"));
            ServerReflectionResponse? answer = await call.ReadAsync().AsTask().Within("an answer");
            Assert.Equal((int)RpcStatusCode.NotFound, answer!.ErrorResponse.ErrorCode);
            Assert.Equal(question, answer.OriginalRequest);
        }
    }

    [Fact]
    public async Task A_message_without_extensions_has_no_numbers()
    {
        ServerReflectionResponse answer =
            await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = "rpctest.v1.EchoRequest" });
        Assert.Equal("rpctest.v1.EchoRequest", answer.AllExtensionNumbersResponse.BaseTypeName);
        Assert.Empty(answer.AllExtensionNumbersResponse.ExtensionNumber);
    }

    [Fact]
    public async Task The_former_name_answers_the_same()
    {
        await using TestServer server = await TestServer.StartAsync();
        Alpha.ServerReflectionRequest request = new() { ListServices = "" };
        Alpha.ServerReflectionResponse? answer =
            await AskAsync<Alpha.ServerReflectionRequest, Alpha.ServerReflectionResponse>(
                server, ReflectionService.Descriptors[1], request);
        Assert.Contains("rpctest.v1.EchoService", answer!.ListServicesResponse.Service.Select(service => service.Name));
    }

    private static async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        await using TestServer server = await TestServer.StartAsync();
        return (await AskAsync<ServerReflectionRequest, ServerReflectionResponse>(
            server, ReflectionService.Descriptors[0], request))!;
    }

    private static async Task<TResponse?> AskAsync<TRequest, TResponse>(
        TestServer server, ServiceDescriptor service, TRequest request)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        await using RpcDuplexCall<TRequest, TResponse> call = server.Channel.OpenDuplex<TRequest, TResponse>(
            service.Methods[0], RpcCallOptions.None, CancellationToken.None);
        Assert.True(await call.WriteAsync(request).AsTask().Within("a write"));
        return await call.ReadAsync().AsTask().Within("an answer");
    }
}
