using AgentBudget.Api.Access;
using AgentBudget.Api.Edge;
using AgentBudget.Identity;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Api;

/// <summary>What a handler may know of the call that it answers, beside the request message.</summary>
/// <param name="http">The request, over gRPC, gRPC-Web or JSON.</param>
/// <param name="method">The method that is called, as <c>/package.Service/Method</c>.</param>
/// <param name="cancellation">
/// Fires when the deadline passes, the caller leaves, or a stream is to end for another reason.
/// </param>
internal sealed class ApiCall(HttpContext http, string method, CancellationToken cancellation)
{
    internal ApiCall(ServerCallContext context)
        : this(context.GetHttpContext(), context.Method, context.CancellationToken)
    {
    }

    /// <summary>The method that is called, as <c>/package.Service/Method</c>; it names the line of policy.</summary>
    internal string Method => method;

    /// <summary>Where the call comes from.</summary>
    internal CallOrigin Origin => ConnectionMemory.OriginOf(http.Features);

    /// <summary>The <c>authorization</c> header as it came, or null. A secret: never log it.</summary>
    internal string? Authorization => GetMetadata("authorization");

    internal CancellationToken Cancellation => cancellation;

    /// <summary>Logs what nobody expected of the call.</summary>
    internal void Log(DefectLog defects, string what, Exception failure) => defects.Write(http, what, failure);

    /// <summary>Who calls. The policy has seen to it that there is somebody.</summary>
    internal Caller? Caller => CallerPrincipal.CallerOf(http);

    /// <summary>The value of a request header, several joined by commas; null when absent.</summary>
    internal string? GetMetadata(string name) =>
        http.Request.Headers.TryGetValue(name, out StringValues values) && values.Count > 0 ? values.ToString() : null;

    /// <summary>
    /// Sends the headers of a stream's response now, so that its caller knows that it is open before there is a
    /// message. JSON has no message to tell that with, and starts with the first one.
    /// </summary>
    internal async Task StartResponseAsync()
    {
        if (http.Response.ContentType is not null)
            await http.Response.BodyWriter.FlushAsync(cancellation);
    }
}
