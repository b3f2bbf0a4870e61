namespace AgentBudget.Runtime;

/// <summary>The host's bounds. Checked when the host is made.</summary>
public sealed record TenantHostOptions
{
    /// <summary>
    /// Commands of one tenant that wait at once, commits and releases apart; above it they are turned away.
    /// </summary>
    public int WaitingCommandsMax { get; init; } = 16_384; // Some milliseconds of turns, some MiB of memory.

    /// <summary>Commits and releases of one tenant that wait at once: room of their own.</summary>
    public int WaitingSettlementsMax { get; init; } = 65_536; // What was spent must be recorded, so more than new asks.

    /// <summary>Tenants that this host knows at once.</summary>
    public int TenantsMax { get; init; } = 100_000; // A few KiB each while they sleep.

    /// <summary>A tenant that was not used for as long leaves memory.</summary>
    public TimeSpan PassivateAfter { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Events after which a snapshot is taken, or as many as the state has records if those are more: what a start has
    /// to replay at most.
    /// </summary>
    public long SnapshotEveryEvents { get; init; } = 1_000_000; // A few seconds of replay.

    /// <summary>
    /// Bytes of a snapshot up to which it is not only read back and compared, but restored too before it counts.
    /// </summary>
    public int SnapshotRestoredBytesMax { get; init; } = 16 * 1024 * 1024; // More keeps a core busy for seconds.

    /// <summary>Recent events that are kept in memory per active tenant for those who watch live.</summary>
    public int RecentEventsMax { get; init; } = 8_192; // Some MiB; slower readers are served from the journal.

    /// <summary>Tenants that are loaded at once.</summary>
    public int LoadsAtOnceMax { get; init; } = 4; // The store has one reader; more would only hold memory.

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingCommandsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingSettlementsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(TenantsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PassivateAfter, TimeSpan.FromSeconds(1));
        ArgumentOutOfRangeException.ThrowIfLessThan(SnapshotEveryEvents, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(SnapshotRestoredBytesMax);
        ArgumentOutOfRangeException.ThrowIfLessThan(RecentEventsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(LoadsAtOnceMax, 1);
    }
}
