using Microsoft.Extensions.Hosting;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// A step of the host's start and of its end: the tenants are there before the server listens, and what works beside
/// the calls ends after the last call and before the grains do.
/// </summary>
internal sealed class StartOfTenants(Func<Task> startAsync, Func<Task> stopAsync) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => startAsync();

    public Task StopAsync(CancellationToken cancellationToken) => stopAsync();
}

/// <summary>The host takes no signals: the process does, and a silo inside a test has none.</summary>
internal sealed class SignalsElsewhere : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
