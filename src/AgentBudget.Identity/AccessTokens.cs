using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>A token that another one was exchanged from.</summary>
/// <param name="ClientId">The key id of the credential that it was issued to.</param>
/// <param name="Id">Its id.</param>
public readonly record struct TokenSource(string ClientId, string Id);

/// <summary>What an access token says.</summary>
public sealed record AccessToken
{
    /// <summary>The key id of the credential that it was issued to, "acme.c17".</summary>
    public required string ClientId { get; init; }

    /// <summary>Who the work is for: the credential's principal, or the user of an exchanged token.</summary>
    public required string Subject { get; init; }

    /// <summary>Who acts for the subject, with who acted before, as JSON (RFC 8693 §4.1); empty for nobody.</summary>
    public string Actor { get; init; } = "";

    /// <summary>Its own id.</summary>
    public required string Id { get; init; }

    /// <summary>When it was issued, in seconds since 1970.</summary>
    public long IssuedAtSeconds { get; init; }

    /// <summary>When it expires, in seconds since 1970.</summary>
    public required long ExpiresAtSeconds { get; init; }

    /// <summary>
    /// When the user gave it, in seconds since 1970: when the user's own token was issued. 0 for a token of no user.
    /// </summary>
    public long DelegationStartSeconds { get; init; }

    /// <summary>
    /// Until when the user gave it, in seconds since 1970: the end of the user's own token. 0 for a token of no user.
    /// </summary>
    public long DelegationEndSeconds { get; init; }

    /// <summary>The tokens that it was exchanged from, the last one first; it ends with each of them.</summary>
    public IReadOnlyList<TokenSource> Sources { get; init; } = [];

    /// <summary>What its holder proves beside; null for a bearer's.</summary>
    public TokenBinding? Binding { get; init; }

    /// <summary>Thumbprint of the key that its holder proves (RFC 9449 §6); empty for none.</summary>
    public string KeyThumbprint => Binding?.KeyThumbprint ?? "";
}

/// <summary>Access tokens for this service, and for others that trust it (RFC 9068).</summary>
public sealed class AccessTokens : SignedTokens<AccessToken>
{
    /// <summary>The <c>typ</c> of the header (RFC 9068 §2.1).</summary>
    public const string TokenType = "at+jwt";

    /// <summary>How long a token lives, in seconds: short, since others than us check it without asking.</summary>
    public const int LifetimeSeconds = 600;

    private const string DelegationStartClaim = "delegation_iat";
    private const string DelegationEndClaim = "delegation_exp";
    private const string SourcesClaim = "exchanged_from";
    private const int IdBytes = 16; // As many random bytes as a UUID has.

    private readonly Func<string> _issuer;

    /// <param name="keys">Signs and checks.</param>
    /// <param name="time">The clock.</param>
    /// <param name="issuer">The service's own name, a URL; asked for at each use, and then always the same.</param>
    public AccessTokens(KeyRing keys, TimeProvider time, Func<string> issuer)
        : base(keys, time, TokenType, issuer, issuer) => _issuer = issuer;

    /// <summary>A fresh id for a token.</summary>
    public static string NewId() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(IdBytes));

    /// <summary>Signs a token.</summary>
    /// <param name="token">What it says.</param>
    /// <param name="credential">Whom it is issued to.</param>
    /// <param name="resource">For which service (RFC 8707); null for this one.</param>
    public string Mint(AccessToken token, LiveCredential credential, string? resource)
    {
        ArgumentNullException.ThrowIfNull(token);
        ArgumentNullException.ThrowIfNull(credential);
        Dictionary<string, object> claims = new()
        {
            ["sub"] = token.Subject,
            ["client_id"] = token.ClientId,
            ["jti"] = token.Id,
            ["iat"] = token.IssuedAtSeconds,
            ["exp"] = token.ExpiresAtSeconds,
            ["tenant"] = credential.Tenant,
            ["roles"] = new[] { credential.Role.ToString().ToLowerInvariant() },
        };
        if (token.Actor.Length > 0)
            claims["act"] = JsonSerializer.Deserialize<JsonElement>(token.Actor);
        if (token.DelegationStartSeconds > 0)
            claims[DelegationStartClaim] = token.DelegationStartSeconds;
        if (token.DelegationEndSeconds > 0)
            claims[DelegationEndClaim] = token.DelegationEndSeconds;
        if (token.Sources.Count > 0)
            claims[SourcesClaim] = token.Sources.Select(source => $"{source.ClientId} {source.Id}").ToArray();
        TokenBinding.AddTo(claims, token.Binding);
        return Sign(claims, resource ?? _issuer());
    }

    /// <summary>Reads a token for this service; false for any that is not, or past its expiry.</summary>
    public bool TryRead(ReadOnlySpan<char> token, [NotNullWhen(true)] out AccessToken? read)
    {
        long nowSeconds = NowSeconds;
        return TryReadContent(token, nowSeconds, out read)
            && nowSeconds - ClockSkewSeconds < read.ExpiresAtSeconds;
    }

    private protected override AccessToken? Read(Jws token)
    {
        string clientId = token.Text("client_id");
        if (token.Subject.Length == 0 || clientId.Length == 0 || token.Id.Length == 0
            || token.IssuedAtSeconds is not { } issuedAtSeconds
            || !TokenBinding.TryRead(token, out TokenBinding? binding))
        {
            return null;
        }

        return new AccessToken
        {
            ClientId = clientId,
            Subject = token.Subject,
            Actor = token.Raw("act"),
            Id = token.Id,
            IssuedAtSeconds = issuedAtSeconds,
            ExpiresAtSeconds = token.ExpiresAtSeconds!.Value,
            DelegationStartSeconds = SecondsOf(token, DelegationStartClaim),
            DelegationEndSeconds = SecondsOf(token, DelegationEndClaim),
            Sources = SourcesOf(token),
            Binding = binding,
        };
    }

    // As it was minted: the signature was checked before.
    private static long SecondsOf(Jws token, string claim) =>
        token.Claims.TryGetProperty(claim, out JsonElement seconds) ? seconds.GetInt64() : 0;

    private static TokenSource[] SourcesOf(Jws token)
    {
        if (!token.Claims.TryGetProperty(SourcesClaim, out JsonElement sources))
            return [];
        string[][] pairs = [.. sources.EnumerateArray().Select(source => source.GetString()!.Split(' '))];
        return [.. pairs.Select(pair => new TokenSource(pair[0], pair[1]))];
    }
}
