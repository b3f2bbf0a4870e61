using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>
/// Ends a credential, and unless it is told otherwise the sessions that it opened. One that has ended stays as it
/// ended.
/// </summary>
internal static class RevokeCredential
{
    private const string SessionsReason = "its credential was revoked";

    public static Answer Handle(TenantLedger ledger, RevokeCredentialCommand command)
    {
        RevokeCredentialRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.RevokeCredential)
            .Add(request.Credential)
            .Add(request.Reason)
            .AddIfAny(request.KeepSessions ? 1 : 0)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.Credentials.Find(command.Credential, ledger.Now) is not { } credential)
            return new Answer(Outcome.CredentialNotFound);
        if (!credential.IsLive(ledger.Now)) return new Answer(Outcome.Done);

        var revoked = new CredentialRevoked
        {
            Credential = command.Credential,
            Reason = request.Reason,
            KeptSessions = request.KeepSessions,
        };
        if (!request.KeepSessions)
            TakeAlong.Find(
                ledger, revoked.Sessions, session => session.Opened.Credentials.Contains(command.Credential));
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.CredentialRevoked = revoked;
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CredentialRevoked revoked)
    {
        ledger.Revoke(revoked.Credential, revoked.Reason);
        TakeAlong.Apply(ledger, revoked.Sessions, SessionsReason, Names.Credential(revoked.Credential));
    }
}
