using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity;

/// <summary>
/// Proofs that a caller holds the key that its token is bound to (DPoP, RFC 9449 §4.3): for one request, made now, used
/// once.
/// </summary>
/// <param name="time">The clock.</param>
public sealed class DpopProofs(TimeProvider time)
{
    /// <summary>The <c>typ</c> of a proof.</summary>
    public const string TokenType = "dpop+jwt";

    /// <summary>A proof is made for one request; callers' clocks differ.</summary>
    private const int AgeSecondsMax = 60;

    private readonly ReplayCache _used = new(2 * (AgeSecondsMax + SessionTokens.ClockSkewSeconds));

    /// <summary>The thumbprint (RFC 7638) of the key that a proof proves; null for a proof that is none.</summary>
    /// <param name="proof">The DPoP header.</param>
    /// <param name="method">The HTTP method of the request.</param>
    /// <param name="path">The path of the request; the proof's URL must end in it.</param>
    /// <param name="accessToken">The token that comes with it; null where there is none yet.</param>
    public string? Check(string? proof, string method, string path, string? accessToken)
    {
        if (proof is null || proof.Length > SessionTokens.TokenCharsMax || KeyOf(proof) is not { } key)
            return null;
        if (ForeignTokens.Check(proof, issuer: null, audience: null, TokenType, [key]) is not { } read)
            return null;
        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        bool isRight = read.TryGetPayloadValue("htm", out string htm) && htm == method
            && read.TryGetPayloadValue("htu", out string htu) && IsOf(htu, path)
            && read.TryGetPayloadValue("iat", out long issued)
            && Math.Abs(nowSeconds - issued) <= AgeSecondsMax
            && (accessToken is null || (read.TryGetPayloadValue("ath", out string ath) && ath == HashOf(accessToken)));
        if (!isRight || !read.TryGetPayloadValue("jti", out string id))
            return null;
        string thumbprint = Base64Url.EncodeToString(key.ComputeJwkThumbprint());
        return _used.TryUse($"{thumbprint} {id}", nowSeconds) ? thumbprint : null;
    }

    private static string HashOf(string accessToken) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)));

    // Host and scheme are what a proxy in front of us shows the caller; the path is ours.
    private static bool IsOf(string url, string path) =>
        Uri.TryCreate(url, UriKind.Absolute, out Uri? target) && target.AbsolutePath == path
        && target.Scheme is "https" or "http";

    private static JsonWebKey? KeyOf(string proof)
    {
        try
        {
            JsonWebToken unread = new(proof);
            return unread.TryGetHeaderValue("jwk", out JsonElement jwk) ? PublicKeys.Read(jwk.GetRawText()) : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
