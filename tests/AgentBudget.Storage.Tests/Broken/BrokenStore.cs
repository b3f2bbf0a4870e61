using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Storage.Tests.Broken;

/// <summary>The store in memory, as it is until a hook breaks something of it.</summary>
internal sealed class BrokenStore : ILedgerStore
{
    public BrokenStore()
    {
        Acquire = tenant => Now(Inner.AcquireAsync(tenant, default));
        Head = tenant => Now(Inner.ReadHeadAsync(tenant, default));
        Append = Inner.BeginAppend;
        Read = (tenant, fromEvent, bytesMax) => Now(Inner.ReadGroupsAsync(tenant, fromEvent, bytesMax, default));
        Save = (tenant, epoch, snapshot) => Now(Inner.SaveSnapshotAsync(tenant, epoch, snapshot, default));
        Snapshot = (tenant, lastEventMax) => Now(Inner.ReadSnapshotAsync(tenant, lastEventMax, default));
        Drop = (tenant, epoch, lastEvent) => Now(Inner.DropSnapshotsBeforeAsync(tenant, epoch, lastEvent, default));
        List = () => Now(Inner.ListTenantsAsync(default));
        Probe = () => Now(Inner.ProbeSpaceAsync(default));
        Reopen = () => this;
    }

    public InMemoryStore Inner { get; } = new();

    public Func<string, long> Acquire { get; set; }

    public Func<string, JournalHead> Head { get; set; }

    public Action<JournalGroup, IAppendCompletion> Append { get; set; }

    public Func<string, long, int, IReadOnlyList<StoredGroup>> Read { get; set; }

    public Func<string, long, StoredSnapshot, bool> Save { get; set; }

    public Func<string, long, StoredSnapshot?> Snapshot { get; set; }

    public Func<string, long, long, bool> Drop { get; set; }

    public Func<IReadOnlyList<StoredTenant>> List { get; set; }

    public Func<bool> Probe { get; set; }

    /// <summary>What is found after a stop or a crash.</summary>
    public Func<BrokenStore> Reopen { get; set; }

    /// <summary>Called with a group that a crash tears.</summary>
    public Action<JournalGroup> Tear { get; set; } = static _ => { };

    /// <summary>Called with a group whose answer is lost and that was not written.</summary>
    public Action<JournalGroup> Lose { get; set; } = static _ => { };

    public bool IgnoresCancellation { get; set; }

    /// <summary>The epoch of each tenant that was acquired.</summary>
    public Dictionary<string, long> Epochs { get; } = new(StringComparer.Ordinal);

    public ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) => new(List());

    public ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken)
    {
        lock (Epochs) return new(Epochs[tenant] = Acquire(tenant));
    }

    public ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken)
    {
        if (!IgnoresCancellation) cancellationToken.ThrowIfCancellationRequested();
        return new(Head(tenant));
    }

    public void BeginAppend(JournalGroup group, IAppendCompletion completion)
    {
        lock (Epochs) Append(group, completion);
    }

    public ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        new(Read(tenant, fromEvent, bytesMax));

    public ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken) =>
        new(Save(tenant, epoch, snapshot));

    public ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken) => new(Snapshot(tenant, lastEventMax));

    public ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
        new(Drop(tenant, epoch, lastEvent));

    public ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) => new(Probe());

    public ValueTask DisposeAsync() => Inner.DisposeAsync();

    /// <summary>All groups of a tenant.</summary>
    public IReadOnlyList<StoredGroup> All(string tenant) =>
        Now(Inner.ReadGroupsAsync(tenant, fromEvent: 1, int.MaxValue, default));

    /// <summary>
    /// Appends the events of a group under another epoch or behind another place than it says, and answers as if it
    /// had been appended as it is.
    /// </summary>
    public void AppendAs(JournalGroup group, JournalHead previous, long epoch, IAppendCompletion completion)
    {
        var other = new JournalGroup(group.Tenant);
        foreach (ReadOnlyMemory<byte> bytes in group.ToStored().ReadEvents(group.Tenant))
            bytes.Span.CopyTo(other.AddEvent(bytes.Length));
        other.Seal(previous, Math.Max(epoch, previous.Epoch));
        Inner.BeginAppend(other, completion);
    }

    // The store in memory never waits.
    private static T Now<T>(ValueTask<T> answer)
    {
        Assert.True(answer.IsCompleted);
        return answer.GetAwaiter().GetResult();
    }
}
