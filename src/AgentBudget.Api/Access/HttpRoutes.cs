using System.Text.Json;
using AgentBudget.Identity;
using AgentBudget.Rpc;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Access;

/// <summary>One ordinary route, with its line of policy.</summary>
/// <param name="Verb">GET or POST; GET answers HEAD too.</param>
/// <param name="Path">The whole path.</param>
/// <param name="Roles">Who may ask; none where <paramref name="IsOpen"/>.</param>
/// <param name="IsOpen">
/// Nobody is authenticated by the route itself: it tells nothing about a tenant, or authenticates its clients its own
/// way.
/// </param>
/// <param name="AnswerAsync">Answers; the caller is null where the route is open.</param>
public sealed record HttpRoute(
    string Verb, string Path, Roles Roles, bool IsOpen, Func<HttpContext, Caller?, Task> AnswerAsync);

/// <summary>The ordinary routes of a silo, beside its calls. What is not in the table is not there.</summary>
/// <param name="table">The routes.</param>
/// <param name="guard">Tells who asks.</param>
public sealed class HttpRoutes(IReadOnlyList<HttpRoute> table, AccessGuard guard)
{
    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        string verb = HttpMethods.IsHead(context.Request.Method) ? HttpMethods.Get : context.Request.Method;
        HttpRoute? route = null;
        foreach (HttpRoute candidate in table)
        {
            if (candidate.Path == context.Request.Path.Value && candidate.Verb == verb)
                route = candidate;
        }

        if (route is null)
        {
            await AnswerTextAsync(context, StatusCodes.Status404NotFound, "not found\n");
            return;
        }

        try
        {
            await route.AnswerAsync(context, route.IsOpen ? null : await AuthorizeAsync(route, context));
        }
        catch (RpcException refusal) when (!context.Response.HasStarted)
        {
            await RefuseAsync(context, refusal);
        }
    }

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

    private async ValueTask<Caller> AuthorizeAsync(HttpRoute route, HttpContext context)
    {
        Caller caller = await guard.AuthenticateAsync(context, route);
        return (route.Roles & caller.Role) != Roles.None ? caller : throw Errors.ApiErrors.RoleForbidden();
    }

    private static Task RefuseAsync(HttpContext context, RpcException refusal)
    {
        context.Response.StatusCode = refusal.StatusCode switch
        {
            RpcStatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
            RpcStatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
            RpcStatusCode.NotFound => StatusCodes.Status404NotFound,
            RpcStatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
            RpcStatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
            _ => StatusCodes.Status500InternalServerError,
        };
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(JsonSerializer.Serialize(
            new Dictionary<string, string> { ["message"] = refusal.Status.Message }));
    }
}
