using AgentBudget.Api.Edge.Checks;
using Grpc.Core;

namespace AgentBudget.Api.Edge;

/// <summary>Answers one request with one response. Throws <see cref="RpcException"/> for what its caller is to see.
/// </summary>
internal delegate ValueTask<TResponse> UnaryHandler<in TRequest, TResponse>(TRequest request, ApiCall call);

/// <summary>
/// Runs handlers for Grpc.AspNetCore. What a handler throws that is no answer is a defect: it is logged, and its caller
/// sees INTERNAL without its text.
/// </summary>
internal sealed class Calls(OpenStreams streams, DefectLog defects)
{
    // Below one packet compression wins nothing, and the decisions that callers wait for are far below.
    private const int CompressBytesMin = 1024;

    private static readonly WriteOptions Uncompressed = new(WriteFlags.NoCompress);

    /// <summary>Answers a call of a method with one request and one response.</summary>
    internal async Task<TResponse> AnswerAsync<TRequest, TResponse>(
        UnaryHandler<TRequest, TResponse> handler, TRequest request, ServerCallContext context)
        where TResponse : Google.Protobuf.IMessage
    {
        try
        {
            TResponse response = await handler(request, new ApiCall(context));
            // Over gRPC the response has its type by now. JSON is not compressed, and its context takes no options.
            bool isGrpc = context.GetHttpContext().Response.ContentType is not null;
            if (isGrpc && response.CalculateSize() < CompressBytesMin)
                context.WriteOptions = Uncompressed;
            return response;
        }
        catch (RpcException refusal)
        {
            CallEnd.Note(context.GetHttpContext(), refusal.StatusCode);
            throw;
        }
        catch (Exception failure)
        {
            throw FailureOf(failure, context);
        }
    }

    /// <summary>Runs a stream to its end, which the server may bring about.</summary>
    internal async Task RunAsync(Func<ApiCall, Task> handler, ServerCallContext context)
    {
        using OpenStreams.OpenStream stream = streams.Open(context);
        try
        {
            await handler(new ApiCall(context.GetHttpContext(), context.Method, stream.Ending));
        }
        catch (RpcException refusal)
        {
            CallEnd.Note(context.GetHttpContext(), refusal.StatusCode);
            throw;
        }
        catch (Exception failure)
        {
            throw stream.Reason is { } ended ? Ended(ended, context) : FailureOf(failure, context);
        }

        if (stream.Reason is { } reason)
            throw Ended(reason, context);
    }

    private RpcException FailureOf(Exception failure, ServerCallContext context)
    {
        // The call is over, and whatever that broke says nothing.
        if (context.CancellationToken.IsCancellationRequested)
            return Ended(EdgeFaults.CallerGaveUp().ToRpcException(), context);
        defects.Write(context.GetHttpContext(), context.Method, failure);
        return Ended(EdgeFaults.Bug().ToRpcException(), context);
    }

    private static RpcException Ended(RpcException reason, ServerCallContext context)
    {
        CallEnd.Note(context.GetHttpContext(), reason.StatusCode);
        return reason;
    }
}
