using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Simulation.Mutants;

/// <summary>A store around another one.</summary>
internal abstract class StoreDecorator(ILedgerStore inner) : ILedgerStore
{
    protected ILedgerStore Inner => inner;

    public virtual ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken) =>
        inner.ListTenantsAsync(cancellationToken);

    public virtual ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        inner.AcquireAsync(tenant, cancellationToken);

    public virtual ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken) =>
        inner.ReadHeadAsync(tenant, cancellationToken);

    public virtual void BeginAppend(JournalGroup group, IAppendCompletion completion) =>
        inner.BeginAppend(group, completion);

    public virtual ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken) =>
        inner.ReadGroupsAsync(tenant, fromEvent, bytesMax, cancellationToken);

    public virtual ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken) =>
        inner.SaveSnapshotAsync(tenant, epoch, snapshot, cancellationToken);

    public virtual ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken) =>
        inner.ReadSnapshotAsync(tenant, lastEventMax, cancellationToken);

    public virtual ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken) =>
        inner.DropSnapshotsBeforeAsync(tenant, epoch, lastEvent, cancellationToken);

    public virtual ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken) =>
        inner.ProbeSpaceAsync(cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();
}
