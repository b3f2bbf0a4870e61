using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Breakers trip by themselves, in the turn in which their count passes its limit, and are reset by hand.
/// </summary>
internal static class Trip
{
    /// <summary>
    /// Tells the first breaker that an event of this session made trip, of itself or of one above it. The event that
    /// tells it is followed by the next one that trips, if any.
    /// </summary>
    public static void After(TenantLedger ledger, SessionAccount session)
    {
        for (SessionAccount? owner = session; owner is not null; owner = owner.Parent)
        {
            if (owner.BreakerCounts is not { } counts || owner.Agent.Breakers is not { } rules) continue;
            Breaker breaker = counts.Find(rules);
            // What is suspended already, or over, has nothing more to be told.
            if (breaker == Breaker.Unspecified || owner.CheckOpen().IsRefused) continue;
            BreakerRule rule = rules.Of(breaker);
            var tripped = new BreakerTripped
            {
                Breaker = breaker,
                Mode = rule.Mode,
                Count = counts.CountOf(breaker),
                Limit = rule.Limit,
            };
            if (breaker == Breaker.SameToolCall) tripped.Tool = counts.LastTool;
            if (rule.Enforces) tripped.Suspended = (rule.SuspendsRun ? owner.Root : owner).Name;
            ledger.Emit(new LedgerEvent { Spender = owner.Spender, BreakerTripped = tripped }, owner);
            return;
        }

        AgentAfter(ledger, session);
    }

    // An agent, or a user of it, whose sessions are suspended one after the other goes on in no new one; nor does an
    // agent that spreads refusals or charges over many of them.
    private static void AgentAfter(TenantLedger ledger, SessionAccount session)
    {
        for (SessionAccount? owner = session; owner is not null; owner = owner.Parent)
        {
            if (owner.Agent.FindTripped(owner.Spender.OnBehalfOf, ledger.LogTimeNanos) is not { } found) continue;
            var tripped = new BreakerTripped
            {
                Breaker = found.Breaker,
                Mode = found.Rule.Mode,
                Count = found.Count,
                Limit = found.Rule.Limit,
                Suspended = found.Rule.Enforces ? found.Whom : "",
                Agent = found.Whom,
            };
            ledger.Emit(new LedgerEvent { Spender = owner.Spender, BreakerTripped = tripped }, owner);
            return;
        }
    }

    public static Answer Handle(TenantLedger ledger, ResetBreakerCommand command)
    {
        ResetBreakerRequest request = command.Request;
        SessionAccount? session =
            Names.TryParseSession(request.Grain, out long number) ? ledger.FindSession(number) : null;
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = new ContentHash(Operation.ResetBreaker)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);

        // The session itself, or the run that its breaker suspended.
        SessionAccount? suspended = null;
        if (session.SuspendedBy > 0) suspended = session;
        else if (session.Root.SuspendedBy == session.Number) suspended = session.Root;
        Session view = session.ToMessage(ledger.Catalog.Currency);
        if (suspended == session) view = Suspend.Resumed(view);
        LedgerEvent reset = asked.NewEvent(command.Actor, session.Spender);
        reset.BreakerReset = new BreakerReset
        {
            Reason = request.Reason,
            Resumed = suspended?.Name ?? "",
            Session = view,
        };
        ledger.Emit(reset, session);
        return new Answer(Outcome.Done, reset);
    }

    public static void Apply(TenantLedger ledger, BreakerTripped tripped, SessionAccount session)
    {
        if (tripped.Agent.Length > 0)
        {
            (string agent, string user) = Names.WholeAndUser(tripped.Agent);
            ((AgentAccount)ledger.AccountOf(agent)).Trip(
                tripped.Breaker, user, tripped.Suspended.Length > 0, ledger.LogTimeNanos);
            return;
        }

        Invariant.Holds(session.BreakerCounts is not null);
        session.BreakerCounts!.MarkTripped(tripped.Breaker);
        if (tripped.Suspended.Length == 0) return;
        SessionAccount suspended = ledger.SessionOf(tripped.Suspended);
        suspended.Suspend(reason: "", session.Number);
        suspended.Agent.CountSuspended(suspended.Spender.OnBehalfOf, ledger.LogTimeNanos);
    }

    public static void Apply(TenantLedger ledger, BreakerReset reset, SessionAccount session)
    {
        if (reset.Resumed.Length > 0) Suspend.Resume(ledger, ledger.SessionOf(reset.Resumed));
        session.BreakerCounts?.Reset();
    }
}
