using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Credentials;

/// <summary>Ends a credential. One that has ended stays as it ended.</summary>
internal static class RevokeCredential
{
    public static Answer Handle(TenantLedger ledger, RevokeCredentialCommand command)
    {
        RevokeCredentialRequest request = command.Request;
        ulong fingerprint =
            new Fingerprint((ulong)Operation.RevokeCredential).Add(request.Credential).Add(request.Reason).Value;
        if (ledger.TryAnswer(Operation.RevokeCredential, request.RequestId, fingerprint, out Answer again))
            return again;
        if (ledger.Credentials.Find(command.Credential, ledger.Now) is not { } credential)
            return new Answer(Outcome.CredentialNotFound);
        if (!credential.IsLive(ledger.Now)) return new Answer(Outcome.Done);

        var ledgerEvent = new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Actor = command.Actor,
            CredentialRevoked = new CredentialRevoked { Credential = command.Credential, Reason = request.Reason },
        };
        ledger.Emit(ledgerEvent);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CredentialRevoked revoked) =>
        ledger.Revoke(revoked.Credential, revoked.Reason);
}
