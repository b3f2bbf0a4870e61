using Microsoft.Extensions.Hosting;

namespace AgentBudget.Silo.Hosting;

/// <summary>A step of the host's start: the tenants are there before the server listens.</summary>
internal sealed class StartOfTenants(Func<Task> startAsync) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => startAsync();

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>The host takes no signals: the process does, and a silo inside a test has none.</summary>
internal sealed class SignalsElsewhere : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
