using Microsoft.Extensions.Options;

namespace AgentBudget.Silo.Options;

/// <summary>Where metrics, traces and logs are sent: the keys under <c>telemetry</c>.</summary>
internal sealed class TelemetryOptions
{
    public const string Section = "telemetry";

    /// <summary>A collector that speaks OTLP over gRPC; nothing sends nothing, unless OpenTelemetry's own variable
    /// OTEL_EXPORTER_OTLP_ENDPOINT names one.</summary>
    [Url("telemetry:otlp", HasPath = true)]
    public string? Otlp { get; init; }
}

/// <summary>Checks what its annotations say.</summary>
[OptionsValidator]
internal sealed partial class TelemetryOptionsValidator : IValidateOptions<TelemetryOptions>;
