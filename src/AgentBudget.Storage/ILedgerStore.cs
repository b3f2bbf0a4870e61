using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Storage;

/// <summary>
/// Where ledgers are kept: per tenant a fenced journal of hash-chained groups, and snapshots. The rules are those of
/// the conformance kit, and nobody asks which store it is.
/// <para>
/// Ownership: <see cref="AcquireAsync"/> raises the tenant's epoch; a write under an older epoch never takes effect.
/// Reads need no epoch and see durable groups only. Methods throw <see cref="StoreException"/> when the store cannot be
/// read or reached; all are safe to call from any thread.
/// </para>
/// </summary>
public interface ILedgerStore : IAsyncDisposable
{
    /// <summary>Tenants with at least one group, in ordinal order of their names.</summary>
    ValueTask<IReadOnlyList<StoredTenant>> ListTenantsAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Makes the caller the tenant's owner and answers the new epoch, above every epoch before it; 0 when another
    /// owner's lease still runs. Read the head after it, never with it.
    /// </summary>
    ValueTask<long> AcquireAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>Where the tenant's journal ends; <see cref="JournalHead.Empty"/> for a tenant without groups.</summary>
    ValueTask<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken);

    /// <summary>
    /// Starts to append one sealed group, all of it or nothing. The fence (epoch and owner) and the previous hash are
    /// compared in the step that writes. The group belongs to the store until the completion is called. Never blocks,
    /// never throws, cannot be cancelled; several appends of one tenant are decided in the order of their calls.
    /// </summary>
    void BeginAppend(JournalGroup group, IAppendCompletion completion);

    /// <summary>
    /// Groups in order, from the one that contains the event <paramref name="fromEvent"/>; unverified. At least one if
    /// the event is there, and then while their bodies fit <paramref name="bytesMax"/>.
    /// </summary>
    ValueTask<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken);

    /// <summary>
    /// Stores a snapshot under an epoch, beside those that are there. False, and no effect, when the epoch is not
    /// current. It is not to be trusted before it was read back and compared.
    /// </summary>
    ValueTask<bool> SaveSnapshotAsync(
        string tenant, long epoch, StoredSnapshot snapshot, CancellationToken cancellationToken);

    /// <summary>
    /// The newest whole snapshot whose last event is at most <paramref name="lastEventMax"/>; null when there is none.
    /// One that was cut off or changed is passed over.
    /// </summary>
    ValueTask<StoredSnapshot?> ReadSnapshotAsync(
        string tenant, long lastEventMax, CancellationToken cancellationToken);

    /// <summary>
    /// Drops the snapshots whose last event is below <paramref name="lastEvent"/>. False, and no effect, when the epoch
    /// is not current.
    /// </summary>
    ValueTask<bool> DropSnapshotsBeforeAsync(
        string tenant, long epoch, long lastEvent, CancellationToken cancellationToken);

    /// <summary>Whether the store has space to write again, tried by writing.</summary>
    ValueTask<bool> ProbeSpaceAsync(CancellationToken cancellationToken);
}
