using AgentBudget.Api.Access;
using AgentBudget.Api.Edge;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Silo.Hosting;

/// <summary>What orchestrators of processes ask over plain HTTP.</summary>
internal static class HealthRoutes
{
    /// <summary>/healthz: the process lives. /readyz: calls are served.</summary>
    internal static void Map(IEndpointRouteBuilder app, Readiness readiness)
    {
        app.MapRoute("GET", "/healthz", http => Routes.AnswerTextAsync(http, StatusCodes.Status200OK, "ok\n"));
        app.MapRoute("GET", "/readyz", http => readiness.IsReady
            ? Routes.AnswerTextAsync(http, StatusCodes.Status200OK, "ready\n")
            : Routes.AnswerTextAsync(http, StatusCodes.Status503ServiceUnavailable, "not ready\n"));
    }
}
