using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Runs: what a session may delegate to those below it, and that they end with it.</summary>
internal static class RunAudit
{
    // Limits below one session where its ceilings say nothing.
    private const long ConcurrentOtherwise = 10_000;
    private const long DepthOtherwise = 100;

    /// <summary>The session that an opened one names as its parent; null for the root of a run, or a finding.</summary>
    public static AuditSession? ParentOf(AuditState state, Spender spender, SessionOpened opened)
    {
        if (spender.Parent.Length == 0)
        {
            if (spender.Run.Length > 0 || opened.Delegation is not null)
                state.Find(AuditRule.Delegation, "it is of a run and names no parent");
            return null;
        }

        if (!state.Sessions.TryGetValue(spender.Parent, out AuditSession? parent) || !parent.IsOpen)
        {
            state.Find(AuditRule.Delegation, $"its parent {spender.Parent} is not open");
            return null;
        }

        bool isPlaced = spender.Run == parent.Lineage[^1].Spender.Session
            && parent.Spender.Equals(opened.Delegation?.From) && opened.Delegation.Depth == parent.Depth + 1;
        if (!isPlaced) state.Find(AuditRule.Delegation, $"its place in the run of {spender.Parent} is another one");
        return parent;
    }

    /// <summary>What a parent can give: no more than it has, and only while its run has room.</summary>
    public static void Open(AuditState state, AuditSession parent, Spender spender, SessionOpened opened)
    {
        if (opened.Tools.FirstOrDefault(tool => !parent.Tools.Covers(tool)) is { } tool)
            state.Find(AuditRule.Delegation, $"tool '{tool}' is outside the parent's scope");
        else if (opened.Models.FirstOrDefault(model => !parent.Models.Covers(model)) is { } model)
            state.Find(AuditRule.Delegation, $"model '{model}' is outside the parent's scope");
        AuditCeilings own = AuditCeilings.From(opened.Ceilings).WithoutRun();
        if (own != AuditCeilings.Min(own, parent.Ceilings.WithoutRun()))
            state.Find(AuditRule.Delegation, "its ceilings are above the parent's");
        if (spender.OnBehalfOf.Length > 0 && spender.OnBehalfOf != parent.Spender.OnBehalfOf)
            state.Find(AuditRule.Delegation, $"it works for {spender.OnBehalfOf}, and its parent does not");
        CheckExpiry(state, parent, AuditNumbers.OptionalNanosOf(opened.ExpireTime) ?? 0);
        if (AuditNumbers.OptionalNanosOf(opened.LifetimeEndTime) > parent.LifetimeEndNanos)
            state.Find(AuditRule.Delegation, "it may live longer than its parent");
        if (state.IsEventClean) CheckRoom(state, parent, opened.Delegation);
    }

    /// <summary>Another agent or use case than the parent's is one that the catalog lets it delegate to.</summary>
    public static void CheckDelegates(AuditState state, AuditSession parent, Spender spender)
    {
        bool isAgentRight = spender.Agent == parent.Spender.Agent
            || parent.Agent.DelegatesTo(spender.Agent["agents/".Length..]);
        bool isUseCaseRight = spender.UseCase == parent.Spender.UseCase
            || parent.Agent.DelegatesToUseCase(spender.UseCase["useCases/".Length..]);
        if (!isAgentRight || !isUseCaseRight)
        {
            state.Find(
                AuditRule.Delegation,
                $"{parent.Spender.Agent} may not delegate to {spender.Agent} for {spender.UseCase}");
        }
    }

    /// <summary>Counts an opened session on everything above it.</summary>
    public static void Count(AuditSession session)
    {
        if (session.Parent is null) return;
        session.Parent.OpenChildren.Add(session);
        foreach (AuditSession above in session.Lineage.Skip(1))
        {
            above.Subagents++;
            above.OpenSubagents++;
        }
    }

    /// <summary>A session never expires after the one above it does.</summary>
    public static void CheckExpiry(AuditState state, AuditSession? parent, Int128 expire)
    {
        if (parent is not null && expire > parent.ExpireNanos)
            state.Find(
                AuditRule.Delegation,
                $"it expires at {AuditNumbers.Show(expire)}, after its parent at "
                + AuditNumbers.Show(parent.ExpireNanos));
    }

    /// <summary>
    /// Whether a session ends with one above it; a finding where it says so and should not, or the other way round.
    /// </summary>
    public static bool EndsFromAbove(AuditState state, AuditSession session, SessionEnded ended)
    {
        bool isWithName = session.EndsWithName.Length > 0;
        string due = isWithName ? session.EndsWithName : session.EndsWith?.Spender.Session ?? "";
        Session.Types.State? dueState = isWithName ? Session.Types.State.Revoked : session.EndsWith?.State;
        bool isRight = ended.EndedWith == due && (dueState is null || dueState == ended.State);
        if (!isRight)
            state.Find(
                AuditRule.Cascade,
                $"it says that {session.Spender.Session} ends as {ended.State} with '{ended.EndedWith}', and what took "
                + $"it along is '{due}'");
        return due.Length > 0 || !isRight;
    }

    /// <summary>A session is over: it no longer counts above, and everything open below it is due to end.</summary>
    public static void End(AuditState state, AuditSession session)
    {
        session.Parent?.OpenChildren.Remove(session);
        if (session.EndsWith is not null || session.EndsWithName.Length > 0) state.EndsDue--;
        if (session.IsOpen)
        {
            foreach (AuditSession above in session.Lineage.Skip(1)) above.OpenSubagents--;
        }

        Mark(session);

        void Mark(AuditSession above)
        {
            foreach (AuditSession child in above.OpenChildren.Where(IsFree))
            {
                child.EndsWith = session;
                state.EndsDue++;
                state.EndsDueSince = state.Now;
                Mark(child);
            }
        }
    }

    private static bool IsFree(AuditSession session) =>
        session.EndsWith is null && session.EndsWithName.Length == 0;

    /// <summary>Nothing is asked for, and no time passes, between an end and the ends of everything below it.</summary>
    public static void CheckDue(AuditState state, LedgerEvent ledgerEvent)
    {
        bool isPrompt = ledgerEvent.RequestId.Length == 0 && state.Now == state.EndsDueSince;
        if (state.EndsDue == 0 || isPrompt) return;
        state.Find(AuditRule.Cascade, $"{state.EndsDue} sessions should have ended with the one above them by now");
        state.EndsDue = 0;
    }

    private static void CheckRoom(AuditState state, AuditSession parent, Delegation? delegation)
    {
        Int128 least = long.MaxValue;
        foreach (AuditSession owner in parent.Lineage)
        {
            AuditCeilings ceilings = owner.Ceilings;
            Int128 depth = AuditNumbers.Min(ceilings.Depth, DepthOtherwise)!.Value;
            Int128 concurrent = AuditNumbers.Min(ceilings.ConcurrentSubagents, ConcurrentOtherwise)!.Value;
            if (parent.Depth - owner.Depth >= depth)
            {
                state.Find(AuditRule.Delegation, $"{owner.Spender.Session} allows {depth} levels below it");
                return;
            }

            least = Int128.Min(least, concurrent - owner.OpenSubagents);
            if (ceilings.Subagents is { } subagents) least = Int128.Min(least, subagents - owner.Subagents);
        }

        if (least < 1)
            state.Find(AuditRule.Delegation, "no room is left for it under the run ceilings above it");
        else if (delegation is null || !delegation.HasSubagentsLeft || delegation.SubagentsLeft != least - 1)
            state.Find(AuditRule.Delegation, $"{least - 1} subagents are left, and it says otherwise");
    }
}
