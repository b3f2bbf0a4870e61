using System.Diagnostics.Metrics;
using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Silo.Metrics;

/// <summary>
/// GET /metrics, for whoever runs the silo: its numbers are of all tenants together, so no tenant reads them.
/// </summary>
internal sealed class MetricsRoute : IDisposable
{
    private PrometheusText? _text;

    /// <summary>The route.</summary>
    internal IReadOnlyList<HttpRoute> Table =>
        [new("GET", "/metrics", Roles.Operator | Roles.Metrics, IsOpen: false, (context, _) => AnswerAsync(context))];

    /// <summary>Begins to listen; before anybody can ask.</summary>
    internal void Listen(params IReadOnlyList<Meter> meters) => _text = new PrometheusText(meters);

    public void Dispose() => _text?.Dispose();

    private Task AnswerAsync(HttpContext context)
    {
        context.Response.ContentType = PrometheusText.ContentType;
        context.Response.Headers.CacheControl = "no-store";
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.WriteAsync(_text!.Write());
    }
}
