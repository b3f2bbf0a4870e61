using System.Net;
using AgentBudget.Rpc.Tests.Hostile;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit.Runner.InProc.SystemConsole;

namespace AgentBudget.Rpc.Tests.Interop;

/// <summary>
/// Serves the interoperability cases to clients that are not ours, when this assembly is told to: writes the contract
/// to a file, prints its ports as one line, and ends when its input does. It can be told to run the hostile cases as
/// well; told anything else, it runs the tests.
/// </summary>
internal static class InteropServer
{
    // The largest message of the cases has 314,159 bytes.
    private const int MessageBytesMax = 1024 * 1024;

    internal static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["hostile-server"]:
                return await HostileProgram.ServeAsync();
            case ["hostile-attacker", string http, string grpc, string perSecond]:
                return await HostileProgram.AttackAsync(
                    new Uri($"http://{http}"), new Uri($"http://{grpc}"), int.Parse(perSecond));
            case ["interop-server", string contract]:
                return await ServeAsync(contract);
            default:
                return await ConsoleRunner.Run(arguments);
        }
    }

    private static async Task<int> ServeAsync(string contract)
    {
        await File.WriteAllBytesAsync(contract, Contract().ToByteArray());
        RpcServices services = new();
        InteropService.AddTo(services);
        ReflectionService.AddTo(services);
        RpcServerOptions options = new()
        {
            HttpEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            GrpcEndPoint = new IPEndPoint(IPAddress.Loopback, 0),
            MessageBytesMax = MessageBytesMax,
        };
        await using RpcServer server = new(
            options, services, guard: null, fallback: null, NullLoggerFactory.Instance, TimeProvider.System);
        await server.StartAsync(CancellationToken.None);
        Console.WriteLine($"{server.GrpcEndPoint!.Port} {server.HttpEndPoint!.Port}");
        await Console.In.ReadToEndAsync();
        return 0;
    }

    private static FileDescriptorSet Contract()
    {
        FileDescriptor[] files = [EmptyReflection.Descriptor, MessagesReflection.Descriptor, TestReflection.Descriptor];
        FileDescriptorSet set = new();
        foreach (FileDescriptor file in files)
            set.File.Add(FileDescriptorProto.Parser.ParseFrom(file.SerializedData));
        return set;
    }
}
