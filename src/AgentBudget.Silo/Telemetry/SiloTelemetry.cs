using System.Diagnostics.Metrics;
using AgentBudget.Silo.Options;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AgentBudget.Silo.Telemetry;

/// <summary>
/// What a silo tells about itself: metrics as Prometheus' text, and metrics, traces and logs to a collector where one
/// is named.
/// </summary>
internal static class SiloTelemetry
{
    private const string OwnMeters = "AgentBudget.";

    /// <summary>
    /// Series of an instrument of the platform's. The library makes room for all of them at once, for 2,000 where
    /// nothing is said.
    /// </summary>
    private const int PlatformSeriesMax = 100;

    // OpenTelemetry's own name for the collector, which counts where the silo's key says nothing.
    private const string EndPointVariable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    // What orchestrators and scrapers ask every few seconds: as traces they would hide the calls.
    private static readonly string[] Untraced = ["/healthz", "/readyz", "/metrics"];

    /// <summary>Adds metrics, and the exporters that the model asks for.</summary>
    /// <param name="services">Those of the silo's host.</param>
    /// <param name="model">Says where the collector is.</param>
    /// <param name="own">
    /// The silo's own meters, asked for once when the host starts. Meters of the same names that another silo in the
    /// process has are left out.
    /// </param>
    internal static IServiceCollection AddSiloTelemetry(
        this IServiceCollection services, SiloModel model, Func<IServiceProvider, IReadOnlyCollection<Meter>> own)
    {
        OpenTelemetryBuilder telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("agentbudget"))
            .WithMetrics(metrics => metrics
                .AddMeter(OwnMeters + "*", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.Orleans")
                .AddPrometheusExporter(PrometheusText.Configure));
        services.ConfigureOpenTelemetryMeterProvider((provider, metrics) =>
        {
            IReadOnlyCollection<Meter> meters = own(provider);
            IMeterFactory factory = provider.GetRequiredService<IMeterFactory>();
            metrics.AddView(instrument =>
                IsAnothers(instrument.Meter, meters, factory) ? MetricStreamConfiguration.Drop
                : IsOwn(instrument.Meter) ? null
                : new MetricStreamConfiguration { CardinalityLimit = PlatformSeriesMax });
        });
        if (model.Otlp is not null || Environment.GetEnvironmentVariable(EndPointVariable) is { Length: > 0 })
            AddCollector(telemetry, model.Otlp);
        return services;
    }

    private static bool IsOwn(Meter meter) => meter.Name.StartsWith(OwnMeters, StringComparison.Ordinal);

    private static bool IsAnothers(Meter meter, IReadOnlyCollection<Meter> own, IMeterFactory factory) =>
        IsOwn(meter)
            ? !own.Contains(meter) && !ReferenceEquals(meter.Scope, factory)
            : meter.Scope is not null && !ReferenceEquals(meter.Scope, factory);

    private static void AddCollector(OpenTelemetryBuilder telemetry, Uri? collector)
    {
        // The exporters take logs too. Below warnings ASP.NET Core tells every request with its query.
        telemetry.Services.AddLogging(
            logs => logs.AddFilter<OpenTelemetryLoggerProvider>(category: null, LogLevel.Warning));
        telemetry.WithTracing(traces => traces
            .AddSource("Microsoft.Orleans.Application", "Microsoft.Orleans.Runtime", "AgentBudget.Gateway")
            .AddAspNetCoreInstrumentation(calls => calls.Filter =
                static http => !Untraced.Contains(http.Request.Path.Value, StringComparer.Ordinal)));
        if (collector is null) telemetry.UseOtlpExporter();
        else telemetry.UseOtlpExporter(OtlpExportProtocol.Grpc, collector);
    }
}
