namespace AgentBudget.Runtime;

/// <summary>Bounds of the tenants of one silo. Checked when the services are made.</summary>
public sealed record ActivationOptions
{
    /// <summary>
    /// Events after which a snapshot is taken, or as many as the state has records if those are more: what a start has
    /// to replay at most.
    /// </summary>
    public long SnapshotEveryEvents { get; init; } = 1_000_000; // A few seconds of replay.

    /// <summary>
    /// Bytes of a snapshot up to which it is not only read back and compared, but restored too before it counts.
    /// </summary>
    public int SnapshotRestoredBytesMax { get; init; } = 16 * 1024 * 1024; // More keeps a core busy for seconds.

    /// <summary>
    /// Events behind a snapshot up to which a journal is verified from its beginning before its tenant serves; a longer
    /// one is verified while it serves.
    /// </summary>
    public long EventsVerifiedFirstMax { get; init; } = 100_000; // Some 30 MiB: a fraction of a second of a take-over.

    /// <summary>Recent events that are kept in memory per active tenant for those who watch live.</summary>
    public int RecentEventsMax { get; init; } = 8_192; // Some MiB; slower readers are served from the journal.

    /// <summary>Tenants that are loaded at once.</summary>
    public int LoadsAtOnceMax { get; init; } = 4; // The store has one reader; more would only hold memory.

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(SnapshotEveryEvents, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(SnapshotRestoredBytesMax);
        ArgumentOutOfRangeException.ThrowIfNegative(EventsVerifiedFirstMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(RecentEventsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(LoadsAtOnceMax, 1);
    }
}
