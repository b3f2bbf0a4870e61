using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Server;

/// <summary>A stream of requests, one response.</summary>
internal sealed class ClientStreamingMethod<TRequest, TResponse>(
    MethodDescriptor descriptor, ClientStreamingHandler<TRequest, TResponse> handler) : RpcMethod(descriptor)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    /// <inheritdoc/>
    internal override async Task RunAsync(HttpCall call)
    {
        RequestStream<TRequest> requests = new(call);
        try
        {
            call.BeginRequestStream();
            TResponse response = await handler(requests, call);
            requests.End();
            call.EndStream(response);
        }
        catch (Exception failure)
        {
            requests.End();
            call.Fail(failure);
        }
    }
}
