namespace AgentBudget.Grains.Lanes;

/// <summary>Bounds of one silo's way to one tenant.</summary>
public sealed record LaneOptions
{
    /// <summary>
    /// Commands of one tenant that wait at once, commits and releases apart; above it they are turned away.
    /// </summary>
    public int WaitingCommandsMax { get; init; } = 16_384; // Some milliseconds of turns, some MiB of memory.

    /// <summary>Commits and releases of one tenant that wait at once: room of their own.</summary>
    public int WaitingSettlementsMax { get; init; } = 65_536; // What was spent must be recorded, so more than new asks.

    /// <summary>
    /// New spends of one session that wait at once: one that runs away leaves the others of its tenant their room.
    /// </summary>
    public int WaitingBySessionMax { get; init; } = 4_096; // A full Spend stream of one gateway.

    /// <summary>
    /// New spends of one principal that wait at once, over all of its sessions; and all that is no spend, such as reads
    /// and new sessions, together. Each leaves the others a quarter.
    /// </summary>
    public int WaitingByPrincipalMax { get; init; } = 12_288; // Three sessions at their bound.

    /// <summary>Commits and releases of one principal that wait at once: it leaves the others a quarter.</summary>
    public int SettlementsByPrincipalMax { get; init; } = 49_152;

    /// <summary>Tenants that there may be; each takes some KiB here for as long as the silo lives.</summary>
    public int TenantsMax { get; init; } = 100_000;

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(TenantsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingCommandsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingSettlementsMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingBySessionMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(WaitingByPrincipalMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(SettlementsByPrincipalMax, 1);
    }
}
