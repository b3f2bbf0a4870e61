using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity;

/// <summary>Checks tokens that others signed: clients' assertions, subject tokens, proofs.</summary>
internal static class ForeignTokens
{
    private const int TokenCharsMax = 8 * 1024; // As with our own.

    private static readonly string[] Algorithms =
    [
        SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSsaPssSha256,
    ];

    private static readonly JsonWebTokenHandler Handler = new() { MaximumTokenSizeInBytes = TokenCharsMax };

    /// <summary>
    /// The token, if one of the keys signed it and the claims are as they must be; else null. Times are compared by the
    /// caller, with the injected clock.
    /// </summary>
    internal static JsonWebToken? Check(
        string token, string? issuer, string? audience, string? type, IEnumerable<SecurityKey> keys)
    {
        if (token.Length is 0 or > TokenCharsMax || !TokenText.IsUnambiguous(token))
            return null;
        TokenValidationParameters parameters = new()
        {
            ValidAlgorithms = Algorithms,
            ValidTypes = type is null ? null : [type],
            ValidateIssuer = issuer is not null,
            ValidIssuer = issuer,
            ValidateAudience = audience is not null,
            ValidAudience = audience,
            // Exactly one: a token for several services could be passed on by any of them.
            AudienceValidator = audience is null
                ? null
                : (audiences, _, _) => audiences.SequenceEqual([audience], StringComparer.Ordinal),
            IssuerSigningKeys = keys,
            TryAllIssuerSigningKeys = true,
            RequireSignedTokens = true,
            RequireExpirationTime = false,
            ValidateLifetime = false,
            CryptoProviderFactory = new CryptoProviderFactory { CacheSignatureProviders = false },
        };
        try
        {
            TokenValidationResult result = Handler.ValidateTokenAsync(token, parameters).GetAwaiter().GetResult();
            return result.IsValid ? result.SecurityToken as JsonWebToken : null;
        }
        catch (Exception fault) when (fault is ArgumentException or SecurityTokenException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Whether it has an expiry that is not past and not beyond what is taken, and has begun.</summary>
    internal static bool IsTimely(JsonWebToken token, long nowSeconds, long lifetimeSecondsMax)
    {
        const int skew = SessionTokens.ClockSkewSeconds;
        if (!token.TryGetPayloadValue("exp", out long expires) || nowSeconds - skew >= expires
            || expires - nowSeconds > lifetimeSecondsMax + skew)
        {
            return false;
        }

        return !token.TryGetPayloadValue("nbf", out long begins) || begins <= nowSeconds + skew;
    }
}
