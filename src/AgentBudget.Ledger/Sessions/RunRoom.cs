namespace AgentBudget.Ledger.Sessions;

/// <summary>How many subagents can still be opened, and which ceiling of which session says so.</summary>
internal readonly record struct RunRoom(long Left, string Ceiling, long Limit, SessionAccount Owner)
{
    private const string Subagents = "subagents";
    private const string Concurrent = "concurrent_subagents";
    private const string Depth = "depth";

    /// <summary>
    /// The least room for a subagent of this session: every session above it limits what is below itself. Of equal ones
    /// the nearest.
    /// </summary>
    public static RunRoom Below(SessionAccount parent)
    {
        RunRoom least = new(long.MaxValue, "", long.MaxValue, parent);
        for (SessionAccount? owner = parent; owner is not null; owner = owner.Parent)
        {
            RunLimits limits = owner.Ceilings.Run;
            long depth = Math.Min(limits.Depth, RunLimits.DepthMax);
            long concurrent = Math.Min(limits.ConcurrentSubagents, RunLimits.ConcurrentSubagentsMax);
            if (parent.Depth - owner.Depth >= depth) Take(0, Depth, depth, owner);
            Take(concurrent - owner.OpenSubagents, Concurrent, concurrent, owner);
            if (limits.Subagents != Budgets.Window.Unlimited)
                Take(limits.Subagents - owner.Subagents, Subagents, limits.Subagents, owner);
        }

        return least;

        void Take(long left, string ceiling, long limit, SessionAccount owner)
        {
            if (left < least.Left) least = new RunRoom(Math.Max(0, left), ceiling, limit, owner);
        }
    }

    /// <summary>Why so many cannot be opened.</summary>
    public Fault ToFault(long planned) => new(
        $"ceilings.run.{Ceiling}",
        $"{Owner.Name} is limited to {Limit}: {Left} can still be opened, and {planned} are planned",
        Left,
        Limit);
}
