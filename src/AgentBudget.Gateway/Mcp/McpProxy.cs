using System.Text.Json.Nodes;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Mcp;

/// <summary>
/// Stands before a server of tools (streamable HTTP). Every message passes as it came, but that the list of tools shows
/// what the session may call, and that a call of one is asked for, held and settled.
/// </summary>
internal sealed class McpProxy(GatewayServices services, McpServer server)
{
    public const string SessionHeader = "Mcp-Session-Id";

    public Task HandleAsync(HttpContext http) =>
        CallEdge.RunAsync(services, McpErrors.Instance, "mcp", http, CallAsync);

    private async Task CallAsync(HttpContext http, CallTrace trace)
    {
        trace.Upstream = server.Name;
        CheckOrigin(http.Request);
        using SessionUse spender = await McpChallenge.TakeAsync(services, http);
        string? session = SessionOf(http.Request, spender);
        if (!HttpMethods.IsPost(http.Request.Method))
        {
            await new McpExchange(services, server, spender, message: null, scope: null)
                .RunAsync(http, session, body: null);
            return;
        }

        using BodyReader.Held held = await services.Bodies.ReadAsync(
            http.Request, trace.Caller, http.RequestAborted);
        var message = McpMessage.Parse(held.Bytes, http.Request);
        if (message.Tool is null)
        {
            await new McpExchange(services, server, spender, message, scope: null)
                .RunAsync(http, session, held.Bytes);
            return;
        }

        BudgetScope? scope;
        try
        {
            scope = await services.Tools.TakeAsync(
                spender, $"{server.Name}.{message.Tool}", message.Arguments, http.RequestAborted);
        }
        catch (CallRefusedException refusal) when (McpErrors.IsForModel(refusal))
        {
            services.Telemetry.Refused("mcp", refusal.Reason.Length > 0 ? refusal.Reason : refusal.Kind.ToString());
            await GatewayRoutes.WriteAsync(http, McpErrors.Refused(message.Id?.DeepClone(), refusal));
            return;
        }
        catch (CallRefusedException refusal) when (refusal.Kind == RefusalKind.Forbidden)
        {
            http.Response.Headers.WWWAuthenticate = "Bearer error=\"insufficient_scope\"";
            throw;
        }

        await using (scope)
            await new McpExchange(services, server, spender, message, scope).RunAsync(http, session, held.Bytes);
    }

    private string? SessionOf(HttpRequest request, SessionUse spender)
    {
        if (!request.Headers.TryGetValue(SessionHeader, out var bound)) return null;
        return services.McpSessions.Unbind(bound.ToString(), server.Name, spender.Session)
            ?? throw new CallRefusedException(
                RefusalKind.NotFound, $"{SessionHeader} names no session of this caller's. Initialize anew.");
    }

    // A page that a browser was led to by its DNS has the host that it asks for as its origin, so that the two are the
    // same says nothing: tools on this machine may ask, and no page from elsewhere.
    public static void CheckOrigin(HttpRequest request)
    {
        string origin = request.Headers.Origin.ToString();
        if (origin.Length == 0) return;
        bool isHere = Uri.TryCreate(origin, UriKind.Absolute, out Uri? from) && from.IsLoopback;
        if (!isHere)
            throw new CallRefusedException(RefusalKind.Forbidden, $"The origin {origin} is not served here.");
    }
}

/// <summary>The session of a call, or the challenge that says how to get one (RFC 9728).</summary>
internal static class McpChallenge
{
    public static async Task<SessionUse> TakeAsync(GatewayServices services, HttpContext http)
    {
        try
        {
            return await services.Sessions.TakeLiveAsync(http.Request, http.RequestAborted);
        }
        catch (CallRefusedException refusal) when (refusal.Kind == RefusalKind.Unauthenticated)
        {
            Challenge(http);
            throw;
        }
        catch (AgentBudgetException fault) when (Denials.Of(fault).Kind == RefusalKind.Unauthenticated)
        {
            Challenge(http);
            throw;
        }
    }

    /// <summary>What a resource says of itself.</summary>
    public static Task DescribeAsync(HttpContext http)
    {
        const string prefix = "/.well-known/oauth-protected-resource";
        string path = http.Request.Path.Value![prefix.Length..];
        return GatewayRoutes.WriteAsync(http, new JsonObject
        {
            ["resource"] = $"{http.Request.Scheme}://{http.Request.Host}{(path.Length > 0 ? path : "/mcp")}",
            ["bearer_methods_supported"] = new JsonArray("header"),
            ["resource_name"] = "AgentBudget",
        });
    }

    private static void Challenge(HttpContext http)
    {
        HttpRequest request = http.Request;
        http.Response.Headers.WWWAuthenticate = "Bearer resource_metadata=\""
            + $"{request.Scheme}://{request.Host}/.well-known/oauth-protected-resource{request.Path}\"";
    }
}
