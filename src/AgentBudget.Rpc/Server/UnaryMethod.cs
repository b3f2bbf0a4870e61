using System.IO.Pipelines;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Server;

/// <summary>One request, one response. The whole call is one state machine, so waiting costs one allocation.</summary>
internal sealed class UnaryMethod<TRequest, TResponse>(
    MethodDescriptor descriptor, UnaryHandler<TRequest, TResponse> handler) : RpcMethod(descriptor)
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
            call.Unwatch();
            if (call.IsDeadlinePassed)
                throw Faults.DeadlinePassed();
            TResponse response = await handler((TRequest)message, call);
            if (call.IsDeadlinePassed)
                throw Faults.DeadlinePassed();
            call.Respond(response);
        }
        catch (Exception failure)
        {
            call.Fail(failure);
        }
    }
}
