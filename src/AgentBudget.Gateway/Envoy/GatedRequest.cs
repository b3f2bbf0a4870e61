using AgentBudget.Gateway.Envoy.Authorizations;
using AgentBudget.Gateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Envoy;

/// <summary>A request as Envoy tells of it, in the form in which the gateway's own requests come.</summary>
internal static class GatedRequest
{
    private const string UseCaseStart = "/u/";

    public static HttpRequest Of(AttributeContext.Types.HttpRequest told)
    {
        HttpRequest http = new DefaultHttpContext().Request;
        http.Method = told.Method;
        foreach ((string name, string value) in told.Headers) http.Headers.Append(name, value);
        foreach (Core.HeaderValue header in told.HeaderMap?.Headers ?? [])
            http.Headers.Append(header.Key, header.Value.Length > 0 ? header.Value : header.RawValue.ToStringUtf8());
        int query = told.Path.IndexOf('?', StringComparison.Ordinal);
        string path = query < 0 ? told.Path : told.Path[..query];
        if (query >= 0) http.QueryString = new QueryString(told.Path[query..]);
        int rest = path.StartsWith(UseCaseStart, StringComparison.Ordinal)
            ? path.IndexOf('/', UseCaseStart.Length)
            : -1;
        if (rest > 0)
        {
            http.RouteValues[CallerContext.UseCaseRoute] = Uri.UnescapeDataString(path[UseCaseStart.Length..rest]);
            path = path[rest..];
        }

        // Servers pass over parameters of a path and what ends it, so a call is the same with and without them.
        int parameters = path.IndexOf(';', StringComparison.Ordinal);
        path = (parameters < 0 ? path : path[..parameters]).TrimEnd('/');
        http.Path = path.StartsWith('/') ? new PathString(Uri.UnescapeDataString(path)) : PathString.Empty;
        return http;
    }

    /// <summary>Gives it the body that is told, as it is packed. False where none is told, or not the whole.</summary>
    public static bool TryTakeBody(AttributeContext.Types.HttpRequest told, HttpRequest http)
    {
        byte[] body = told.RawBody.Length > 0
            ? told.RawBody.ToByteArray()
            : System.Text.Encoding.UTF8.GetBytes(told.Body);
        http.Body = new MemoryStream(body, writable: false);
        return body.Length > 0 && http.Headers["x-envoy-auth-partial-body"] != "true";
    }
}
