using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AgentBudget.Api.Edge;

/// <summary>Whether calls are served, as health checks tell it. The host says when.</summary>
public sealed class Readiness : IHealthCheck
{
    private volatile bool _isReady;

    /// <summary>Not ready at first, and no more when the host stops.</summary>
    public bool IsReady
    {
        get => _isReady;
        set => _isReady = value;
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(
        HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy());
}
