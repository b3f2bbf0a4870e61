using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Abstractions.Peers;

/// <summary>The other silos of the cluster, as far as what one changes has to count on all of them at once.</summary>
public interface ISiloPeers
{
    /// <summary>
    /// Completes when every other silo that serves knows a tenant's credentials as they are after an event. Throws
    /// <see cref="TenantException"/> when one neither says so nor is found dead.
    /// </summary>
    Task CredentialsAsync(string tenant, long sequence);

    /// <summary>
    /// Completes when every other silo that serves has looked which keys sign. Otherwise as
    /// <see cref="CredentialsAsync"/>.
    /// </summary>
    Task SigningKeysAsync();

    /// <summary>
    /// Tells every other silo that there is a tenant. Completes when they know; one that could not be told finds it in
    /// the store within a minute, so nothing is thrown.
    /// </summary>
    Task TenantAsync(string tenant);

    /// <summary>
    /// Every silo that the cluster knows of, this one among them. Throws <see cref="TenantException"/> when the
    /// cluster's list cannot be read.
    /// </summary>
    Task<IReadOnlyList<SiloMember>> ListAsync();
}

/// <summary>What another silo's change means on this one.</summary>
public interface ISiloListener
{
    /// <summary>Completes when a tenant's credentials are known as they are after an event, or are not known at all.
    /// </summary>
    Task CredentialsAsync(string tenant, long sequence);

    /// <summary>Looks which keys sign.</summary>
    Task SigningKeysAsync();
}
