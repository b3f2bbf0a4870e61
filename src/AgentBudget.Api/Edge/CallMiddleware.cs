using System.IO.Pipelines;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Api.Edge;

/// <summary>
/// What surrounds every call of a method, over each protocol: a server that stops refuses it, a deadline that cannot be
/// read refuses it, its message has limited time to arrive, errors of the library get our reasons, and it is counted.
/// </summary>
internal sealed class CallMiddleware(RequestDelegate next, OpenStreams streams, ArrivalWatch arrivals)
{
    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<CallCounts>() is { } counts ? RunAsync(http, counts) : next(http);

    private async Task RunAsync(HttpContext http, CallCounts counts)
    {
        if (RefusalOf(http) is { } refusal)
        {
            await CallEnd.RefuseAsync(http, refusal);
            counts.Add(refusal.StatusCode);
            return;
        }

        bool isGrpc = CallEnd.IsGrpc(http.Request);
        PipeReader? awaited = isGrpc && counts.IsUnary ? TryAwait(http) : null;
        try
        {
            await next(http);
        }
        finally
        {
            if (awaited is not null)
                arrivals.Remove(awaited);
            if (isGrpc)
                CallEnd.Explain(http);
            // Before the answer leaves, so that whoever has heard it finds it counted.
            if (CallEnd.Of(http) is StatusCode code)
                counts.Add(code);
        }
    }

    private RpcException? RefusalOf(HttpContext http)
    {
        if (streams.IsDraining)
            return EdgeErrors.Make(EdgeFault.Draining);
        StringValues timeout = http.Request.Headers.GrpcTimeout;
        if (timeout.Count == 0)
            return null;
        if (!IsTimeout(timeout.ToString()))
            return EdgeErrors.HeaderMalformed("grpc-timeout");
        // A deadline that passes sends its answer by itself.
        http.Response.OnStarting(static state =>
        {
            CallEnd.Explain((HttpContext)state);
            return Task.CompletedTask;
        }, http);
        return null;
    }

    // Up to eight digits and a unit, as gRPC over HTTP/2 has it; the library takes what is not that for no deadline.
    private static bool IsTimeout(string text) =>
        text.Length is >= 2 and <= 9
        && "HMSmun".Contains(text[^1], StringComparison.Ordinal)
        && !text.AsSpan(..^1).ContainsAnyExceptInRange('0', '9');

    // The body of a request whose message is not whole at the first look.
    private PipeReader? TryAwait(HttpContext http)
    {
        PipeReader body = http.Request.BodyReader;
        if (body.TryRead(out ReadResult result))
        {
            bool isWhole = result.IsCompleted;
            body.AdvanceTo(result.Buffer.Start);
            if (isWhole)
                return null;
        }

        arrivals.Add(body);
        return body;
    }
}
