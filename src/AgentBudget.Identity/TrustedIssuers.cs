using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity;

/// <summary>An issuer of users' tokens that a tenant trusts.</summary>
public sealed record TrustedIssuer
{
    /// <summary>Its <c>iss</c>, exactly.</summary>
    public required string Issuer { get; init; }

    /// <summary>Its keys: a URL (https, or http on this machine) or a file.</summary>
    public required string Jwks { get; init; }

    /// <summary>The <c>aud</c> that its tokens must have, and no other.</summary>
    public required string Audience { get; init; }

    /// <summary>The tenant that trusts it.</summary>
    public required string Tenant { get; init; }

    /// <summary>The claim that names the user.</summary>
    public string SubjectClaim { get; init; } = "sub";

    /// <summary>What the user's name in the ledger begins with.</summary>
    public string SubjectPrefix { get; init; } = "user:";
}

/// <summary>The user that a foreign token names, and who acts for them already.</summary>
/// <param name="User">As it is written into the ledger, "user:kim@acme.test".</param>
/// <param name="Actor">The token's <c>act</c> as JSON; empty for none.</param>
/// <param name="ExpiresAtSeconds">When the token expires, in seconds since 1970.</param>
public sealed record ForeignSubject(string User, string Actor, long ExpiresAtSeconds);

/// <summary>
/// Reads tokens of trusted issuers. Keys that come by URL are kept for a while, and asked for again when a token names
/// one that is not among them. Safe for any thread.
/// </summary>
public sealed class TrustedIssuers : IDisposable
{
    private const int JwksBytesMax = 64 * 1024;
    private const int UserCharsMax = 256; // A session is on behalf of at most as many characters.
    private static readonly TimeSpan FetchMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan KeysAge = TimeSpan.FromMinutes(10);

    // A token with a key that nobody has must not make us ask its issuer at every try.
    private static readonly TimeSpan FetchAgain = TimeSpan.FromSeconds(30);

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    private readonly ConcurrentDictionary<string, Keys> _keys = new(StringComparer.Ordinal);
    private readonly HttpClient _http = new() { Timeout = FetchMax, MaxResponseContentBufferSize = JwksBytesMax };
    private readonly IReadOnlyList<TrustedIssuer> _issuers;
    private readonly TimeProvider _time;

    /// <summary>Trusts these.</summary>
    public TrustedIssuers(IReadOnlyList<TrustedIssuer> issuers, TimeProvider time)
    {
        _issuers = issuers;
        _time = time;
    }

    /// <summary>Reads a file: a JSON array of issuers. A path to keys is relative to the file.</summary>
    /// <exception cref="InvalidDataException">It is not readable as that; the message says why.</exception>
    public static IReadOnlyList<TrustedIssuer> ReadFile(string path)
    {
        try
        {
            List<TrustedIssuer> issuers =
                JsonSerializer.Deserialize<List<TrustedIssuer>>(File.ReadAllText(path), Json) ?? [];
            string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
            return [.. issuers.Select(issuer => Located(issuer, folder))];
        }
        catch (JsonException fault)
        {
            throw new InvalidDataException(
                $"{path} must be a JSON array of issuers with issuer, jwks, audience and tenant: {fault.Message}");
        }
    }

    /// <summary>Whom a token names, if an issuer that the tenant trusts signed it for us and it is not past.</summary>
    public async ValueTask<ForeignSubject?> ReadAsync(string tenant, string token)
    {
        if (token.Length > SessionTokens.TokenCharsMax || Unread(token) is not { } unread)
            return null;
        TrustedIssuer? issuer = _issuers.FirstOrDefault(one => one.Issuer == unread.Issuer && one.Tenant == tenant);
        if (issuer is null)
            return null;
        Keys keys = await KeysOfAsync(issuer, unread.Kid);
        JsonWebToken? read = ForeignTokens.Check(token, issuer.Issuer, issuer.Audience, type: null, keys.All);
        long nowSeconds = _time.GetUtcNow().ToUnixTimeSeconds();
        const long lifetimeSecondsMax = 24 * 3600; // A token of a user that outlives the day is not one for exchange.
        if (read is null || !ForeignTokens.IsTimely(read, nowSeconds, lifetimeSecondsMax))
            return null;
        bool isNamed = read.TryGetPayloadValue(issuer.SubjectClaim, out string name) && name.Length > 0
            && name.Length + issuer.SubjectPrefix.Length <= UserCharsMax && !name.Any(char.IsControl);
        if (!isNamed)
            return null;
        string actor = read.TryGetPayloadValue("act", out JsonElement act) ? act.GetRawText() : "";
        return new ForeignSubject(issuer.SubjectPrefix + name, actor, read.GetPayloadValue<long>("exp"));
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static TrustedIssuer Located(TrustedIssuer issuer, string folder)
    {
        bool isUrl = Uri.TryCreate(issuer.Jwks, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https";
        if (!isUrl)
            return issuer with { Jwks = Path.GetFullPath(issuer.Jwks, folder) };
        return url!.Scheme == "https" || url.IsLoopback
            ? issuer
            : throw new InvalidDataException(
                $"The keys of {issuer.Issuer} must come by https, not from {issuer.Jwks}.");
    }

    private static JsonWebToken? Unread(string token)
    {
        try
        {
            return new JsonWebToken(token);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private async ValueTask<Keys> KeysOfAsync(TrustedIssuer issuer, string kid)
    {
        DateTimeOffset now = _time.GetUtcNow();
        if (_keys.TryGetValue(issuer.Jwks, out Keys? known))
        {
            TimeSpan age = now - known.ReadAt;
            bool isThere = known.All.Any(key => key.KeyId == kid);
            if (age < FetchAgain || (isThere && age < KeysAge))
                return known;
        }

        try
        {
            string text = Uri.TryCreate(issuer.Jwks, UriKind.Absolute, out Uri? url) && !url.IsFile
                ? await _http.GetStringAsync(url)
                : await File.ReadAllTextAsync(issuer.Jwks);
            IEnumerable<SecurityKey> keys = new JsonWebKeySet(text).Keys
                .Where(key => PublicKeys.Read(JsonSerializer.Serialize(PublicPart(key))) is not null);
            return _keys[issuer.Jwks] = new Keys([.. keys], now);
        }
        catch (Exception fault) when (fault is HttpRequestException or TaskCanceledException or IOException
            or UnauthorizedAccessException or ArgumentException)
        {
            // What was known stays until its issuer answers; with nothing known, nothing passes.
            return _keys[issuer.Jwks] = (known ?? new Keys([], now)) with { ReadAt = now };
        }
    }

    private static Dictionary<string, string?> PublicPart(JsonWebKey key) => new()
    {
        ["kty"] = key.Kty,
        ["crv"] = key.Crv,
        ["x"] = key.X,
        ["y"] = key.Y,
        ["n"] = key.N,
        ["e"] = key.E,
    };

    private sealed record Keys(IReadOnlyList<SecurityKey> All, DateTimeOffset ReadAt);
}
