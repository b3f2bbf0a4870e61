using AgentBudget.Runtime.Turns;
using AgentBudget.Storage;
using AgentBudget.Storage.Snapshots;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Runtime.Tenants;

/// <summary>
/// Stores snapshots. One counts only after it was read back and is the same bytes; one that is not too large must
/// restore to the same state as well. Older ones are dropped then and not before. The journal is never shortened.
/// </summary>
internal sealed partial class SnapshotKeeper(
    ILedgerStore store, ITurnLedgers ledgers, int restoredBytesMax, ILogger logger)
{
    /// <summary>Whether the snapshot is stored and was compared. Does not throw.</summary>
    public async Task<bool> SaveAsync(string tenant, long epoch, CapturedState state)
    {
        try
        {
            StoredSnapshot snapshot = state.ToStored();
            if (!await store.SaveSnapshotAsync(tenant, epoch, snapshot, CancellationToken.None)) return false;
            if (!await IsStoredAsync(tenant, snapshot))
            {
                Log.NotTheSame(logger, tenant, snapshot.Head.LastEvent);
                return false;
            }

            await store.DropSnapshotsBeforeAsync(tenant, epoch, snapshot.Head.LastEvent, CancellationToken.None);
            return true;
        }
        catch (Exception exception)
        {
            Log.NotSaved(logger, tenant, state.Head.LastEvent, exception);
            return false;
        }
    }

    private async Task<bool> IsStoredAsync(string tenant, StoredSnapshot snapshot)
    {
        StoredSnapshot? stored = await store.ReadSnapshotAsync(
            tenant, snapshot.Head.LastEvent, CancellationToken.None);
        return stored is not null
            && stored.Head == snapshot.Head
            && stored.NextDeadlineNanos == snapshot.NextDeadlineNanos
            && stored.Body.Span.SequenceEqual(snapshot.Body.Span)
            && (stored.Body.Length > restoredBytesMax || IsRestored(tenant, stored.Body.Span));
    }

    private bool IsRestored(string tenant, ReadOnlySpan<byte> body) =>
        ledgers.Restore(tenant, body).Capture().ToBytes().AsSpan().SequenceEqual(body);

    private static partial class Log
    {
        [LoggerMessage(3111, LogLevel.Error,
            "The snapshot of tenant {Tenant} at event {Sequence} is not what was saved; older ones are kept")]
        public static partial void NotTheSame(ILogger logger, string tenant, long sequence);

        [LoggerMessage(3112, LogLevel.Warning, "The snapshot of tenant {Tenant} at event {Sequence} was not saved")]
        public static partial void NotSaved(ILogger logger, string tenant, long sequence, Exception exception);
    }
}
