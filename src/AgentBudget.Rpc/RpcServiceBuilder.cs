using AgentBudget.Rpc.Server;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc;

/// <summary>Takes the handlers of one proto service; see <see cref="RpcServices.Add"/>.</summary>
public sealed class RpcServiceBuilder
{
    private readonly ServiceDescriptor _service;
    private readonly Dictionary<string, RpcMethod> _methods = [];

    internal RpcServiceBuilder(ServiceDescriptor service) => _service = service;

    /// <summary>Registers the handler of a method with one request and one response.</summary>
    /// <typeparam name="TRequest">The request message of the proto.</typeparam>
    /// <typeparam name="TResponse">The response message of the proto.</typeparam>
    /// <param name="method">The method's name as the proto has it.</param>
    /// <param name="handler">Called concurrently.</param>
    /// <exception cref="InvalidOperationException">The proto declares no such method.</exception>
    public RpcServiceBuilder Unary<TRequest, TResponse>(string method, UnaryHandler<TRequest, TResponse> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(handler);
        MethodDescriptor descriptor = Find(
            method, isClientStreaming: false, isServerStreaming: false, typeof(TRequest), typeof(TResponse));
        return Add(new UnaryMethod<TRequest, TResponse>(descriptor, handler));
    }

    /// <summary>Registers the handler of a method with one request and a stream of responses.</summary>
    /// <typeparam name="TRequest">The request message of the proto.</typeparam>
    /// <typeparam name="TResponse">The message of the stream.</typeparam>
    /// <param name="method">The method's name as the proto has it.</param>
    /// <param name="handler">Called concurrently.</param>
    /// <exception cref="InvalidOperationException">The proto declares no such method.</exception>
    public RpcServiceBuilder ServerStreaming<TRequest, TResponse>(
        string method, ServerStreamingHandler<TRequest, TResponse> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(handler);
        MethodDescriptor descriptor = Find(
            method, isClientStreaming: false, isServerStreaming: true, typeof(TRequest), typeof(TResponse));
        return Add(new ServerStreamingMethod<TRequest, TResponse>(descriptor, handler));
    }

    /// <summary>Registers the handler of a method with a stream of requests and one response.</summary>
    /// <typeparam name="TRequest">The message of the stream.</typeparam>
    /// <typeparam name="TResponse">The response message of the proto.</typeparam>
    /// <param name="method">The method's name as the proto has it.</param>
    /// <param name="handler">Called concurrently.</param>
    /// <exception cref="InvalidOperationException">The proto declares no such method.</exception>
    public RpcServiceBuilder ClientStreaming<TRequest, TResponse>(
        string method, ClientStreamingHandler<TRequest, TResponse> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(handler);
        MethodDescriptor descriptor = Find(
            method, isClientStreaming: true, isServerStreaming: false, typeof(TRequest), typeof(TResponse));
        return Add(new ClientStreamingMethod<TRequest, TResponse>(descriptor, handler));
    }

    /// <summary>Registers the handler of a method with a stream of requests and a stream of responses.</summary>
    /// <typeparam name="TRequest">The message of the requests.</typeparam>
    /// <typeparam name="TResponse">The message of the responses.</typeparam>
    /// <param name="method">The method's name as the proto has it.</param>
    /// <param name="handler">Called concurrently.</param>
    /// <exception cref="InvalidOperationException">The proto declares no such method.</exception>
    public RpcServiceBuilder DuplexStreaming<TRequest, TResponse>(
        string method, DuplexStreamingHandler<TRequest, TResponse> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse>
    {
        ArgumentNullException.ThrowIfNull(handler);
        MethodDescriptor descriptor = Find(
            method, isClientStreaming: true, isServerStreaming: true, typeof(TRequest), typeof(TResponse));
        return Add(new DuplexStreamingMethod<TRequest, TResponse>(descriptor, handler));
    }

    internal List<RpcMethod> Build()
    {
        List<RpcMethod> methods = [];
        foreach (MethodDescriptor descriptor in _service.Methods)
        {
            methods.Add(_methods.GetValueOrDefault(descriptor.Name)
                ?? throw new InvalidOperationException($"The method {descriptor.FullName} has no handler."));
        }

        return methods;
    }

    private MethodDescriptor Find(
        string method, bool isClientStreaming, bool isServerStreaming, Type request, Type response)
    {
        MethodDescriptor descriptor = _service.FindMethodByName(method)
            ?? throw new InvalidOperationException($"The service {_service.FullName} declares no method {method}.");
        if (descriptor.IsClientStreaming != isClientStreaming || descriptor.IsServerStreaming != isServerStreaming)
        {
            throw new InvalidOperationException(
                $"The method {descriptor.FullName} is declared with other streams than its handler has.");
        }

        if (descriptor.InputType.ClrType != request || descriptor.OutputType.ClrType != response)
        {
            throw new InvalidOperationException(
                $"The method {descriptor.FullName} takes {descriptor.InputType.FullName} and returns "
                + $"{descriptor.OutputType.FullName}; its handler has {request.Name} and {response.Name}.");
        }

        return descriptor;
    }

    private RpcServiceBuilder Add(RpcMethod method)
    {
        if (!_methods.TryAdd(method.Name, method))
            throw new InvalidOperationException($"The method {method.Descriptor.FullName} has two handlers.");
        return this;
    }
}
