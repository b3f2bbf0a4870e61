using System.IO.Hashing;
using System.Text;
using AgentBudget.Grains.Abstractions.Entities;
using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace AgentBudget.Grains.Placement;

/// <summary>Places a grain by the tenant in its key: all grains of one tenant on one silo.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TenantPlacementAttribute() : PlacementAttribute(new TenantPlacement());

/// <summary>See <see cref="TenantPlacementAttribute"/>.</summary>
[GenerateSerializer, Immutable, Alias("agentbudget.TenantPlacement")]
internal sealed class TenantPlacement : PlacementStrategy;

/// <summary>
/// Chooses the silo with the highest hash of silo and tenant (rendezvous hashing): when a silo comes or goes, only
/// tenants that it wins or had move. It is a preference, not a promise: a grain that is active elsewhere stays there.
/// </summary>
internal sealed class TenantPlacementDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(
        PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        SiloAddress[] silos = context.GetCompatibleSilos(target);
        if (IPlacementDirector.GetPlacementHint(target.RequestContextData, silos) is { } hint)
            return Task.FromResult(hint);
        string key = target.GrainIdentity.Key.ToString()!;
        int end = key.IndexOf(EntityKey.Separator, StringComparison.Ordinal);
        return Task.FromResult(Choose(silos, end < 0 ? key : key[..end]));
    }

    internal static SiloAddress Choose(IReadOnlyList<SiloAddress> silos, string tenant)
    {
        byte[] name = Encoding.UTF8.GetBytes(tenant);
        SiloAddress best = silos[0];
        ulong most = 0;
        foreach (SiloAddress silo in silos)
        {
            ulong weight = XxHash3.HashToUInt64(name, silo.GetConsistentHashCode());
            if (weight < most || (weight == most && silo.CompareTo(best) > 0)) continue;
            (best, most) = (silo, weight);
        }

        return best;
    }
}
