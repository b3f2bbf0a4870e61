using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Reservations;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Reservation = AgentBudget.Ledger.Reservations.Reservation;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Ends a session: by its owner, by revocation, by its expiry, or with a session above it. It stops spending at once;
/// holds stay for the grace, in which a call in flight can still commit, and are then released with the closing record.
/// Everything open below it is due to end at the same instant: that takes as many turns of the ledger's own as it
/// needs, and every command that comes later sees all of it done.
/// </summary>
internal static class End
{
    public static Answer Handle(TenantLedger ledger, EndSessionCommand command)
    {
        EndSessionRequest request = command.Request;
        ContentHash hash = new ContentHash(Operation.End)
            .Add((long)(request.Outcome?.Status ?? default))
            .AddNew(request.Outcome?.Metrics.Count ?? -1);
        if (request.Outcome is not null)
        {
            foreach (KeyValuePair<string, double> metric in request.Outcome.Metrics
                .OrderBy(metric => metric.Key, StringComparer.Ordinal))
                hash = hash.Add(metric.Key).Add(BitConverter.DoubleToInt64Bits(metric.Value));
        }

        return Handle(
            ledger, command.Session, hash.Of(Principals.OfActor(command.Actor), request.RequestId), command.Actor,
            new SessionEnded { State = Session.Types.State.Ended, Outcome = request.Outcome });
    }

    public static Answer Handle(TenantLedger ledger, RevokeSessionCommand command)
    {
        RevokeSessionRequest request = command.Request;
        return Handle(
            ledger,
            command.Session,
            new ContentHash(Operation.Revoke)
                .Add(request.Reason)
                .Of(Principals.OfActor(command.Actor), request.RequestId),
            command.Actor,
            new SessionEnded { State = Session.Types.State.Revoked, Reason = request.Reason });
    }

    /// <summary>An open session expires; an ended one's grace is over.</summary>
    public static void HandleDeadline(TenantLedger ledger, SessionAccount session)
    {
        // The closing record counts them too.
        ledger.TellRefusals(session, mayTrip: false);
        if (session.IsOpen)
        {
            SessionEnded ended = session.Ending?.Clone() ?? new SessionEnded { State = Session.Types.State.Expired };
            ledger.Emit(
                new LedgerEvent { Spender = session.Spender, SessionEnded = Ended(ledger, session, ended) }, session);
            if (session.GraceEndNanos > ledger.Now) return;
        }

        var closed = new LedgerEvent { Spender = session.Spender, SessionClosed = ClosingRecord(ledger, session) };
        ledger.Emit(closed, session);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        SessionEnded ended = ledgerEvent.SessionEnded;
        session.End(
            ended.State,
            ledger.LogTimeNanos,
            LogTime.FromTimestamp(ended.GraceEndTime),
            ended.Outcome,
            ended.Reason);
        session.Leave();
        ledger.EndSession(session);
        foreach (SessionAccount below in session.EndBelow(ended))
            ledger.SetDeadline(below.Deadline, ledger.LogTimeNanos);
    }

    public static void ApplyClosed(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        foreach (long number in ledgerEvent.SessionClosed.Released) Release.GiveBack(ledger, number);
        Invariant.Holds(session.OpenHolds == 0);
        ledger.CloseSession(session);
    }

    private static Answer Handle(
        TenantLedger ledger, long number, in AskedRequest asked, string actor, SessionEnded ended)
    {
        SessionAccount? session = ledger.FindSession(number);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);
        LedgerEvent ending = asked.NewEvent(actor, session.Spender);
        ending.SessionEnded = Ended(ledger, session, ended);
        ledger.Emit(ending, session);
        return new Answer(Outcome.Done, ending);
    }

    private static SessionEnded Ended(TenantLedger ledger, SessionAccount session, SessionEnded ended)
    {
        Session view = session.ToMessage(ledger.Catalog.Currency);
        view.State = ended.State;
        view.EndTime = LogTime.ToTimestamp(ledger.Now);
        view.Outcome = ended.Outcome;
        view.Reason = ended.Reason;
        view.SuspendedBy = "";
        ended.Session = view;
        // What ends with its agent has no grace: a commit in flight is late and charged all the same.
        bool endsWithAgent = ended.EndedWith.StartsWith(Names.AgentPrefix, StringComparison.Ordinal);
        ended.GraceEndTime = LogTime.ToTimestamp(ledger.Now + (endsWithAgent ? 0 : SessionAccount.GraceNanos));
        return ended;
    }

    private static SessionClosed ClosingRecord(TenantLedger ledger, SessionAccount session)
    {
        var closed = new SessionClosed
        {
            SettledNanos = WideSum.Low(session.Window.LifetimeNanos),
            SettledNanosHigh = WideSum.High(session.Window.LifetimeNanos),
            SettledTokens = WideSum.Low(session.Window.LifetimeTokens),
            SettledTokensHigh = WideSum.High(session.Window.LifetimeTokens),
            Steps = session.Steps,
            Refused = session.Refused,
            Outcome = session.Outcome,
            Subagents = session.Subagents,
        };
        Total released = default;
        foreach (Reservation held in ledger.ReservationsOf(session))
        {
            closed.Released.Add(held.Number);
            released += Total.Of(held.Held);
        }

        closed.ReleasedNanos = WideSum.Low(released.Nanos);
        closed.ReleasedNanosHigh = WideSum.High(released.Nanos);
        closed.ReleasedTokens = WideSum.Low(released.Tokens);
        closed.ReleasedTokensHigh = WideSum.High(released.Tokens);

        return closed;
    }
}
