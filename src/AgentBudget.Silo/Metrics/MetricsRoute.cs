using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Silo.Metrics;

/// <summary>
/// GET /metrics, for whoever runs the silo: its numbers are of all tenants together, so no tenant reads them.
/// </summary>
/// <param name="text">What is answered.</param>
internal sealed class MetricsRoute(PrometheusText text)
{
    /// <summary>The route.</summary>
    internal IReadOnlyList<HttpRoute> Table =>
        [new("GET", "/metrics", Roles.Operator | Roles.Metrics, IsOpen: false, (context, _) => AnswerAsync(context))];

    private Task AnswerAsync(HttpContext context)
    {
        context.Response.ContentType = PrometheusText.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.WriteAsync(text.Write());
    }
}
