using System.IO.Pipelines;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Server;

/// <summary>One request, a stream of responses.</summary>
internal sealed class ServerStreamingMethod<TRequest, TResponse>(
    MethodDescriptor descriptor, ServerStreamingHandler<TRequest, TResponse> handler) : RpcMethod(descriptor)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    /// <inheritdoc/>
    internal override async Task RunAsync(HttpCall call)
    {
        try
        {
            PipeReader reader = call.BodyReader;
            IMessage? message = null;
            do
            {
                if (!reader.TryRead(out ReadResult result))
                {
                    call.AwaitMessage();
                    result = await reader.ReadAsync(CancellationToken.None);
                }

                if (call.TryTakeMessage(result, ref message))
                    break;
            }
            while (true);
            if (call.IsDeadlinePassed)
                throw Faults.DeadlinePassed();
            call.BeginStream();
            await handler((TRequest)message, new ResponseStream<TResponse>(call), call);
            call.EndStream(last: null);
        }
        catch (Exception failure)
        {
            call.Fail(failure);
        }
    }
}
