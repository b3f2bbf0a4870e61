namespace AgentBudget.Identity;

/// <summary>What a caller may be.</summary>
[Flags]
public enum Roles
{
    /// <summary>Nobody.</summary>
    None = 0,

    /// <summary>The operator.</summary>
    Admin = 1,

    /// <summary>A session, by its own token.</summary>
    Session = 2,
}

/// <summary>Who calls, as authenticated.</summary>
public abstract record Caller
{
    /// <summary>The one role that the caller has.</summary>
    public abstract Roles Role { get; }

    /// <summary>The principal as it is written into the ledger.</summary>
    public abstract string Principal { get; }
}

/// <summary>The operator, by the admin key.</summary>
public sealed record AdminCaller : Caller
{
    /// <summary>The only one.</summary>
    public static AdminCaller Instance { get; } = new();

    /// <inheritdoc/>
    public override Roles Role => Roles.Admin;

    /// <inheritdoc/>
    public override string Principal => "admin";
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

    /// <inheritdoc/>
    public override Roles Role => Roles.Session;

    /// <inheritdoc/>
    public override string Principal => Session;
}
