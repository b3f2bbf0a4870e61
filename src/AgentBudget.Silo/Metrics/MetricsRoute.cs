using AgentBudget.Api.Access;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Silo.Metrics;

/// <summary>
/// GET /metrics, for whoever runs the silo: its numbers are of all tenants together, so no tenant reads them.
/// </summary>
internal static class MetricsRoute
{
    internal static void Map(IEndpointRouteBuilder app, PrometheusText text) =>
        app.MapRoute("GET", "/metrics", http => AnswerAsync(http, text));

    private static Task AnswerAsync(HttpContext context, PrometheusText text)
    {
        context.Response.ContentType = PrometheusText.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.WriteAsync(text.Write());
    }
}
