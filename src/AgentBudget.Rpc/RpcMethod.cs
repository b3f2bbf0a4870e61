using AgentBudget.Rpc.Server;
using AgentBudget.Rpc.Wire;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc;

/// <summary>A method that is served: its descriptor and, inside, its handler. It lives as long as its server.</summary>
public abstract class RpcMethod
{
    private protected RpcMethod(MethodDescriptor descriptor)
    {
        Descriptor = descriptor;
        Name = descriptor.Name;
        ServiceName = descriptor.Service.FullName;
        Path = PathOf(descriptor);
        IsClientStreaming = descriptor.IsClientStreaming;
        IsServerStreaming = descriptor.IsServerStreaming;
        IsQuery = IsUnary
            && descriptor.GetOptions()?.IdempotencyLevel == MethodOptions.Types.IdempotencyLevel.NoSideEffects;
    }

    /// <summary>The method as the proto declares it.</summary>
    public MethodDescriptor Descriptor { get; }

    /// <summary>The method's name within its service.</summary>
    public string Name { get; }

    /// <summary>The full name of the service: package and name.</summary>
    public string ServiceName { get; }

    /// <summary>The request path: <c>/package.Service/Method</c>.</summary>
    public string Path { get; }

    /// <summary>Whether the response is a stream.</summary>
    public bool IsServerStreaming { get; }

    /// <summary>Whether the request is a stream.</summary>
    public bool IsClientStreaming { get; }

    /// <summary>One request, one response.</summary>
    internal bool IsUnary => !IsClientStreaming && !IsServerStreaming;

    /// <summary>Whether Connect may call it with GET: the proto says that it has no side effects.</summary>
    internal bool IsQuery { get; }

    /// <summary>The field of its request that many calls repeat; null for none.</summary>
    internal SharedField? SharedField { get; set; }

    /// <summary>How its calls ended.</summary>
    internal CallCounts Answered { get; } = new();

    /// <summary>The HTTP methods by which it is called.</summary>
    internal string Verbs => IsQuery ? "GET, POST" : "POST";

    /// <summary>Reads the request of the call, runs the handler and writes its answer. Never fails.</summary>
    internal abstract Task RunAsync(HttpCall call);

    internal static string PathOf(MethodDescriptor descriptor) => $"/{descriptor.Service.FullName}/{descriptor.Name}";
}
