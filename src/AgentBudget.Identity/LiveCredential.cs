using System.Security.Cryptography;
using System.Text;
using AgentBudget.Protocol.Snapshot.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Identity;

/// <summary>A credential that was made and not revoked. Safe for any thread.</summary>
public sealed class LiveCredential
{
    private const long NanosPerSecond = 1_000_000_000;
    private const long SecondsPerMinute = 60;

    private readonly byte[] _secretSha256;
    private readonly long _expiresAtNanos;
    private long _lastUseMinute;
    private int _isRevoked;

    /// <param name="tenant">The tenant's id.</param>
    /// <param name="state">As the ledger has it; not kept.</param>
    internal LiveCredential(string tenant, CredentialState state)
    {
        _secretSha256 = state.SecretSha256.ToByteArray();
        _expiresAtNanos = state.ExpireNanos == 0 ? long.MaxValue : state.ExpireNanos;
        Tenant = tenant;
        Number = state.Number;
        Name = $"credentials/c{state.Number}";
        KeyId = $"{tenant}.c{state.Number}";
        Holder = state.Principal;
        Role = state.Role;
        Grains = [.. state.Grains];
        PublicJwk = state.PublicJwk;
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

    /// <summary>Who calls with it. One object for all its calls.</summary>
    public CredentialCaller Caller { get; }

    /// <summary>When it was last used, in seconds since 1970, to the minute; 0 for not since the start.</summary>
    public long LastUseSeconds => Volatile.Read(ref _lastUseMinute) * SecondsPerMinute;

    /// <summary>Whether it authenticates at this time.</summary>
    public bool IsLive(DateTimeOffset now) =>
        Volatile.Read(ref _isRevoked) == 0
        && (_expiresAtNanos == long.MaxValue || now.ToUnixTimeMilliseconds() < _expiresAtNanos / 1_000_000);

    /// <summary>
    /// Whether this is its secret's random part. Takes as long for any wrong one; allocates nothing.
    /// </summary>
    internal bool Matches(ReadOnlySpan<char> secret)
    {
        if (secret.Length != CredentialSecret.SecretChars || _secretSha256.Length == 0)
            return false;
        Span<byte> bytes = stackalloc byte[CredentialSecret.SecretChars];
        Encoding.ASCII.GetBytes(secret, bytes);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        Sha256.Hash(bytes, hash);
        return CryptographicOperations.FixedTimeEquals(hash, _secretSha256);
    }

    internal void NoteUse(DateTimeOffset now)
    {
        // Written once a minute: a line of cache that every call wrote would be fought over by all cores.
        long minute = now.ToUnixTimeSeconds() / SecondsPerMinute;
        if (Volatile.Read(ref _lastUseMinute) != minute)
            Volatile.Write(ref _lastUseMinute, minute);
    }

    internal void Revoke() => Volatile.Write(ref _isRevoked, 1);
}
