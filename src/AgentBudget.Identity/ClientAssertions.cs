using Microsoft.IdentityModel.JsonWebTokens;

namespace AgentBudget.Identity;

/// <summary>
/// Clients that prove a private key (private_key_jwt, RFC 7523 §3): a short token that the client signed, for this
/// issuer alone, used once.
/// </summary>
/// <param name="time">The clock.</param>
public sealed class ClientAssertions(TimeProvider time)
{
    /// <summary>An assertion is made for one request.</summary>
    private const int LifetimeSecondsMax = 300;

    private readonly ReplayCache _used = new(LifetimeSecondsMax + (2 * SessionTokens.ClockSkewSeconds));

    /// <summary>Whom an assertion says to be, not checked; null when it does not say.</summary>
    public static string? ClientIdOf(string assertion)
    {
        if (assertion.Length > SessionTokens.TokenCharsMax)
            return null;
        try
        {
            return new JsonWebToken(assertion).Issuer is { Length: > 0 } issuer ? issuer : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>
    /// Whether the credential's key signed the assertion for this issuer, now, and for the first time.
    /// </summary>
    public bool IsOf(LiveCredential credential, string assertion, string issuer)
    {
        if (PublicKeys.Read(credential.PublicJwk) is not { } key)
            return false;
        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        return ForeignTokens.Check(assertion, credential.KeyId, issuer, type: null, [key]) is { } read
            && read.Subject == credential.KeyId
            && ForeignTokens.IsTimely(read, nowSeconds, LifetimeSecondsMax)
            && read.TryGetPayloadValue("jti", out string id)
            && _used.TryUse($"{credential.KeyId} {id}", nowSeconds);
    }
}
