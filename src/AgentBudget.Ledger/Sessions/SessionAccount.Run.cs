using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

// The session's place in its run: what is above it, what is below it, and the end that reaches it from above.
internal sealed partial class SessionAccount
{
    private HashSet<SessionAccount>? _openChildren;

    /// <summary>The session that opened it; null for the root of a run.</summary>
    public SessionAccount? Parent { get; }

    /// <summary>The root of its run: itself where nothing is above it.</summary>
    public SessionAccount Root { get; }

    /// <summary>How far below the root; 0 for the root.</summary>
    public int Depth { get; }

    /// <summary>Sessions that were ever opened below it.</summary>
    public long Subagents { get; private set; }

    /// <summary>Those of them that have not ended.</summary>
    public long OpenSubagents { get; private set; }

    /// <summary>The end that a session above it has met and that is due for it too; null for none.</summary>
    public SessionEnded? Ending { get; private set; }

    /// <summary>It is open, for the first time or from a snapshot: those above it know.</summary>
    public void Enter()
    {
        if (Parent is null) return;
        (Parent._openChildren ??= []).Add(this);
        for (SessionAccount? above = Parent; above is not null; above = above.Parent) above.OpenSubagents++;
    }

    /// <summary>Counts it on those above it, for good.</summary>
    public void CountAsSubagent()
    {
        for (SessionAccount? above = Parent; above is not null; above = above.Parent) above.Subagents++;
    }

    /// <summary>The session has ended.</summary>
    public void Leave()
    {
        if (Parent is null) return;
        bool wasOpen = Parent._openChildren!.Remove(this);
        Invariant.Holds(wasOpen);
        for (SessionAccount? above = Parent; above is not null; above = above.Parent)
        {
            above.OpenSubagents--;
            Invariant.Holds(above.OpenSubagents >= 0);
        }
    }

    /// <summary>
    /// Marks everything open below it for the end that it has met itself, and answers what was marked.
    /// </summary>
    public List<SessionAccount> EndBelow(SessionEnded ended)
    {
        var marked = new List<SessionAccount>();
        if (_openChildren is null) return marked;
        var ending = new SessionEnded { State = ended.State, Reason = ended.Reason, EndedWith = Name };
        Mark(this);
        return marked;

        // A session below one that is marked is marked too, so no level is walked twice.
        void Mark(SessionAccount above)
        {
            if (above._openChildren is null) return;
            foreach (SessionAccount child in above._openChildren)
            {
                if (child.Ending is not null) continue;
                child.EndWith(ending);
                marked.Add(child);
                Mark(child);
            }
        }
    }

    /// <summary>Makes an end due that did not come from the session itself.</summary>
    public void EndWith(SessionEnded ending)
    {
        Invariant.Holds(IsOpen);
        Ending = ending;
    }

    /// <summary>
    /// A refusal of the session's budget, by the ceiling that it passes: the session's own in money or tokens where it
    /// does, else the run's.
    /// </summary>
    public Refusal NameCeiling(in Refusal refusal, in Spend spend)
    {
        if (refusal.Unit != ReservationRefused.Types.Unit.Nanos) return refusal;
        if (!Window.IsWithinNanos(spend, Ceilings.CostNanos)) return refusal with { Limit = Ceilings.CostNanos };
        if (Window.IsWithinTokens(spend, Ceilings.Tokens)) return refusal with { Reason = Reason.RunCeiling };
        return refusal with
        {
            Unit = ReservationRefused.Types.Unit.Tokens,
            Limit = Ceilings.Tokens,
            Settled = Window.SettledTokens,
            Held = Window.HeldTokens,
            Requested = spend.Tokens,
        };
    }
}
