using AgentBudget.Client;
using AgentBudget.Identity;
using AgentBudget.Silo.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AgentBudget.Gateway.Server;

/// <summary>
/// What a gateway tells about itself: metrics as Prometheus' text to whoever shows the key for them, and metrics and
/// traces to a collector where one is named.
/// </summary>
internal sealed class ServerTelemetry : IDisposable
{
    private const string Instruments = "AgentBudget.Gateway";
    private const string CollectorVariable = "OTEL_EXPORTER_OTLP_ENDPOINT"; // OpenTelemetry's own name for it.
    private const string Bearer = "Bearer ";

    private readonly FileKey? _key;
    private readonly MeterProvider? _meters;
    private readonly TracerProvider? _traces;

    /// <param name="key">The key that reads metrics; null where they are not served.</param>
    public ServerTelemetry(FileKey? key)
    {
        _key = key;
        bool hasCollector = Environment.GetEnvironmentVariable(CollectorVariable) is { Length: > 0 };
        if (hasCollector)
        {
            _traces = Sdk.CreateTracerProviderBuilder()
                .ConfigureResource(Name)
                .AddSource(Instruments)
                .AddOtlpExporter()
                .Build();
        }

        if (!hasCollector && key is null) return;
        MeterProviderBuilder meters = Sdk.CreateMeterProviderBuilder()
            .ConfigureResource(Name)
            .AddMeter(Instruments, AgentBudgetTelemetry.MeterName, "Microsoft.AspNetCore.Server.Kestrel");
        if (hasCollector) meters.AddOtlpExporter();
        if (key is not null) meters.AddPrometheusExporter(PrometheusText.Configure);
        _meters = meters.Build();
    }

    /// <summary>Serves the metrics where there is a key for them.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        if (_key is null) return;
        RequestDelegate answer = routes.MetricsAnswer(_meters);
        routes.MapMethods("/metrics", ["GET", "HEAD"], http => Knows(http.Request) ? answer(http) : RefuseAsync(http));
    }

    public void Dispose()
    {
        _traces?.Dispose();
        _meters?.Dispose();
    }

    private static void Name(ResourceBuilder resource) => resource.AddService("agentbudget-gateway");

    private static Task RefuseAsync(HttpContext http)
    {
        http.Response.StatusCode = StatusCodes.Status401Unauthorized;
        http.Response.Headers.WWWAuthenticate = "Bearer";
        return http.Response.WriteAsync("Send the key of metrics: authorization: Bearer abm_...\n");
    }

    private bool Knows(HttpRequest request)
    {
        string given = request.Headers.Authorization.ToString();
        return given.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            && _key!.Matches(given.AsSpan(Bearer.Length));
    }
}
