using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Whose a request and a hold are, as events name them.</summary>
internal static class AuditPrincipals
{
    private const string Credential = " credentials/c";

    /// <summary>
    /// Whether a principal may settle what this one holds: itself, an administrator, a gateway for a gateway. Of a hold
    /// without one everybody may.
    /// </summary>
    public static bool MayActFor(string holder, string principal)
    {
        if (holder.Length == 0 || holder == principal) return true;
        string kind = principal.Split('/')[0];
        return kind is "admins" or "operators" || (kind == "gateways" && holder.Split('/')[0] == "gateways");
    }

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
