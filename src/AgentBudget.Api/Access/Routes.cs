using AgentBudget.Api.Edge;
using AgentBudget.Api.Errors;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Api.Access;

/// <summary>The ordinary routes of a silo, beside its calls: each is held to its line of policy.</summary>
public static class Routes
{
    /// <summary>Adds a route.</summary>
    /// <param name="app">Where.</param>
    /// <param name="verb">GET or POST; GET answers HEAD too.</param>
    /// <param name="path">The whole path.</param>
    /// <param name="answer">
    /// Answers. What it throws as <see cref="RpcException"/> its caller is told, with the status of HTTP that is of it.
    /// </param>
    public static void MapRoute(this IEndpointRouteBuilder app, string verb, string path, RequestDelegate answer)
    {
        string[] verbs = verb == HttpMethods.Get ? [HttpMethods.Get, HttpMethods.Head] : [verb];
        app.MapMethods(path, verbs, http => AnswerAsync(http, answer)).Add(AccessPolicy.Hold);
    }

    /// <summary>Holds a route that a library serves to its line of policy.</summary>
    public static void Hold(EndpointBuilder endpoint) => AccessPolicy.Hold(endpoint);

    /// <summary>Answers a line of text that nobody keeps.</summary>
    public static Task AnswerTextAsync(HttpContext context, int status, string text)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(text);
        context.Response.StatusCode = status;
        context.Response.ContentType = "text/plain";
        context.Response.ContentLength = text.Length;
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync(text);
    }

    private static async Task AnswerAsync(HttpContext http, RequestDelegate answer)
    {
        try
        {
            await answer(http);
        }
        catch (RpcException refusal) when (!http.Response.HasStarted)
        {
            await CallEnd.RefuseAsync(http, refusal.GetRpcStatus()!);
        }
        catch (Exception failure) when (!http.Response.HasStarted && !http.RequestAborted.IsCancellationRequested)
        {
            string what = $"{http.Request.Method} {http.GetEndpoint()?.DisplayName}";
            http.RequestServices.GetRequiredService<DefectLog>().Write(http, what, failure);
            await CallEnd.RefuseAsync(http, ApiErrors.Defect().GetRpcStatus()!);
        }
    }
}
