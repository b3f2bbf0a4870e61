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
        ulong fingerprint = new Fingerprint((ulong)Operation.Renew).Add(request.Ttl).Value;
        if (session.TryAnswer(Operation.Renew, request.RequestId, fingerprint, out Answer again)) return again;
        if (!session.IsOpen) return new Answer(Outcome.SessionNotOpen);

        long askedNanos = request.Ttl is null ? 0 : LogTime.FromDuration(request.Ttl);
        long expireNanos = Open.ExpireNanos(
            ledger.Now, askedNanos, session.Agent, session.LifetimeEndNanos, session.Parent);
        Session view = session.ToMessage(ledger.Catalog.Currency);
        view.ExpireTime = LogTime.ToTimestamp(expireNanos);
        var renewed = new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Spender = session.Spender,
            Actor = command.Actor,
            SessionRenewed = new SessionRenewed { ExpireTime = view.ExpireTime, Session = view },
        };
        ledger.Emit(renewed, session);
        return new Answer(Outcome.Done, renewed);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        session.Renew(LogTime.FromTimestamp(ledgerEvent.SessionRenewed.ExpireTime));
        ledger.SetDeadline(session.Deadline, session.ExpireNanos);
    }
}
