using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Tenants;

/// <summary>A tenant's state in memory, and the right to write.</summary>
/// <param name="Ledger">The state at the head.</param>
/// <param name="Head">Where the journal ends.</param>
/// <param name="Epoch">The epoch that was acquired for it.</param>
/// <param name="SnapshotEvent">Last event of the snapshot that it started from; 0 when it was replayed from the
/// start.</param>
/// <param name="Unverified">
/// The snapshot's place, when the journal before it is yet to be verified; <see cref="JournalHead.Empty"/> when all
/// was.
/// </param>
internal sealed record LoadedTenant(
    ITurnLedger Ledger, JournalHead Head, long Epoch, long SnapshotEvent, JournalHead Unverified);

/// <summary>
/// Loads a tenant: acquires an epoch, reads the head, then rebuilds the state from the newest snapshot that restores
/// and the journal after it. Every group that is read is verified; damage is never skipped.
/// </summary>
internal sealed partial class LedgerLoader(
    ILedgerStore store, ITurnLedgers ledgers, long eventsVerifiedFirstMax, ILogger logger)
{
    /// <summary>
    /// Null when another owner has it. Throws <see cref="JournalDamagedException"/> or
    /// <see cref="StoreException"/>.
    /// </summary>
    /// <param name="tenant">Whose.</param>
    /// <param name="isVerified">Whether this process has verified the journal before.</param>
    /// <param name="heldEpoch">
    /// An epoch that this process holds and knows to have nothing on its way: after an append that found no space, when
    /// acquiring another would find none either. 0 acquires.
    /// </param>
    public async Task<LoadedTenant?> LoadAsync(string tenant, bool isVerified, long heldEpoch)
    {
        long epoch = heldEpoch > 0 ? heldEpoch : await store.AcquireAsync(tenant, CancellationToken.None);
        if (epoch == 0) return null;
        JournalHead head = await store.ReadHeadAsync(tenant, CancellationToken.None);
        if (head.Epoch > epoch) return null; // Another owner acquired it, and wrote, between the two.
        long snapshotMax = head.LastEvent;
        while (await store.ReadSnapshotAsync(tenant, snapshotMax, CancellationToken.None) is { } snapshot)
        {
            if (await TryLoadFromAsync(tenant, snapshot, epoch, head, isVerified) is { } loaded) return loaded;
            snapshotMax = snapshot.Head.LastEvent - 1;
        }

        ITurnLedger ledger = ledgers.Create(tenant);
        await ReplayAsync(tenant, ledger, JournalHead.Empty, JournalHead.Empty, head);
        return new LoadedTenant(ledger, head, epoch, SnapshotEvent: 0, JournalHead.Empty);
    }

    /// <summary>
    /// Verifies the journal from its beginning to a place. Throws <see cref="JournalDamagedException"/>.
    /// </summary>
    public Task VerifyAsync(string tenant, JournalHead upTo) =>
        ReplayAsync(tenant, ledger: null, JournalHead.Empty, upTo, upTo);

    private async Task<LoadedTenant?> TryLoadFromAsync(
        string tenant, StoredSnapshot snapshot, long epoch, JournalHead head, bool isVerified)
    {
        try
        {
            ITurnLedger ledger = ledgers.Restore(tenant, snapshot.Body.Span);
            if (ledger.Sequence != snapshot.Head.LastEvent) throw new InvalidDataException("it is of another place");
            bool isVerifiedFirst = !isVerified && snapshot.Head.LastEvent <= eventsVerifiedFirstMax;
            JournalHead start = isVerifiedFirst ? JournalHead.Empty : snapshot.Head;
            await ReplayAsync(tenant, ledger, start, snapshot.Head, head);
            JournalHead unverified = isVerified || isVerifiedFirst ? JournalHead.Empty : snapshot.Head;
            return new LoadedTenant(ledger, head, epoch, snapshot.Head.LastEvent, unverified);
        }
        catch (Exception exception) when (exception is not StoreException)
        {
            // An earlier start tells whether it was the snapshot or the journal.
            Log.SnapshotUnusable(logger, tenant, snapshot.Head.LastEvent, exception);
            return null;
        }
    }

    /// <summary>Verifies from a place to the head, and applies what comes after the snapshot.</summary>
    private async Task ReplayAsync(
        string tenant, ITurnLedger? ledger, JournalHead start, JournalHead snapshot, JournalHead head)
    {
        var verifier = new ChainVerifier(tenant, start);
        while (verifier.Head.LastEvent < head.LastEvent)
        {
            IReadOnlyList<StoredGroup> groups = await store.ReadGroupsAsync(
                tenant, verifier.Head.LastEvent + 1, JournalReader.BytesPerPage, CancellationToken.None);
            if (groups.Count == 0) break;
            foreach (StoredGroup group in groups)
            {
                if (verifier.Head.LastEvent >= head.LastEvent) break;
                verifier.Accept(group);
                if (group.Sequence == snapshot.Sequence && verifier.Head != snapshot)
                    throw new JournalDamagedException(
                        tenant, group.Sequence, "the snapshot after it is of another journal");
                if (ledger is not null && group.Sequence > snapshot.Sequence) Apply(tenant, ledger, group);
            }
        }

        verifier.Finish(head);
    }

    private static void Apply(string tenant, ITurnLedger ledger, StoredGroup group)
    {
        long sequence = group.FirstEvent;
        foreach (ReadOnlyMemory<byte> bytes in group.ReadEvents(tenant))
        {
            LedgerEvent parsed = JournalReader.Parse(tenant, group, bytes, sequence);
            try
            {
                ledger.Apply(parsed);
            }
            catch (Exception exception)
            {
                throw new JournalDamagedException(
                    tenant, group.Sequence, $"event {sequence} cannot follow: {exception.Message}");
            }

            sequence++;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Error,
            "The snapshot of tenant {Tenant} at event {Sequence} is not usable; an earlier start is tried")]
        public static partial void SnapshotUnusable(ILogger logger, string tenant, long sequence, Exception exception);
    }
}
