using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Requests;

/// <summary>
/// Whose a request or a hold is, by a name that two callers never share: <c>agents/writer</c> for an agent and the
/// sessions that work for it, <c>gateways/edge</c>, <c>orchestrators/night</c>, <c>admins/kim</c>, and
/// <c>operators/admin</c> for the operator.
/// </summary>
public static class Principals
{
    /// <summary>Prefix of gateways.</summary>
    public const string GatewayPrefix = "gateways/";

    /// <summary>Prefix of orchestrators.</summary>
    public const string OrchestratorPrefix = "orchestrators/";

    /// <summary>Prefix of administrators of one tenant.</summary>
    public const string AdminPrefix = "admins/";

    /// <summary>Prefix of the operator.</summary>
    public const string OperatorPrefix = "operators/";

    private const string CredentialSuffix = " credentials/c";

    /// <summary>
    /// The principal of an administrative act: its actor without the credential, which is one of several that it may
    /// have; the operator has none.
    /// </summary>
    public static string OfActor(string actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        int end = actor.LastIndexOf(CredentialSuffix, StringComparison.Ordinal);
        if (end >= 0) return actor[..end];
        bool isNamed = actor.Length == 0 || actor.Contains('/', StringComparison.Ordinal);
        return isNamed ? actor : OperatorPrefix + actor;
    }

    /// <summary>
    /// Whether a principal may settle, release and change what another one holds: its own; a gateway what another
    /// gateway left behind; an administrator everything. What a former release held is whoever's.
    /// </summary>
    internal static bool MaySettle(string asker, string holder) =>
        holder.Length == 0
        || asker == holder
        || asker.StartsWith(AdminPrefix, StringComparison.Ordinal)
        || asker.StartsWith(OperatorPrefix, StringComparison.Ordinal)
        || (asker.StartsWith(GatewayPrefix, StringComparison.Ordinal)
            && holder.StartsWith(GatewayPrefix, StringComparison.Ordinal));

    /// <summary>Whose request an event is.</summary>
    internal static string Of(LedgerEvent ledgerEvent) =>
        ledgerEvent.Principal.Length > 0 || ledgerEvent.Actor.Length == 0
            ? ledgerEvent.Principal
            : OfActor(ledgerEvent.Actor);
}
