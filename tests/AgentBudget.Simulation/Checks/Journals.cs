using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Simulation.Checks;

/// <summary>
/// Sees every group as it becomes durable, before anyone else can: the truth that all else is held against.
/// </summary>
internal sealed class Journals(SimWorld world)
{
    private readonly SortedDictionary<string, TenantJournal> _tenants = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Tenant, long Epoch), int> _owners = [];

    public IReadOnlyCollection<TenantJournal> All => _tenants.Values;

    public TenantJournal Of(string tenant)
    {
        if (!_tenants.TryGetValue(tenant, out TenantJournal? journal))
            _tenants.Add(tenant, journal = new TenantJournal(world, tenant));
        return journal;
    }

    /// <summary>An epoch was given to a process, or taken from all (0): once, and to nobody else.</summary>
    public void Acquired(string tenant, long epoch, int process)
    {
        if (!_owners.TryAdd((tenant, epoch), process))
            world.Fail("epoch", $"epoch {epoch} of {tenant} was given out again");
    }

    /// <summary>A group is durable.</summary>
    public void Landed(string tenant, StoredGroup group, int process)
    {
        world.Trace(Traced.Landed, group.Sequence, BitConverter.ToInt64(HashBytes(group.Hash)));
        bool isOwners = _owners.TryGetValue((tenant, group.Epoch), out int owner) && owner == process;
        if (!isOwners)
            world.Fail("epoch", $"group {group.Sequence} of {tenant} was written under epoch {group.Epoch} by another");
        if (_owners.ContainsKey((tenant, group.Epoch + 1)))
            world.Fail("epoch", $"group {group.Sequence} of {tenant} landed under the former epoch {group.Epoch}");
        Of(tenant).Landed(group, process);
    }

    private static byte[] HashBytes(ChainHash hash)
    {
        byte[] bytes = new byte[ChainHash.Length];
        hash.CopyTo(bytes);
        return bytes;
    }

    /// <summary>The event with these bytes is durable; else a failure that says who showed it.</summary>
    public void MustBeDurable(string tenant, LedgerEvent shown, string by)
    {
        if (!Of(tenant).Contains(shown))
            world.Fail("durable", $"{by} showed event {shown.Sequence} of {tenant}, which is not in its journal");
    }
}
