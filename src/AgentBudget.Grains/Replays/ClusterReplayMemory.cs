using System.Security.Cryptography;
using System.Text;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Identity;

namespace AgentBudget.Grains.Replays;

/// <summary>
/// The memory that all silos of a cluster share, as one of them asks it. A call that got lost is not repeated: the id
/// may be used up by it.
/// </summary>
internal sealed class ClusterReplayMemory(IGrainFactory grains, ReplayKind kind) : IReplayMemory
{
    /// <inheritdoc/>
    public async ValueTask<ProofOutcome> TryUseAsync(
        ProofOwner owner, string id, long issuedSeconds, long nowSeconds)
    {
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(id));
        EntityKey key = new(owner.Tenant, kind.Name);
        try
        {
            return await grains.GetGrain<IReplayGrain>(key.ToString()).Use(owner.Principal, hash, issuedSeconds);
        }
        catch (Exception fault) when (fault is OrleansException or TimeoutException)
        {
            return ProofOutcome.Unknown;
        }
    }
}
