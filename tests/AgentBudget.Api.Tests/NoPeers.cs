using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Tests;

/// <summary>A silo by itself: there is nobody to tell.</summary>
internal sealed class NoPeers : ISiloPeers
{
    public Task CredentialsAsync(string tenant, long sequence) => Task.CompletedTask;

    public Task SigningKeysAsync() => Task.CompletedTask;

    public Task TenantAsync(string tenant) => Task.CompletedTask;

    public Task<IReadOnlyList<SiloMember>> ListAsync() => Task.FromResult<IReadOnlyList<SiloMember>>([]);
}
