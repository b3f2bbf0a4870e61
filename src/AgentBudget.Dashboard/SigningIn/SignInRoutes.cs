using AgentBudget.Dashboard.Components;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>Signing in and out, and whether the server is there: plain requests, before any live page.</summary>
internal static class SignInRoutes
{
    private const int FieldCharsMax = 4096; // The longest access token.

    internal static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/sign-in", (string? to, string? why) => Page(to, SentenceOf(why)));
        routes.MapGet("/sign-in/{code}", UseLinkAsync);
        routes.MapPost("/sign-in", SignInAsync);
        routes.MapPost("/sign-out", SignOut);
        routes.MapGet("/alive", (HttpContext http) => http.Response.WriteAsync(Instance));
    }

    /// <summary>Other with every start: a page that finds another one loads itself again.</summary>
    internal static string Instance { get; } =
        Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(8));

    private static RazorComponentResult Page(string? to, string fault) => new(
        typeof(SignInPage), new Dictionary<string, object?> { ["To"] = Own(to), ["Fault"] = fault });

    private static async Task<IResult> SignInAsync(HttpContext http, SignInDesk desk)
    {
        if (!http.Request.HasFormContentType) return Results.StatusCode(StatusCodes.Status415UnsupportedMediaType);
        IFormCollection form = await http.Request.ReadFormAsync(http.RequestAborted);
        string credential = form["credential"].ToString();
        string tenant = form["tenant"].ToString();
        string? to = form["to"];
        if (credential.Length is 0 or > FieldCharsMax || tenant.Length > FieldCharsMax)
            return Page(to, "Paste a credential first.");
        (string? token, string fault) = await desk.TryAsync(credential, tenant, http.RequestAborted);
        if (token is null) return Page(to, fault);
        SessionCookie.Set(http, token);
        return Results.Redirect(Own(to));
    }

    private static IResult UseLinkAsync(
        HttpContext http, string code, SignInLinks links, SessionStore sessions, DashboardModel model)
    {
        if (!links.TryUse(code))
        {
            return Page(null, "This link was used or is too old: it works once, within 15 minutes of the start. Sign "
                + "in with the operator's key, whose file the silo names when it starts.");
        }

        (string credential, string? tenant) = model.LinkCredential();
        SessionCookie.Set(http, sessions.Add(credential, tenant));
        return Results.Redirect(DashboardHost.Path + "/");
    }

    private static IResult SignOut(HttpContext http, SessionStore sessions)
    {
        if (http.User.FindFirst(SessionCookie.IdClaim)?.Value is { } id) sessions.Remove(id);
        SessionCookie.Clear(http);
        return Results.Redirect($"{DashboardHost.Path}/sign-in?why=out");
    }

    // Back to a page of ours, and nowhere else.
    private static string Own(string? to) =>
        to is not null && to.StartsWith(DashboardHost.Path + "/", StringComparison.Ordinal)
            && !to.Any(letter => letter is '\\' || char.IsControl(letter))
            ? to
            : DashboardHost.Path + "/";

    private static string SentenceOf(string? why) => why switch
    {
        "out" => "You are signed out.",
        "over" => "You were signed out: the credential was revoked or has expired, or twelve hours have passed.",
        _ => "",
    };
}
