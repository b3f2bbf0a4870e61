using AgentBudget.Simulation.Core;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Simulation.Store;

/// <summary>Rules of a store that a mutant may break.</summary>
internal sealed record DatabaseRules
{
    /// <summary>Acquiring raises the epoch, whoever had it.</summary>
    public bool RaisesEpoch { get; init; } = true;

    /// <summary>An owner that acquires again gets a new epoch as well.</summary>
    public bool RaisesEpochOnRenewal { get; init; } = true;

    /// <summary>An append is compared with the epoch.</summary>
    public bool HasFence { get; init; } = true;
}

/// <summary>
/// What is durable, for all silos of a run: journals, epochs, leases, snapshots. Its steps are instantaneous; how long
/// they take and how they fail is <see cref="SimStore"/>.
/// </summary>
internal sealed class SimDatabase(SimScheduler scheduler, DatabaseRules rules, long leaseTicks)
{
    private readonly SortedDictionary<string, Rows> _tenants = new(StringComparer.Ordinal);

    /// <summary>A group became durable; told before anyone else can know.</summary>
    public required Action<string, StoredGroup, int> OnLanded { get; init; }

    /// <summary>An epoch was given to an owner, or to nobody (0).</summary>
    public required Action<string, long, int> OnAcquired { get; init; }

    public bool HasSpace { get; set; } = true;

    public IReadOnlyList<StoredTenant> ListTenants()
    {
        var tenants = new List<StoredTenant>();
        foreach ((string name, Rows rows) in _tenants)
        {
            if (rows.Groups.Count == 0) continue;
            StoredSnapshot? newest = ReadSnapshot(name, long.MaxValue);
            tenants.Add(new StoredTenant(
                name, rows.Head.LastEvent, newest?.Head.LastEvent ?? 0, newest?.NextDeadlineNanos ?? long.MaxValue));
        }

        return tenants;
    }

    /// <summary>The new epoch; 0 while another's lease runs.</summary>
    public long Acquire(string tenant, int owner)
    {
        Rows rows = RowsOf(tenant);
        if (rows.Owner != owner && rows.LeaseUntil > scheduler.NowTicks) return 0;
        bool raises = rows.Owner == owner ? rules.RaisesEpochOnRenewal : rules.RaisesEpoch;
        if (raises || rows.Epoch == 0) rows.Epoch++;
        rows.Owner = owner;
        rows.LeaseUntil = scheduler.NowTicks + leaseTicks;
        OnAcquired(tenant, rows.Epoch, owner);
        return rows.Epoch;
    }

    /// <summary>Takes the tenant from whoever has it, whatever the lease, and does nothing with it.</summary>
    public void TakeAway(string tenant)
    {
        Rows rows = RowsOf(tenant);
        rows.Epoch++;
        rows.Owner = 0;
        rows.LeaseUntil = 0;
        OnAcquired(tenant, rows.Epoch, 0);
    }

    /// <summary>Who acquired the tenant last; 0 for nobody.</summary>
    public int OwnerOf(string tenant) => RowsOf(tenant).Owner;

    /// <summary>The epoch that appends have to carry now.</summary>
    public long EpochOf(string tenant) => RowsOf(tenant).Epoch;

    public JournalHead Head(string tenant) => RowsOf(tenant).Head;

    public AppendOutcome Append(string tenant, StoredGroup group, int owner)
    {
        if (!HasSpace) return AppendOutcome.NoSpace;
        Rows rows = RowsOf(tenant);
        if (rules.HasFence && group.Epoch != rows.Epoch) return AppendOutcome.FenceLost;
        JournalHead head = rows.Head;
        bool follows = group.Sequence == head.Sequence + 1
            && group.PreviousHash == head.Hash
            && group.FirstEvent == head.LastEvent + 1;
        if (!follows) return AppendOutcome.FenceLost;
        rows.Groups.Add(group);
        OnLanded(tenant, group, owner);
        return AppendOutcome.Appended;
    }

    public IReadOnlyList<StoredGroup> ReadGroups(string tenant, long fromEvent, int bytesMax)
    {
        List<StoredGroup> groups = RowsOf(tenant).Groups;
        int low = 0;
        int high = groups.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (groups[middle].LastEvent >= fromEvent) high = middle;
            else low = middle + 1;
        }

        var page = new List<StoredGroup>();
        long bytes = 0;
        for (int i = low; i < groups.Count; i++)
        {
            bytes += groups[i].Body.Length;
            if (page.Count > 0 && bytes > bytesMax) break;
            page.Add(groups[i]);
        }

        return page;
    }

    public bool SaveSnapshot(string tenant, long epoch, StoredSnapshot snapshot, bool isTorn)
    {
        Rows rows = RowsOf(tenant);
        if (rules.HasFence && epoch != rows.Epoch) return false;
        rows.Snapshots[snapshot.Head.LastEvent] = isTorn ? null : snapshot with { Body = snapshot.Body.ToArray() };
        return true;
    }

    public StoredSnapshot? ReadSnapshot(string tenant, long lastEventMax)
    {
        SortedList<long, StoredSnapshot?> snapshots = RowsOf(tenant).Snapshots;
        for (int i = snapshots.Count - 1; i >= 0; i--)
        {
            if (snapshots.GetKeyAtIndex(i) <= lastEventMax && snapshots.GetValueAtIndex(i) is { } whole) return whole;
        }

        return null;
    }

    public bool DropSnapshotsBefore(string tenant, long epoch, long lastEvent)
    {
        Rows rows = RowsOf(tenant);
        if (rules.HasFence && epoch != rows.Epoch) return false;
        while (rows.Snapshots.Count > 0 && rows.Snapshots.GetKeyAtIndex(0) < lastEvent) rows.Snapshots.RemoveAt(0);
        return true;
    }

    /// <summary>Drops groups whose events are all before this one. No store may; a mutant does.</summary>
    public void TruncateBefore(string tenant, long lastEvent) =>
        RowsOf(tenant).Groups.RemoveAll(group => group.LastEvent < lastEvent);

    private Rows RowsOf(string tenant)
    {
        if (!_tenants.TryGetValue(tenant, out Rows? rows)) _tenants.Add(tenant, rows = new Rows());
        return rows;
    }

    private sealed class Rows
    {
        public long Epoch { get; set; }

        public int Owner { get; set; }

        public long LeaseUntil { get; set; }

        public List<StoredGroup> Groups { get; } = [];

        public SortedList<long, StoredSnapshot?> Snapshots { get; } = [];

        public JournalHead Head => Groups.Count == 0
            ? JournalHead.Empty
            : new JournalHead(Groups[^1].Sequence, Groups[^1].Epoch, Groups[^1].LastEvent, Groups[^1].Hash);
    }
}
