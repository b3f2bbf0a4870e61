namespace AgentBudget.Identity;

/// <summary>
/// Clients that prove a private key (private_key_jwt, RFC 7523 §3): a short token that the client signed, for this
/// issuer alone, used once.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="memory">Remembers which were used.</param>
public sealed class ClientAssertions(TimeProvider time, IReplayMemory memory)
{
    /// <summary>An assertion is made for one request.</summary>
    internal const int LifetimeSecondsMax = 300;

    private static readonly string[] Types = ["JWT", "client-authentication+jwt"];

    /// <summary>Whom an assertion says to be, not checked; null when it does not say.</summary>
    public static string? ClientIdOf(string assertion) =>
        Jws.Read(assertion)?.Issuer is { Length: > 0 } issuer ? issuer : null;

    /// <summary>
    /// Whether the credential's key signed the assertion for this issuer, now, and for the first time.
    /// </summary>
    public async ValueTask<ProofOutcome> CheckAsync(LiveCredential credential, string assertion, string issuer)
    {
        ArgumentNullException.ThrowIfNull(credential);
        if (credential.Key is not { } key || Jws.Read(assertion) is not { } token)
            return ProofOutcome.Refused;
        TokenRules rules = new()
        {
            Types = Types,
            MayLackType = true,
            Issuer = credential.KeyId,
            Audience = issuer,
            LifetimeSecondsMax = LifetimeSecondsMax,
            AgeSecondsMax = LifetimeSecondsMax + SessionTokens.ClockSkewSeconds,
            NeedsId = true,
        };
        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        bool isProven = ForeignTokens.Check(token, rules, [key], nowSeconds) is not null
            && token.Subject == credential.KeyId;
        if (!isProven)
            return ProofOutcome.Refused;
        // Each client counts its ids for itself (RFC 7523 §3), so nobody uses up another's.
        string id = $"a {credential.KeyId} {token.Id}";
        return await memory.TryUseAsync(
            ProofOwner.Of(credential), id, token.IssuedAtSeconds!.Value, nowSeconds);
    }
}
