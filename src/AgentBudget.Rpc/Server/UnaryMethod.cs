using System.IO.Pipelines;
using AgentBudget.Rpc.Wire;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace AgentBudget.Rpc.Server;

/// <summary>One request, one response.</summary>
/// <remarks>
/// Mostly the message is there at the first look and the response is not: such a call waits in a state machine that
/// holds no more than it needs then.
/// </remarks>
internal sealed class UnaryMethod<TRequest, TResponse>(
    MethodDescriptor descriptor, UnaryHandler<TRequest, TResponse> handler) : RpcMethod(descriptor)
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>
{
    /// <inheritdoc/>
    internal override Task RunAsync(HttpCall call)
    {
        try
        {
            IMessage? message = null;
            if (!call.BodyReader.TryRead(out ReadResult result) || !call.TryTakeMessage(result, ref message))
                return RunSlowlyAsync(call, message);
            ValueTask<TResponse> response = Handle(call, message);
            if (!response.IsCompleted)
                return RespondAsync(call, response);
            Respond(call, response.Result);
        }
        catch (Exception failure)
        {
            call.Fail(failure);
        }

        return Task.CompletedTask;
    }

    private static async Task RespondAsync(HttpCall call, ValueTask<TResponse> response)
    {
        try
        {
            Respond(call, await response);
        }
        catch (Exception failure)
        {
            call.Fail(failure);
        }
    }

    private async Task RunSlowlyAsync(HttpCall call, IMessage? message)
    {
        try
        {
            PipeReader reader = call.BodyReader;
            ReadResult result;
            do
            {
                if (!reader.TryRead(out result))
                {
                    call.AwaitMessage();
                    result = await reader.ReadAsync(CancellationToken.None);
                }
            }
            while (!call.TryTakeMessage(result, ref message));
            Respond(call, await Handle(call, message));
        }
        catch (Exception failure)
        {
            call.Fail(failure);
        }
    }

    private ValueTask<TResponse> Handle(HttpCall call, IMessage message)
    {
        call.Unwatch();
        if (call.IsDeadlinePassed)
            throw Faults.DeadlinePassed();
        return handler((TRequest)message, call);
    }

    private static void Respond(HttpCall call, TResponse response)
    {
        if (call.IsDeadlinePassed)
            throw Faults.DeadlinePassed();
        call.Respond(response);
    }
}
