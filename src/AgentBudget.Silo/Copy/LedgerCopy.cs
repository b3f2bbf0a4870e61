using AgentBudget.Audit;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Silo.Copy;

/// <summary>
/// Copies a tenant's journal from one store to another, byte for byte, so that everything that was signed is confirmed
/// there, and audits what arrived. Goes on where an earlier copy stopped.
/// </summary>
internal static class LedgerCopy
{
    private const int BytesPerPage = 1024 * 1024;

    /// <summary>
    /// Answers the audit of the copy. Throws <see cref="StoreException"/> when the target has another ledger of that
    /// name, and <see cref="JournalDamagedException"/> when the source is not what was written.
    /// </summary>
    /// <typeparam name="TStore">The target.</typeparam>
    /// <param name="from">Where it is; nobody writes to it meanwhile.</param>
    /// <param name="to">Where it goes.</param>
    /// <param name="tenant">Whose.</param>
    /// <param name="cancellationToken">Stops between two pages.</param>
    internal static async Task<AuditReport> CopyAsync<TStore>(
        ILedgerStore from, TStore to, string tenant, CancellationToken cancellationToken)
        where TStore : ILedgerStore, IJournalImport
    {
        JournalHead head = await from.ReadHeadAsync(tenant, cancellationToken);
        JournalHead there = await to.ReadHeadAsync(tenant, cancellationToken);
        ChainVerifier verifier = new(tenant, JournalHead.Empty);
        while (verifier.Head.LastEvent < head.LastEvent)
        {
            IReadOnlyList<StoredGroup> page = await from.ReadGroupsAsync(
                tenant, verifier.Head.LastEvent + 1, BytesPerPage, cancellationToken);
            List<StoredGroup> missing = [];
            foreach (StoredGroup group in page)
            {
                verifier.Accept(group);
                if (group.Sequence > there.Sequence) missing.Add(group);
                else if (group.Sequence == there.Sequence && group.Hash != there.Hash) throw Another(tenant);
            }

            if (missing.Count > 0 && !await to.ImportAsync(tenant, missing, cancellationToken)) throw Another(tenant);
        }

        verifier.Finish(head);
        AuditReport report = await LedgerVerifier.VerifyAsync(
            to, tenant, VerifyScope.Whole, progress: null, cancellationToken);
        return await to.ReadHeadAsync(tenant, cancellationToken) == head ? report : throw Another(tenant);
    }

    private static StoreException Another(string tenant) => new(
        $"the target has another ledger of {tenant}, or one that went on by itself; nothing was changed in it");
}
