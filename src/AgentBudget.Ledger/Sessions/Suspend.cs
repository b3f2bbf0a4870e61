using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Suspends a session and resumes it: one of them, or the root of its run and so the whole run. A session below a
/// suspended one cannot spend either, without a state of its own, so one event is enough for a run of any size.
/// </summary>
internal static class Suspend
{
    public static Answer Handle(TenantLedger ledger, SuspendSessionCommand command)
    {
        SuspendSessionRequest request = command.Request;
        SessionAccount? session = Find(ledger, command.Session, request.WholeRun);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = new ContentHash(Operation.Suspend)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);
        if (session.IsSuspended) return new Answer(Outcome.SessionSuspended);

        Session view = session.ToMessage(ledger.Catalog.Currency);
        view.State = Session.Types.State.Suspended;
        view.Reason = request.Reason;
        LedgerEvent suspended = asked.NewEvent(command.Actor, session.Spender);
        suspended.SessionSuspended = new SessionSuspended { Reason = request.Reason, Session = view };
        ledger.Emit(suspended, session);
        return new Answer(Outcome.Done, suspended);
    }

    public static Answer Handle(TenantLedger ledger, ResumeSessionCommand command)
    {
        ResumeSessionRequest request = command.Request;
        SessionAccount? session = Find(ledger, command.Session, request.WholeRun);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = new ContentHash(Operation.Resume)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);
        if (!session.IsSuspended) return new Answer(Outcome.SessionNotSuspended);

        LedgerEvent resumed = asked.NewEvent(command.Actor, session.Spender);
        resumed.SessionResumed = new SessionResumed
        {
            Reason = request.Reason,
            Session = Resumed(session.ToMessage(ledger.Catalog.Currency)),
        };
        ledger.Emit(resumed, session);
        return new Answer(Outcome.Done, resumed);
    }

    /// <summary>A session as it is once it is resumed.</summary>
    public static Session Resumed(Session view)
    {
        view.State = Session.Types.State.Open;
        view.Reason = "";
        view.SuspendedBy = "";
        return view;
    }

    public static void Apply(SessionSuspended suspended, SessionAccount session) =>
        session.Suspend(suspended.Reason, suspendedBy: 0);

    /// <summary>Resumes a session; the breakers that suspended it, which count, do so from zero too.</summary>
    public static void Resume(TenantLedger ledger, SessionAccount session)
    {
        if (ledger.Sessions.TryGetValue(session.SuspendedBy, out SessionAccount? tripped))
            tripped.BreakerCounts!.Reset();
        session.Resume();
    }

    private static SessionAccount? Find(TenantLedger ledger, long number, bool isWholeRun)
    {
        SessionAccount? session = ledger.FindSession(number);
        return isWholeRun ? session?.Root : session;
    }
}
