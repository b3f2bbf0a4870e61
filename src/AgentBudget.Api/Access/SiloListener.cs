using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Identity;

namespace AgentBudget.Api.Access;

/// <summary>What other silos changed, brought to whoever authenticates on this one.</summary>
/// <param name="credentials">The credentials that are known here.</param>
/// <param name="keys">The cluster's signing keys; null where a silo has its own.</param>
public sealed class SiloListener(CredentialFeed credentials, SharedKeyRing? keys = null) : ISiloListener
{
    /// <inheritdoc/>
    public Task CredentialsAsync(string tenant, long sequence) => credentials.CatchUpAsync(tenant, sequence);

    /// <inheritdoc/>
    public Task SigningKeysAsync() => keys?.RefreshAsync() ?? Task.CompletedTask;
}
