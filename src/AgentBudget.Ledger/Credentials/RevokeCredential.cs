using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>Ends a credential. One that has ended stays as it ended.</summary>
internal static class RevokeCredential
{
    public static Answer Handle(TenantLedger ledger, RevokeCredentialCommand command)
    {
        RevokeCredentialRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.RevokeCredential)
            .Add(request.Credential)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.Credentials.Find(command.Credential, ledger.Now) is not { } credential)
            return new Answer(Outcome.CredentialNotFound);
        if (!credential.IsLive(ledger.Now)) return new Answer(Outcome.Done);

        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.CredentialRevoked = new CredentialRevoked
        {
            Credential = command.Credential,
            Reason = request.Reason,
        };
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CredentialRevoked revoked) =>
        ledger.Revoke(revoked.Credential, revoked.Reason);
}
