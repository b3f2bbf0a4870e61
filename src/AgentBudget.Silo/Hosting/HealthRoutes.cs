using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Silo.Hosting;

/// <summary>What orchestrators of processes ask over plain HTTP.</summary>
/// <param name="isReady">Whether calls are served.</param>
internal sealed class HealthRoutes(Func<bool> isReady)
{
    /// <summary>/healthz: the process lives. /readyz: calls are served.</summary>
    internal IReadOnlyList<HttpRoute> Table =>
    [
        new("GET", "/healthz", Roles.None, IsOpen: true,
            (context, _) => HttpRoutes.AnswerTextAsync(context, StatusCodes.Status200OK, "ok\n")),
        new("GET", "/readyz", Roles.None, IsOpen: true, (context, _) => isReady()
            ? HttpRoutes.AnswerTextAsync(context, StatusCodes.Status200OK, "ready\n")
            : HttpRoutes.AnswerTextAsync(context, StatusCodes.Status503ServiceUnavailable, "not ready\n")),
    ];
}
