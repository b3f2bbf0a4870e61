namespace AgentBudget.Identity;

/// <summary>What became of a proof that is good for one use.</summary>
public enum ProofOutcome
{
    /// <summary>It proves nothing, or was used before; nothing says which.</summary>
    Refused,

    /// <summary>It is good, and is used now.</summary>
    Taken,

    /// <summary>Its owner or its owner's tenant has used as many as are remembered: it may come again later.</summary>
    Exhausted,

    /// <summary>Whether it was used before cannot be said now; it may be used up. A fresh one may come soon.</summary>
    Unknown,
}

/// <summary>Whose proofs are counted together.</summary>
/// <param name="Tenant">The tenant's id; empty for the operator.</param>
/// <param name="Principal">The principal within it.</param>
public readonly record struct ProofOwner(string Tenant, string Principal)
{
    /// <summary>The owner of what a caller shows.</summary>
    public static ProofOwner Of(Caller caller) => caller switch
    {
        CredentialCaller holder => Of(holder.Credential),
        SessionCaller session => new ProofOwner(session.Tenant, session.Agent),
        null => throw new ArgumentNullException(nameof(caller)),
        _ => new ProofOwner("", caller.Principal),
    };

    /// <summary>The owner of what the holder of a credential shows.</summary>
    public static ProofOwner Of(LiveCredential credential)
    {
        ArgumentNullException.ThrowIfNull(credential);
        return new ProofOwner(credential.Tenant, credential.Holder);
    }
}

/// <summary>What is used once.</summary>
/// <param name="Name">What it is called where its memory is kept.</param>
/// <param name="WindowSeconds">For how long after its use one could be shown again.</param>
public sealed record ReplayKind(string Name, long WindowSeconds)
{
    /// <summary>Proofs of keys.</summary>
    public static ReplayKind Proofs { get; } =
        new("proofs", DpopProofs.AgeSecondsMax + (2 * SessionTokens.ClockSkewSeconds));

    /// <summary>Clients' assertions.</summary>
    public static ReplayKind Assertions { get; } =
        new("assertions", ClientAssertions.LifetimeSecondsMax + (3 * SessionTokens.ClockSkewSeconds));

    /// <summary>The kind of a name.</summary>
    public static ReplayKind Of(string name) => name == Proofs.Name
        ? Proofs
        : name == Assertions.Name
            ? Assertions
            : throw new ArgumentException($"'{name}' is no kind of what is used once", nameof(name));
}

/// <summary>
/// Ids that were used within the time in which they count, so that none is used twice: on this silo alone
/// (<see cref="ReplayMemory"/>), or in a whole cluster. Safe for any thread.
/// </summary>
public interface IReplayMemory
{
    /// <summary>Uses an id, if it is new and there is room for it.</summary>
    /// <param name="owner">Whose it is.</param>
    /// <param name="id">The id.</param>
    /// <param name="issuedSeconds">When it was issued, as it says itself.</param>
    /// <param name="nowSeconds">The time.</param>
    ValueTask<ProofOutcome> TryUseAsync(ProofOwner owner, string id, long issuedSeconds, long nowSeconds);
}
