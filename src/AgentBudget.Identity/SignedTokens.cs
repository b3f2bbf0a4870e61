using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>
/// Tokens of one kind: JSON Web Tokens signed with ES256 (RFC 7519, RFC 7515), checked where they arrive. A token that
/// was checked once is known again by its hash for as long as the same keys count; only its expiry is looked at each
/// time.
/// </summary>
/// <typeparam name="TContent">What a token says. Shared by all its uses.</typeparam>
public abstract class SignedTokens<TContent>
    where TContent : class
{
    /// <summary>
    /// A token is at most this long, in characters: ten times what we mint, and no work for an attacker.
    /// </summary>
    public const int TokenCharsMax = Jws.CharsMax;

    /// <summary>How far clocks may differ before an expiry counts, in seconds.</summary>
    public const int ClockSkewSeconds = 5;

    private const string Algorithm = "ES256";

    /// <summary>What we mint fits here; clearing more stack at each call would cost more than the hash.</summary>
    private const int StackCharsMax = 1024;

    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly string _type;
    private readonly Func<string> _issuer;
    private readonly Func<string> _audience;
    private volatile Checks? _checks;

    private protected SignedTokens(
        KeyRing keys, TimeProvider time, string type, Func<string> issuer, Func<string> audience)
    {
        ArgumentNullException.ThrowIfNull(keys);
        ArgumentNullException.ThrowIfNull(time);
        _keys = keys;
        _time = time;
        _type = type;
        _issuer = issuer;
        _audience = audience;
    }

    /// <summary>The time, in seconds since 1970.</summary>
    private protected long NowSeconds => _time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>A number that is another whenever other keys count.</summary>
    private protected int KeysVersionAt(long nowSeconds) => _keys.VersionAt(nowSeconds);

    /// <summary>Signs claims; the issuer and the audience are added.</summary>
    private protected string Sign(Dictionary<string, object> claims, string audience)
    {
        SigningKey key = _keys.Current;
        claims["iss"] = _issuer();
        claims["aud"] = audience;
        Dictionary<string, string> header = new() { ["alg"] = Algorithm, ["kid"] = key.KeyId, ["typ"] = _type };
        string signed = $"{Encode(JsonSerializer.SerializeToUtf8Bytes(header))}."
            + Encode(JsonSerializer.SerializeToUtf8Bytes(claims));
        return $"{signed}.{Encode(key.Sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    /// <summary>
    /// What a token says, whatever its expiry; false for one that is forged, unreadable or of another kind.
    /// </summary>
    private protected bool TryReadContent(
        ReadOnlySpan<char> token, long nowSeconds, [NotNullWhen(true)] out TContent? content)
    {
        content = null;
        if (token.Length is 0 or > TokenCharsMax || !Ascii.IsValid(token))
            return false;
        Checks checks = ChecksAt(nowSeconds);
        TokenHash hash = HashOf(token);
        if (checks.Known.TryGet(hash, out content))
            return true;
        content = Check(token, checks.Keys);
        if (content is null)
            return false;
        checks.Known.Add(hash, content);
        return true;
    }

    /// <summary>What a token whose signature is good says; null when something is missing.</summary>
    private protected abstract TContent? Read(Jws token);

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private static TokenHash HashOf(ReadOnlySpan<char> token)
    {
        Span<byte> bytes = token.Length <= StackCharsMax ? stackalloc byte[StackCharsMax] : new byte[token.Length];
        int count = Encoding.ASCII.GetBytes(token, bytes);
        return TokenHash.Of(bytes[..count]);
    }

    private Checks ChecksAt(long nowSeconds)
    {
        int version = _keys.VersionAt(nowSeconds);
        if (_checks is { } checks && checks.Version == version)
            return checks;
        // Made twice by two threads at once, one of them is forgotten: it only knew less.
        return _checks = new Checks(
            version, _keys.VerifyingKeys(nowSeconds), new(TokenCache<TContent>.GenerationEntriesMax));
    }

    // The expiry is compared at every use and by the injected clock; here it need only be there.
    private TContent? Check(ReadOnlySpan<char> text, IReadOnlyList<PublicKey> keys)
    {
        if (Jws.Read(text) is not { Algorithm: Algorithm } token || token.Type != _type
            || token.ExpiresAtSeconds is null || token.Issuer != _issuer() || !token.IsFor(_audience()))
        {
            return null;
        }

        foreach (PublicKey key in keys)
        {
            if (key.KeyId == token.KeyId)
                return token.IsSignedBy(key) ? Read(token) : null;
        }

        return null;
    }

    private sealed record Checks(int Version, IReadOnlyList<PublicKey> Keys, TokenCache<TContent> Known);
}
