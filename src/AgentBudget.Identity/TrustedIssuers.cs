using System.Text.Json;

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
/// <param name="IssuedAtSeconds">When the token was issued, in seconds since 1970.</param>
/// <param name="ExpiresAtSeconds">When the token expires, in seconds since 1970.</param>
public sealed record ForeignSubject(string User, string Actor, long IssuedAtSeconds, long ExpiresAtSeconds);

/// <summary>Reads tokens of trusted issuers. Safe for any thread.</summary>
public sealed class TrustedIssuers : IDisposable
{
    /// <summary>A token of a user that outlives the day is not one for exchange.</summary>
    private const long LifetimeSecondsMax = 24 * 3600;

    /// <summary>An id token or an access token (RFC 9068); made for something else, it names another type.</summary>
    private static readonly string[] Types = ["JWT", "at+jwt"];

    private const string EventsClaim = "events";

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { AllowDuplicateProperties = false };

    private readonly HttpClient _http = IssuerKeys.NewClient();
    private readonly IReadOnlyList<(TrustedIssuer Issuer, IssuerKeys Keys)> _issuers;
    private readonly TimeProvider _time;

    /// <summary>Trusts these.</summary>
    public TrustedIssuers(IReadOnlyList<TrustedIssuer> issuers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(issuers);
        Dictionary<string, IssuerKeys> sources = new(StringComparer.Ordinal);
        foreach (TrustedIssuer issuer in issuers)
            sources.TryAdd(issuer.Jwks, new IssuerKeys(issuer.Jwks, _http, time));
        _issuers = [.. issuers.Select(issuer => (issuer, sources[issuer.Jwks]))];
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

    /// <summary>
    /// Whom a token names, if an issuer that the client's tenant trusts signed it for us, it is not past, and it lets
    /// the client act.
    /// </summary>
    /// <param name="client">Who asks.</param>
    /// <param name="token">The token as it came.</param>
    public async ValueTask<ForeignSubject?> ReadAsync(LiveCredential client, string token)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (Jws.Read(token) is not { } unread)
            return null;
        (TrustedIssuer? issuer, IssuerKeys keys) = _issuers.FirstOrDefault(
            one => one.Issuer.Issuer == unread.Issuer && one.Issuer.Tenant == client.Tenant);
        if (issuer is null)
            return null;
        TokenRules rules = new()
        {
            Types = Types,
            MayLackType = true,
            Issuer = issuer.Issuer,
            Audience = issuer.Audience,
            LifetimeSecondsMax = LifetimeSecondsMax,
            // As long is remembered that a user's tokens were ended.
            AgeSecondsMax = LifetimeSecondsMax,
        };
        IReadOnlyList<PublicKey> known = await keys.GetAsync(unread.KeyId);
        if (ForeignTokens.Check(unread, rules, known, _time.GetUtcNow().ToUnixTimeSeconds()) is not { } read)
            return null;
        // A token of events, such as one of a logout, says nothing of what its user wants (OpenID Back-Channel 2.4).
        if (read.Raw(EventsClaim).Length > 0)
            return null;
        // A token that is bound to its holder's key is worth nothing to whoever cannot prove it (RFC 7800).
        bool isTheirs = read.Raw("cnf").Length == 0 && MayAct(read, client);
        return isTheirs && UserNames.TryNormalize(issuer.SubjectPrefix, read.Text(issuer.SubjectClaim), out string user)
            ? new ForeignSubject(user, read.Raw("act"), read.IssuedAtSeconds!.Value, read.ExpiresAtSeconds!.Value)
            : null;
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

    // Where the user named who may act, nobody else does (RFC 8693 §4.4).
    private static bool MayAct(Jws token, LiveCredential client)
    {
        if (!token.Claims.TryGetProperty("may_act", out JsonElement named))
            return true;
        foreach (JsonProperty member in named.EnumerateObject())
        {
            bool isClient = member.Value.ValueKind == JsonValueKind.String && member.Name switch
            {
                "sub" => member.Value.ValueEquals(client.Holder) || member.Value.ValueEquals(client.KeyId),
                "client_id" => member.Value.ValueEquals(client.KeyId),
                _ => false, // What is not understood names somebody else.
            };
            if (!isClient)
                return false;
        }

        return named.EnumerateObject().Any();
    }
}
