using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Azure.Tables;
using Azure;

namespace AgentBudget.Storage.Azure.Schema;

/// <summary>What is looked at once, before a store is used: that it is there, its format, its clock.</summary>
internal static class StoreChecks
{
    /// <summary>
    /// Clocks of one cluster are within a second of each other. Sessions and holds end by the silo's clock, so one that
    /// is far off would end or keep those of the others.
    /// </summary>
    private static readonly TimeSpan ClockDifferenceMax = TimeSpan.FromSeconds(30);

    /// <summary>Answers the store's id. Throws <see cref="StoreException"/> with one sentence.</summary>
    public static async Task<Guid> CheckAsync(
        AzureConnections connections, TimeProvider time, CancellationToken cancellationToken)
    {
        DateTimeOffset before = time.GetUtcNow();
        (Guid Id, int Version, DateTimeOffset? Clock)? read =
            await new StoreRow(connections.Table).ReadAsync(cancellationToken);
        DateTimeOffset after = time.GetUtcNow();
        if (read is not { } store || !await IsContainerThereAsync(connections, cancellationToken))
            throw Refused("it has no store of AgentBudget; make it with --migrate");
        if (store.Version < AzureSchema.Version)
        {
            throw Refused(
                $"it is kept in format {store.Version} and this release needs {AzureSchema.Version}; run --migrate");
        }

        if (store.Version > AzureSchema.Version)
        {
            throw Refused(
                $"it is kept in format {store.Version}, of a later release; this one knows {AzureSchema.Version}");
        }

        if (store.Clock is { } clock) CheckClock(clock, before, after);
        return store.Id;
    }

    private static async Task<bool> IsContainerThereAsync(
        AzureConnections connections, CancellationToken cancellationToken)
    {
        Response<bool> there = await connections.Blobs.ExistsAsync(cancellationToken);
        return there.Value;
    }

    private static void CheckClock(DateTimeOffset there, DateTimeOffset before, DateTimeOffset after)
    {
        TimeSpan ahead = before - there; // At least; what the way took is not counted against either.
        TimeSpan behind = there - after;
        TimeSpan difference = ahead > behind ? ahead : behind;
        if (difference <= ClockDifferenceMax) return;
        string how = ahead > behind ? "ahead of" : "behind";
        throw Refused($"this machine's clock is {difference.TotalSeconds:F0} s {how} the service's; synchronize it");
    }

    private static StoreException Refused(string why) => new($"the Azure store cannot be used: {why}");
}
