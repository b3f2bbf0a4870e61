using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Tenants;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Reporting;
using AgentBudget.Storage.InMemory;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>One silo of a cluster, as the callers of that silo see it.</summary>
internal sealed class ClusterSilo(InProcessSiloHandle handle, InMemoryStore store)
{
    private readonly ISiloStatusOracle _members = handle.ServiceProvider.GetRequiredService<ISiloStatusOracle>();
    private readonly IClusterManifestProvider _manifests =
        handle.ServiceProvider.GetRequiredService<IClusterManifestProvider>();

    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public InProcessSiloHandle Handle => handle;

    public SiloAddress Address { get; } = handle.SiloAddress;

    /// <summary>The store as this silo sees it, with faults of its own.</summary>
    public InMemoryStore Store => store;

    public SiloTenants Tenants { get; } = handle.ServiceProvider.GetRequiredService<SiloTenants>();

    /// <summary>What callers of the product use: entities by their grains, everything else as above.</summary>
    public ITenantHost Host { get; } = handle.ServiceProvider.GetRequiredService<ITenantHost>();

    /// <summary>The sums that this silo folds.</summary>
    public Aggregator Sums { get; } = handle.ServiceProvider.GetRequiredService<Aggregator>();

    public IGrainFactory Grains { get; } = handle.ServiceProvider.GetRequiredService<IGrainFactory>();

    /// <summary>What was used of one kind, as this silo asks.</summary>
    public IReplayMemory Replays(ReplayKind kind) =>
        handle.ServiceProvider.GetRequiredKeyedService<IReplayMemory>(kind.Name);

    /// <summary>Silos that run, and what they can host, as far as this one knows.</summary>
    public int KnownSilos => Math.Min(
        _members.GetApproximateSiloStatuses(onlyActive: true).Count, _manifests.Current.Silos.Count);

    /// <summary>Completes when its process is dead: whoever called it there hears nothing more.</summary>
    public Task Gone => _gone.Task;

    public void Die() => _gone.TrySetResult();

    public Task<Answer> SendAsync(Command command, string tenant = Acme.Tenant) =>
        Waiting.WithinAsync(Tenants.SubmitAsync(tenant, command).AsTask(), $"an answer to {command.GetType().Name}");

    public async Task<TenantFault> FaultOfAsync(Command command, string tenant = Acme.Tenant) =>
        (await Assert.ThrowsAsync<TenantException>(() => SendAsync(command, tenant))).Fault;
}
