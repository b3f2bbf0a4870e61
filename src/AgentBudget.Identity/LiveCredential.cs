using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Identity;

/// <summary>A credential that was made and not revoked. Safe for any thread.</summary>
public sealed class LiveCredential
{
    private const long NanosPerSecond = 1_000_000_000;

    private readonly byte[] _secretSha256;
    private readonly long _expiresAtNanos;
    private int _isRevoked;

    /// <param name="tenant">The tenant's id.</param>
    /// <param name="state">As the ledger has it; not kept.</param>
    internal LiveCredential(string tenant, CredentialState state)
    {
        // A public key has no secret, and what nobody can show is as much work as what somebody can.
        _secretSha256 = state.SecretSha256.IsEmpty ? CredentialSecret.NoHash : state.SecretSha256.ToByteArray();
        _expiresAtNanos = state.ExpireNanos == 0 ? long.MaxValue : state.ExpireNanos;
        Tenant = tenant;
        Number = state.Number;
        Name = $"credentials/c{state.Number}";
        KeyId = $"{tenant}.c{state.Number}";
        Holder = state.Principal;
        Role = state.Role;
        Grains = [.. state.Grains];
        PublicJwk = state.PublicJwk;
        Key = state.PublicJwk.Length > 0 ? PublicKey.Read(state.PublicJwk) : null;
        CertificateSha256 = state.CertificateSha256;
        Usage = new CredentialUsage(state.LastUseNanos / NanosPerSecond);
        Caller = new CredentialCaller(this);
    }

    /// <summary>The tenant's id.</summary>
    public string Tenant { get; }

    /// <summary>Its number within the tenant.</summary>
    public long Number { get; }

    /// <summary>"credentials/c17".</summary>
    public string Name { get; }

    /// <summary>"acme.c17".</summary>
    public string KeyId { get; }

    /// <summary>Whose: "agents/promo-writer", or a name.</summary>
    public string Holder { get; }

    /// <summary>What it may do.</summary>
    public Role Role { get; }

    /// <summary>An owner's use cases and business units.</summary>
    public IReadOnlyList<string> Grains { get; }

    /// <summary>The public key that its assertions are signed with; empty for a secret.</summary>
    public string PublicJwk { get; }

    /// <summary>That key; null for a secret, and for a key that is not taken any more.</summary>
    internal PublicKey? Key { get; }

    /// <summary>SHA-256 of the client certificate that it is bound to, base64url; empty for none.</summary>
    public string CertificateSha256 { get; }

    /// <summary>Who calls with it. One object for all its calls.</summary>
    public CredentialCaller Caller { get; }

    /// <summary>When and from where it is used.</summary>
    internal CredentialUsage Usage { get; }

    /// <summary>Whether it authenticates at this time.</summary>
    public bool IsLive(DateTimeOffset now) =>
        Volatile.Read(ref _isRevoked) == 0
        && (_expiresAtNanos == long.MaxValue || now.ToUnixTimeMilliseconds() < _expiresAtNanos / 1_000_000);

    /// <summary>
    /// Whether this is its secret's random part. Takes as long for any wrong one; allocates nothing.
    /// </summary>
    internal bool Matches(ReadOnlySpan<char> secret) => CredentialSecret.Matches(secret, _secretSha256);

    /// <summary>Whether the call comes with the certificate that the credential is bound to, if it is.</summary>
    internal bool IsFrom(in CallOrigin origin)
    {
        if (CertificateSha256.Length == 0 || origin.IsReview || CertificateSha256 == origin.CertificateSha256)
            return true;
        Usage.NoteUnproven();
        return false;
    }

    internal void Revoke() => Volatile.Write(ref _isRevoked, 1);
}
