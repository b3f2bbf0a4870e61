using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

/// <summary>Moves an open session's expiry, never past its lifetime or the expiry of the session above it.</summary>
internal static class Renew
{
    public static Answer Handle(TenantLedger ledger, RenewSessionCommand command)
    {
        RenewSessionRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = new ContentHash(Operation.Renew)
            .Add(request.Ttl)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);

        long askedNanos = request.Ttl is null ? 0 : LogTime.FromDuration(request.Ttl);
        long expireNanos = Open.ExpireNanos(
            ledger.Now, askedNanos, session.Agent, session.LifetimeEndNanos, session.Parent);
        Session view = session.ToMessage(ledger.Catalog.Currency);
        view.ExpireTime = LogTime.ToTimestamp(expireNanos);
        LedgerEvent renewed = asked.NewEvent(command.Actor, session.Spender);
        renewed.SessionRenewed = new SessionRenewed { ExpireTime = view.ExpireTime, Session = view };
        ledger.Emit(renewed, session);
        return new Answer(Outcome.Done, renewed);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        session.Renew(LogTime.FromTimestamp(ledgerEvent.SessionRenewed.ExpireTime));
        ledger.SetDeadline(session.Deadline, session.ExpireNanos);
    }
}
