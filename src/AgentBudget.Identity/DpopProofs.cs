using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>What a proof has to be made for: the request as it arrived.</summary>
/// <param name="Verb">The HTTP method.</param>
/// <param name="Path">The path.</param>
/// <param name="LocalAddress">The address that the connection came to; null where it is not known.</param>
/// <param name="LocalPort">The port likewise.</param>
public readonly record struct ProofTarget(string Verb, string Path, IPAddress? LocalAddress, int LocalPort);

/// <summary>What a proof proves.</summary>
/// <param name="Outcome">What became of it.</param>
/// <param name="Thumbprint">The thumbprint (RFC 7638) of the key; empty for one that was not taken.</param>
public readonly record struct ProvenKey(ProofOutcome Outcome, string Thumbprint);

/// <summary>
/// Proofs that a caller holds the key that its token is bound to (DPoP, RFC 9449 §4.3): for one request, made now, used
/// once.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="memory">Remembers which were used.</param>
/// <param name="issuer">The service's own name, a URL: proofs for its host are proofs for us.</param>
public sealed class DpopProofs(TimeProvider time, IReplayMemory memory, Func<string> issuer)
{
    /// <summary>The <c>typ</c> of a proof.</summary>
    public const string TokenType = "dpop+jwt";

    /// <summary>A proof is made for one request; callers' clocks differ.</summary>
    internal const int AgeSecondsMax = 60;

    private static readonly TokenRules Rules =
        new() { Types = [TokenType], AgeSecondsMax = AgeSecondsMax, NeedsId = true };

    /// <summary>Whether a proof proves a key for this request, and for the first time.</summary>
    /// <param name="proof">The DPoP header.</param>
    /// <param name="target">The request.</param>
    /// <param name="accessToken">The token that comes with it; null where there is none yet.</param>
    /// <param name="owner">Whose proofs these are: each has a share of what is remembered.</param>
    public async ValueTask<ProvenKey> CheckAsync(
        string? proof, ProofTarget target, string? accessToken, ProofOwner owner)
    {
        if (Jws.Read(proof) is not { } token || !token.Header.TryGetProperty("jwk", out JsonElement jwk)
            || PublicKey.Read(jwk) is not { } key)
        {
            return new ProvenKey(ProofOutcome.Refused, "");
        }

        long nowSeconds = time.GetUtcNow().ToUnixTimeSeconds();
        bool isRight = token.Text("htm") == target.Verb && IsOf(token.Text("htu"), target)
            && (accessToken is null || token.Text("ath") == HashOf(accessToken))
            && ForeignTokens.Check(token, Rules, [key], nowSeconds) is not null;
        if (!isRight)
            return new ProvenKey(ProofOutcome.Refused, "");
        string thumbprint = key.Thumbprint;
        ProofOutcome outcome = await memory.TryUseAsync(
            owner, $"p {thumbprint} {token.Id}", token.IssuedAtSeconds!.Value, nowSeconds);
        return new ProvenKey(outcome, outcome == ProofOutcome.Taken ? thumbprint : "");
    }

    private static string HashOf(string accessToken) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(accessToken)));

    // A proof that was made for another host must be worth nothing here. What the caller says in its Host header is the
    // caller's word: ours are the name that callers know us by, and the address that the connection came to. A proxy
    // may end TLS, so both schemes are right; query and fragment do not count (RFC 9449 §4.3).
    private bool IsOf(string url, ProofTarget target)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? named) || named.Scheme is not ("https" or "http")
            || named.UserInfo.Length > 0 || named.AbsolutePath != target.Path)
        {
            return false;
        }

        Uri own = new(issuer());
        bool isName = string.Equals(named.IdnHost, own.IdnHost, StringComparison.OrdinalIgnoreCase)
            && (named.Port == own.Port || named.Port == target.LocalPort);
        return isName || (named.Port == target.LocalPort && IsAddress(named, target.LocalAddress));
    }

    private static bool IsAddress(Uri named, IPAddress? local)
    {
        if (local is null)
            return false;
        if (local.IsIPv4MappedToIPv6)
            local = local.MapToIPv4();
        return IPAddress.TryParse(named.IdnHost, out IPAddress? address)
            ? address.Equals(local)
            : IPAddress.IsLoopback(local) && named.IsLoopback;
    }
}
