using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Server;

/// <summary>A stream of requests, a stream of responses.</summary>
internal sealed class DuplexStreamingMethod<TRequest, TResponse>(
    MethodDescriptor descriptor, DuplexStreamingHandler<TRequest, TResponse> handler) : RpcMethod(descriptor)
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
            await handler(requests, new ResponseStream<TResponse>(call), call);
            requests.End();
            call.EndStream(last: null);
        }
        catch (Exception failure)
        {
            requests.End();
            call.Fail(failure);
        }
    }
}
