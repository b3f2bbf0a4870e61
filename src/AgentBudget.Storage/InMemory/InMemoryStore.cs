using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Storage.InMemory;

/// <summary>
/// A store that keeps everything in memory, with the same contract as the durable ones and with faults on demand. For
/// tests, the simulator and trials: it forgets with its process.
/// </summary>
public sealed class InMemoryStore : ILedgerStore
{
    private static readonly TenantRows None = new();

    private readonly Dictionary<string, TenantRows> _tenants;
    private readonly int _owner;

    /// <summary>An empty store.</summary>
    public InMemoryStore() : this([], owner: 1)
    {
    }

    private InMemoryStore(Dictionary<string, TenantRows> tenants, int owner)
    {
        _tenants = tenants;
        _owner = owner;
    }

    /// <summary>What is to go wrong.</summary>
    public InMemoryFaults Faults { get; } = new();

    /// <summary>Tenants that left anything here, be it an epoch only.</summary>
    public int Rows
    {
        get
        {
            lock (_tenants) return _tenants.Count;
        }
    }

    /// <summary>The same data seen by another owner, with faults of its own.</summary>
    public InMemoryStore AsAnotherOwner() => new(_tenants, _owner + 1);

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(ListTenantsAsync), cancellationToken);
        var tenants = new List<StoredTenant>();
        lock (_tenants)
        {
            foreach ((string name, TenantRows rows) in _tenants)
            {
                if (rows.Groups.Count == 0) continue;
                StoredSnapshot? newest = rows.Snapshots.Count == 0 ? null : rows.Snapshots.GetValueAtIndex(
                    rows.Snapshots.Count - 1);
                tenants.Add(new StoredTenant(
                    name,
                    rows.Head.LastEvent,
                    newest?.Head.LastEvent ?? 0,
                    newest?.NextDeadlineNanos ?? long.MaxValue));
            }
        }

        tenants.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        return ValueTask.FromResult<IReadOnlyList<StoredTenant>>(tenants);
    }

    /// <inheritdoc/>
    public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(AcquireAsync), cancellationToken);
        lock (_tenants) return ValueTask.FromResult(RowsOf(tenant).Acquire(_owner));
    }

    /// <inheritdoc/>
    public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(ReadHeadAsync), cancellationToken);
        lock (_tenants) return ValueTask.FromResult(RowsThere(tenant).Head);
    }

    /// <inheritdoc/>
    public void BeginAppend(JournalGroup group, IAppendCompletion completion) =>
        Faults.RunOrHold(() => completion.AppendCompleted(Append(group)));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(ReadGroupsAsync), cancellationToken);
        var page = new List<StoredGroup>();
        lock (_tenants)
        {
            long bytes = 0;
            List<StoredGroup> groups = RowsThere(tenant).Groups;
            for (int i = IndexOf(groups, fromEvent); i < groups.Count; i++)
            {
                StoredGroup group = groups[i];
                bytes += group.Body.Length;
                if (page.Count > 0 && bytes > bytesMax) break;
                page.Add(group);
            }
        }

        return ValueTask.FromResult<IReadOnlyList<StoredGroup>>(page);
    }

    /// <inheritdoc/>
    public ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(SaveSnapshotAsync), cancellationToken);
        if (!Faults.HasSpace) throw new StoreException("the store has no space for a snapshot");
        lock (_tenants)
        {
            TenantRows rows = RowsOf(tenant);
            if (!rows.IsHeld(epoch, _owner)) return ValueTask.FromResult(false);
            rows.Snapshots[snapshot.Head.LastEvent] = snapshot with { Body = snapshot.Body.ToArray() };
            return ValueTask.FromResult(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(ReadSnapshotAsync), cancellationToken);
        lock (_tenants)
        {
            SortedList<long, StoredSnapshot> snapshots = RowsThere(tenant).Snapshots;
            for (int i = snapshots.Count - 1; i >= 0; i--)
            {
                if (snapshots.GetKeyAtIndex(i) <= lastEventMax)
                    return ValueTask.FromResult<StoredSnapshot?>(snapshots.GetValueAtIndex(i));
            }

            return ValueTask.FromResult<StoredSnapshot?>(null);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(DropSnapshotsBeforeAsync), cancellationToken);
        lock (_tenants)
        {
            TenantRows rows = RowsOf(tenant);
            if (!rows.IsHeld(epoch, _owner)) return ValueTask.FromResult(false);
            while (rows.Snapshots.Count > 0 && rows.Snapshots.GetKeyAtIndex(0) < lastEvent) rows.Snapshots.RemoveAt(0);
            return ValueTask.FromResult(true);
        }
    }

    /// <inheritdoc/>
    public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken)
    {
        Faults.ThrowIfAsked(nameof(ProbeSpaceAsync), cancellationToken);
        return ValueTask.FromResult(Faults.HasSpace);
    }

    /// <summary>Replaces a stored group's body, as bad hardware or an intruder would.</summary>
    public void Overwrite(string tenant, long sequence, byte[] body)
    {
        lock (_tenants)
        {
            List<StoredGroup> groups = RowsOf(tenant).Groups;
            groups[(int)sequence - 1] = groups[(int)sequence - 1] with { Body = body };
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Faults.Dispose();
        return ValueTask.CompletedTask;
    }

    private AppendOutcome Append(JournalGroup group)
    {
        AppendFault fault = Faults.OnAppend?.Invoke(group) ?? AppendFault.None;
        lock (_tenants)
        {
            TenantRows rows = RowsOf(group.Tenant);
            switch (fault)
            {
                case AppendFault.UnknownNotWritten:
                    return AppendOutcome.Unknown;
                case AppendFault.UnknownWritten:
                    rows.Append(group.ToStored(), _owner);
                    return AppendOutcome.Unknown;
                case AppendFault.UnknownLandsLate:
                    StoredGroup late = group.ToStored();
                    Faults.Late(() =>
                    {
                        lock (_tenants) rows.Append(late, _owner);
                    });
                    return AppendOutcome.Unknown;
                case AppendFault.FenceLost:
                    rows.Acquire(_owner + 1);
                    break;
                case AppendFault.NoSpace:
                    return AppendOutcome.NoSpace;
                case AppendFault.None:
                    break;
            }

            if (!Faults.HasSpace) return AppendOutcome.NoSpace;
            return rows.Append(group.ToStored(), _owner) ? AppendOutcome.Appended : AppendOutcome.FenceLost;
        }
    }

    private static int IndexOf(List<StoredGroup> groups, long fromEvent)
    {
        int low = 0;
        int high = groups.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (groups[middle].LastEvent >= fromEvent) high = middle;
            else low = middle + 1;
        }

        return low;
    }

    // Whoever reads of a tenant that is not there leaves nothing.
    private TenantRows RowsThere(string tenant) => _tenants.GetValueOrDefault(tenant) ?? None;

    private TenantRows RowsOf(string tenant)
    {
        if (!_tenants.TryGetValue(tenant, out TenantRows? rows)) _tenants.Add(tenant, rows = new TenantRows());
        return rows;
    }

    private sealed class TenantRows
    {
        private long _epoch;
        private int _owner;

        public List<StoredGroup> Groups { get; } = [];

        public SortedList<long, StoredSnapshot> Snapshots { get; } = [];

        public JournalHead Head => Groups.Count == 0
            ? JournalHead.Empty
            : new JournalHead(Groups[^1].Sequence, Groups[^1].Epoch, Groups[^1].LastEvent, Groups[^1].Hash);

        public long Acquire(int owner)
        {
            _owner = owner;
            return ++_epoch;
        }

        public bool IsHeld(long epoch, int owner) => epoch == _epoch && owner == _owner;

        public bool Append(StoredGroup group, int owner)
        {
            if (!IsHeld(group.Epoch, owner)) return false;
            if (group.Sequence != Head.Sequence + 1 || group.PreviousHash != Head.Hash) return false;
            if (group.FirstEvent != Head.LastEvent + 1) return false;
            Groups.Add(group);
            return true;
        }
    }
}
