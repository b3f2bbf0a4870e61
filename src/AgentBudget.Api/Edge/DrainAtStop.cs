using Microsoft.Extensions.Hosting;

namespace AgentBudget.Api.Edge;

/// <summary>
/// The first step of a host's stop, before its server ends: new calls are refused and streams are told to end, since
/// they would hold the server for ever. Calls in flight are answered.
/// </summary>
internal sealed class DrainAtStop(OpenStreams streams) : IHostedLifecycleService
{
    public Task StoppingAsync(CancellationToken cancellationToken) =>
        streams.DrainAsync().WaitAsync(cancellationToken);

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
