namespace AgentBudget.Audit;

/// <summary>The share of one agent in what its tenant's agents have in common.</summary>
internal static class ShareAudit
{
    private static readonly Int128 Minute = (Int128)60 * AuditNumbers.NanosPerUnit;

    /// <summary>A session was opened, and is not yet counted as one that is open.</summary>
    public static void Open(AuditState state, AuditSession session)
    {
        string agent = session.Spender.Agent;
        long open = state.OpenSessions.GetValueOrDefault(agent);
        if (open >= session.Agent.Bounds.OpenSessions)
            state.Find(AuditRule.Share, $"{agent} has {open} sessions open, and one more");
        (Int128 minute, long opened) = state.Opened.GetValueOrDefault(agent);
        if (minute != state.Now / Minute) opened = 0;
        if (opened >= session.Agent.Bounds.SessionsPerMinute)
            state.Find(AuditRule.Share, $"{agent} opened {opened} sessions within the minute, and one more");
        state.Opened[agent] = (state.Now / Minute, opened + 1);
    }

    /// <summary>Something is held, and not yet counted.</summary>
    public static void Hold(AuditState state, AuditSession session)
    {
        string agent = session.Spender.Agent;
        long held = state.OpenHolds.GetValueOrDefault(agent);
        if (held >= session.Agent.Bounds.OpenHolds)
            state.Find(AuditRule.Share, $"{agent} has {held} holds open, and one more");
    }
}
