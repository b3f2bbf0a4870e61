using System.Security.Claims;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Access;

/// <summary>A caller as ASP.NET Core carries it through a request.</summary>
internal sealed class CallerPrincipal : ClaimsPrincipal
{
    internal CallerPrincipal(Caller caller)
        : base(Authenticated) => Caller = caller;

    // What a caller may do is said by its role here, and not by claims.
    private static readonly ClaimsIdentity Authenticated = new("AgentBudget");

    internal Caller Caller { get; }

    /// <summary>Who calls; null for nobody that was authenticated.</summary>
    internal static Caller? CallerOf(HttpContext http) => (http.User as CallerPrincipal)?.Caller;
}
