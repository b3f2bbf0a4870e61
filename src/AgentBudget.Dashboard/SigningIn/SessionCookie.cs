using System.Security.Claims;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>
/// Tells who looks by the cookie, before anything of a page is made. Whoever is not signed in gets what signing in
/// takes and nothing else.
/// </summary>
internal sealed class SessionCookie(RequestDelegate next, SessionStore sessions)
{
    internal const string Name = "agentbudget-dashboard";
    internal const string IdClaim = "signed-in";

    private static readonly PathString[] Open = ["/sign-in", "/sign-out", "/assets", "/alive"];

    public Task InvokeAsync(HttpContext http)
    {
        if (http.Request.Cookies[Name] is { Length: > 0 } cookie && sessions.Find(cookie) is { } signedIn)
        {
            http.User = new ClaimsPrincipal(new ClaimsIdentity([new Claim(IdClaim, signedIn.Id)], "cookie"));
            return next(http);
        }

        return Open.Any(path => http.Request.Path.StartsWithSegments(path)) ? next(http) : Refuse(http);
    }

    // A page is asked for again once its reader has signed in.
    private static Task Refuse(HttpContext http)
    {
        if (HttpMethods.IsGet(http.Request.Method) && !http.WebSockets.IsWebSocketRequest)
        {
            string page = http.Request.PathBase + http.Request.Path + http.Request.QueryString;
            bool isFirst = http.Request.Path.Value is null or "" or "/";
            string to = isFirst ? "" : "?to=" + Uri.EscapeDataString(page);
            http.Response.Redirect($"{DashboardHost.Path}/sign-in{to}");
        }
        else
        {
            http.Response.StatusCode = StatusCodes.Status401Unauthorized;
        }

        return Task.CompletedTask;
    }

    internal static void Set(HttpContext http, string token) =>
        http.Response.Cookies.Append(Name, token, OptionsOf(http, SessionStore.Life));

    internal static void Clear(HttpContext http) => http.Response.Cookies.Delete(Name, OptionsOf(http, age: null));

    private static CookieOptions OptionsOf(HttpContext http, TimeSpan? age) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = http.Request.IsHttps,
        Path = DashboardHost.Path,
        MaxAge = age,
        IsEssential = true,
    };
}
