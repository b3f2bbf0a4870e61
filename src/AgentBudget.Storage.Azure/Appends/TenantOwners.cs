using System.Collections.Concurrent;
using AgentBudget.Storage.Azure.Segments;
using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Appends;

/// <summary>
/// Makes this process the owner of tenants. First the epoch is raised in the tenant's row; then the lease of the open
/// segment is taken from whoever has it; then the row is looked at once more. A lease counts only if the row, read
/// behind it, has its epoch still: one that was slow between the two steps has nothing. Whoever appended before did so
/// under a lease that is broken now, and what it wrote is seen, since the end is read behind the lease.
/// </summary>
internal sealed class TenantOwners(TenantTable tenants, SegmentBlobs segments, SegmentLeases leases)
{
    private readonly ConcurrentDictionary<string, OwnedTenant> _owned = new(StringComparer.Ordinal);

    // Of one process's own acquisitions of a tenant the second waits, or they would break each other's leases.
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _gates = new(StringComparer.Ordinal);

    /// <summary>The tenant, if this process may append to it under that epoch.</summary>
    public OwnedTenant? Find(string tenant, long epoch) =>
        _owned.TryGetValue(tenant, out OwnedTenant? owned) && owned.Epoch == epoch ? owned : null;

    /// <summary>Nothing more is appended under this ownership.</summary>
    public void Forget(OwnedTenant owned) => _owned.TryRemove(new(owned.Row.Name, owned));

    /// <summary>Raises the tenant's epoch and answers it.</summary>
    public Task<long> AcquireAsync(string tenant, CancellationToken cancellationToken) =>
        AloneAsync(
            tenant,
            async () =>
            {
                (TenantRow row, OwnedTenant? owned) = await TakeAsync(tenant, floor: 0, cancellationToken);
                if (owned is not null) _owned[tenant] = owned;
                return row.Epoch; // Where another one was faster, every append under it is fenced.
            },
            cancellationToken);

    /// <summary>
    /// Owns the tenant for one piece of work, and gives it up then. Throws <see cref="StoreException"/> when another
    /// one took it meanwhile.
    /// </summary>
    public Task<bool> OwnForAsync(
        string tenant, long floor, Func<OwnedTenant, Task<bool>> work, CancellationToken cancellationToken) =>
        AloneAsync(
            tenant,
            async () =>
            {
                (TenantRow _, OwnedTenant? owned) = await TakeAsync(tenant, floor, cancellationToken);
                _owned.TryRemove(tenant, out _);
                return owned is null
                    ? throw new StoreException($"tenant '{tenant}' was taken over by another owner meanwhile")
                    : await work(owned);
            },
            cancellationToken);

    /// <summary>
    /// Seals the open segment, which is full, and goes on in a new one. False when the ownership is not the newest.
    /// Throws what the service says; then nobody knows how far it came, and the next owner goes on from there.
    /// </summary>
    public async Task<bool> GoOnAsync(OwnedTenant owned, CancellationToken cancellationToken)
    {
        await segments.SealAsync(owned.End.Name, owned.LeaseId, owned.End.Length, cancellationToken);
        string next = SegmentName.After(owned.Row.Key, owned.End.Head);
        await segments.CreateAsync(next, owned.End.Head, cancellationToken);
        if (!await leases.TryAcquireAsync(next, owned.LeaseId, cancellationToken)) return false;
        if (await tenants.ConfirmAsync(owned.Row, next, cancellationToken) is not { } confirmed) return false;
        owned.WentOn(confirmed, next);
        return true;
    }

    private async Task<(TenantRow Row, OwnedTenant? Owned)> TakeAsync(
        string tenant, long floor, CancellationToken cancellationToken)
    {
        TenantRow row = await tenants.RaiseAsync(tenant, floor, cancellationToken);
        string segment = row.Segment ?? SegmentName.After(row.Key, JournalHead.Empty);
        if (row.Segment is null) await segments.CreateAsync(segment, JournalHead.Empty, cancellationToken);
        while (true)
        {
            SegmentEnd end = await segments.ReadEndAsync(segment, cancellationToken)
                ?? throw SegmentBlobs.Lost(segment);
            if (!end.IsSealed)
            {
                bool isTaken = await leases.TakeAsync(
                    segment,
                    row.LeaseId,
                    async () => await tenants.FindOwnedAsync(tenant, row.Epoch, cancellationToken) is not null,
                    cancellationToken);
                if (!isTaken) return (row, null);
                end = await segments.ReadEndAsync(segment, cancellationToken)
                    ?? throw SegmentBlobs.Lost(segment);
            }

            if (!end.IsSealed)
            {
                TenantRow? confirmed = await tenants.ConfirmAsync(row, segment, cancellationToken);
                return (row, confirmed is null ? null : new OwnedTenant(confirmed, end));
            }

            // Its owner sealed it before it lost the lease, so the journal goes on behind it, or would have.
            segment = SegmentName.After(row.Key, end.Head);
            await segments.CreateAsync(segment, end.Head, cancellationToken);
        }
    }

    private async Task<T> AloneAsync<T>(string tenant, Func<Task<T>> run, CancellationToken cancellationToken)
    {
        SemaphoreSlim gate = _gates.GetOrAdd(tenant, static _ => new SemaphoreSlim(1));
        await gate.WaitAsync(cancellationToken);
        try
        {
            return await run();
        }
        finally
        {
            gate.Release();
        }
    }
}
