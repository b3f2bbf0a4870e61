using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Whose a request and a hold are, as events name them.</summary>
internal static class AuditPrincipals
{
    private const string Credential = " credentials/c";

    /// <summary>
    /// Of a spend the one that it names; of an administrative act its actor, without the credential that it used.
    /// </summary>
    public static string Of(LedgerEvent ledgerEvent)
    {
        if (ledgerEvent.Principal.Length > 0 || ledgerEvent.Actor.Length == 0) return ledgerEvent.Principal;
        int credential = ledgerEvent.Actor.LastIndexOf(Credential, StringComparison.Ordinal);
        if (credential >= 0) return ledgerEvent.Actor[..credential];
        // Only the operator has a name of one word and no credential.
        return ledgerEvent.Actor.Contains('/', StringComparison.Ordinal)
            ? ledgerEvent.Actor
            : "operators/" + ledgerEvent.Actor;
    }
}
