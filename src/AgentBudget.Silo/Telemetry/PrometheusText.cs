using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;

namespace AgentBudget.Silo.Telemetry;

/// <summary>Metrics as Prometheus' text.</summary>
internal static class PrometheusText
{
    /// <summary>Sets what an exporter answers.</summary>
    internal static void Configure(PrometheusAspNetCoreOptions prometheus)
    {
        // Whoever asks gets what is true now, under the documented names and labels and no others.
        prometheus.ScrapeResponseCacheDurationMilliseconds = 0;
        prometheus.ScopeInfoEnabled = false;
        prometheus.TargetInfoEnabled = false;
    }

    /// <summary>
    /// Answers the metrics. They are of everybody together, so whoever gives this a route lets the operator and the key
    /// of metrics ask alone.
    /// </summary>
    /// <param name="app">The host that answers.</param>
    /// <param name="meters">Where they come from; null for the host's own.</param>
    internal static RequestDelegate MetricsAnswer(this IEndpointRouteBuilder app, MeterProvider? meters = null)
    {
        IApplicationBuilder branch = app.CreateApplicationBuilder();
        branch.UseOpenTelemetryPrometheusScrapingEndpoint(
            meters, static _ => true, path: null, configureBranchedPipeline: null, optionsName: null);
        RequestDelegate answer = branch.Build();
        return http =>
        {
            http.Response.Headers.CacheControl = "no-store";
            return answer(http);
        };
    }
}
