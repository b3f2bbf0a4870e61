using AgentBudget.Api.Edge.Checks;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Edge;

/// <summary>
/// What surrounds every call of a method, over each protocol: a server that stops refuses it, what ends it beside its
/// handler gets our reasons, and it is counted.
/// </summary>
internal sealed class CallMiddleware(RequestDelegate next, OpenStreams streams)
{
    public Task InvokeAsync(HttpContext http) =>
        http.GetEndpoint()?.Metadata.GetMetadata<CallCounts>() is { } counts ? RunAsync(http, counts) : next(http);

    private async Task RunAsync(HttpContext http, CallCounts counts)
    {
        bool isGrpc = CallEnd.IsGrpc(http.Request);
        try
        {
            if (streams.IsDraining)
            {
                await CallEnd.RefuseAsync(http, EdgeFaults.Draining());
                return;
            }

            // A deadline that passes sends its answer by itself.
            if (isGrpc && http.Request.Headers.GrpcTimeout.Count > 0)
                http.Response.OnStarting(Explain, http);
            await next(http);
        }
        finally
        {
            if (isGrpc)
                CallEnd.Explain(http);
            // Before the answer leaves, so that whoever has heard it finds it counted.
            if (CallEnd.Of(http) is StatusCode code)
                counts.Add(code);
        }
    }

    private static Task Explain(object http)
    {
        CallEnd.Explain((HttpContext)http);
        return Task.CompletedTask;
    }
}
