using AgentBudget.Protocol.V1;

namespace AgentBudget.Identity;

/// <summary>What a caller may be. On whose data follows from it: see <see cref="Reach"/>.</summary>
[Flags]
public enum Roles
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>An administrator, on its tenant; the operator is one too, on any.</summary>
    Admin = 1,

    /// <summary>A session, by its own token: on itself.</summary>
    Session = 2,

    /// <summary>An agent, on its own sessions.</summary>
    Agent = 4,

    /// <summary>A gateway, on the sessions whose tokens it is shown.</summary>
    Gateway = 8,

    /// <summary>An orchestrator, on every session of its tenant.</summary>
    Orchestrator = 16,

    /// <summary>An owner, on its use cases.</summary>
    Owner = 32,

    /// <summary>Finance, on its tenant.</summary>
    Finance = 64,

    /// <summary>An auditor, on its tenant.</summary>
    Auditor = 128,

    /// <summary>The operator, on what all tenants share.</summary>
    Operator = 256,

    /// <summary>What gathers metrics, on nothing else.</summary>
    Metrics = 512,
}

/// <summary>How far a caller sees within its tenant. What is beyond looks as if it were not there.</summary>
public enum Reach
{
    /// <summary>The session whose token is shown.</summary>
    Token,

    /// <summary>What is its own: an agent's sessions, an owner's use cases.</summary>
    Own,

    /// <summary>The whole tenant.</summary>
    Tenant,
}

/// <summary>Who calls, as authenticated.</summary>
public abstract record Caller
{
    /// <summary>What the caller is: one role, but the operator is an administrator too.</summary>
    public abstract Roles Role { get; }

    /// <summary>
    /// The principal as it is written into the ledger and, after a space, the credential that it used.
    /// </summary>
    public abstract string Principal { get; }

    /// <summary>
    /// Whose its spends are, as the ledger's principals are named: its request ids and its holds. A session spends as
    /// its agent, so its token and its agent's credential are one.
    /// </summary>
    public abstract string SpendsAs { get; }

    /// <summary>
    /// Thumbprint of the key that it has proven for this call (DPoP, RFC 9449); empty for none.
    /// </summary>
    public string ProvenKey { get; init; } = "";

    /// <summary>How far it sees.</summary>
    public Reach Reach => Role switch
    {
        Roles.Session or Roles.Gateway => Reach.Token,
        Roles.Agent or Roles.Owner => Reach.Own,
        Roles.Admin or Roles.Orchestrator or Roles.Finance or Roles.Auditor => Reach.Tenant,
        Roles.Admin | Roles.Operator => Reach.Tenant,
        _ => Reach.Token,
    };
}

/// <summary>Whose a session is.</summary>
/// <param name="Agent">"agents/promo-writer".</param>
/// <param name="UseCase">"useCases/trade-promo".</param>
/// <param name="BusinessUnit">"businessUnits/marketing"; empty where it is not known, and then it is nobody's.</param>
/// <param name="OnBehalfOf">The user; empty when unattended.</param>
public readonly record struct SessionPath(string Agent, string UseCase, string BusinessUnit, string OnBehalfOf);

/// <summary>The operator, by the admin key.</summary>
public sealed record AdminCaller : Caller
{
    /// <summary>The only one.</summary>
    public static AdminCaller Instance { get; } = new();

    /// <inheritdoc/>
    public override Roles Role => Roles.Admin | Roles.Operator;

    /// <inheritdoc/>
    public override string Principal => "admin";

    /// <inheritdoc/>
    public override string SpendsAs => "operators/admin";
}

/// <summary>What gathers metrics, by its own key.</summary>
public sealed record MetricsCaller : Caller
{
    /// <summary>The only one.</summary>
    public static MetricsCaller Instance { get; } = new();

    /// <inheritdoc/>
    public override Roles Role => Roles.Metrics;

    /// <inheritdoc/>
    public override string Principal => "metrics";

    /// <inheritdoc/>
    public override string SpendsAs => "";
}

/// <summary>The holder of a credential of one tenant.</summary>
public sealed record CredentialCaller : Caller
{
    internal CredentialCaller(LiveCredential credential)
    {
        Credential = credential;
        Role = RoleOf(credential.Role);
        Principal = $"{credential.Holder} {credential.Name}";
        SpendsAs = SpendsAsOf(credential.Role, credential.Holder);
        SecretPrefix = CredentialSecret.PrefixOf(credential.Role);
    }

    /// <summary>The credential.</summary>
    public LiveCredential Credential { get; }

    /// <inheritdoc/>
    public override Roles Role { get; }

    /// <inheritdoc/>
    public override string Principal { get; }

    /// <inheritdoc/>
    public override string SpendsAs { get; }

    /// <summary>
    /// The user that an access token was exchanged for; empty for a caller that speaks for itself.
    /// </summary>
    public string OnBehalfOf { get; init; } = "";

    /// <summary>The access token that it shows; null for a secret.</summary>
    public AccessToken? Token { get; init; }

    /// <summary>The tenant's id.</summary>
    public string Tenant => Credential.Tenant;

    /// <summary>Whose: "agents/promo-writer", or a name.</summary>
    public string Holder => Credential.Holder;

    /// <summary>What its secrets begin with.</summary>
    internal string SecretPrefix { get; }

    /// <summary>
    /// Whether it speaks for part of its tenant only: its role sees no more, or a user gave it no more.
    /// </summary>
    public bool IsRestricted => Reach == Reach.Own || OnBehalfOf.Length > 0;

    /// <summary>
    /// Whether it may speak for a session: the one rule for every method, whether the session is named, shown by its
    /// token, listed or watched. A token that was exchanged for a user speaks for that user's sessions alone, an agent
    /// for its own, an owner for those of its use cases and business units.
    /// </summary>
    /// <param name="path">Whose the session is. Of its own tenant: another tenant's is never seen here.</param>
    public bool MaySpeakFor(in SessionPath path)
    {
        if (OnBehalfOf.Length > 0 && path.OnBehalfOf != OnBehalfOf)
            return false;
        if (Role == Roles.Agent)
            return path.Agent == Holder;
        return Role != Roles.Owner || HoldsGrain(path.UseCase) || HoldsGrain(path.BusinessUnit);
    }

    private bool HoldsGrain(string grain)
    {
        foreach (string held in Credential.Grains)
        {
            if (held == grain)
                return true;
        }

        return false;
    }

    // Names of other roles have no slash, so no two of these are alike.
    private static string SpendsAsOf(Role role, string holder) => role switch
    {
        Protocol.V1.Role.Agent => holder,
        Protocol.V1.Role.Gateway => "gateways/" + holder,
        Protocol.V1.Role.Orchestrator => "orchestrators/" + holder,
        Protocol.V1.Role.Admin => "admins/" + holder,
        // These spend nothing.
        Protocol.V1.Role.Unspecified or Protocol.V1.Role.Owner or Protocol.V1.Role.Finance
            or Protocol.V1.Role.Auditor => "",
    };

    private static Roles RoleOf(Role role) => role switch
    {
        Protocol.V1.Role.Unspecified => Roles.None,
        Protocol.V1.Role.Agent => Roles.Agent,
        Protocol.V1.Role.Gateway => Roles.Gateway,
        Protocol.V1.Role.Orchestrator => Roles.Orchestrator,
        Protocol.V1.Role.Owner => Roles.Owner,
        Protocol.V1.Role.Finance => Roles.Finance,
        Protocol.V1.Role.Auditor => Roles.Auditor,
        Protocol.V1.Role.Admin => Roles.Admin,
    };
}

/// <summary>
/// A session, by its token. What the token says is signed; whether the session still spends is the ledger's to say.
/// </summary>
public sealed record SessionCaller : Caller
{
    /// <summary>The tenant's id.</summary>
    public required string Tenant { get; init; }

    /// <summary>The session's name, "sessions/s17".</summary>
    public required string Session { get; init; }

    /// <summary>"agents/promo-writer".</summary>
    public required string Agent { get; init; }

    /// <summary>"useCases/trade-promo".</summary>
    public required string UseCase { get; init; }

    /// <summary>The user it works for; empty when unattended.</summary>
    public required string OnBehalfOf { get; init; }

    /// <summary>
    /// Its tools, separated by spaces; empty where there are none or too many for a token. For readers elsewhere: the
    /// ledger decides by the session's own scope.
    /// </summary>
    public required string Scope { get; init; }

    /// <summary>When the token expires, in seconds since the Unix epoch.</summary>
    public required long ExpiresAtSeconds { get; init; }

    /// <summary>What whoever shows the token proves beside; null where the token alone will do.</summary>
    public TokenBinding? Binding { get; init; }

    /// <inheritdoc/>
    public override Roles Role => Roles.Session;

    /// <inheritdoc/>
    public override string Principal => Session;

    /// <inheritdoc/>
    public override string SpendsAs => Agent;
}
