using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AgentBudget.Identity;

/// <summary>
/// Session tokens: JSON Web Tokens signed with ES256 (RFC 7519, RFC 7515), checked where they arrive. A token that was
/// checked once is known again by its hash; only its expiry is looked at each time.
/// </summary>
public sealed class SessionTokens
{
    /// <summary>
    /// The <c>typ</c> of the header (RFC 8725 §3.11): no other kind of token passes for one of these.
    /// </summary>
    public const string TokenType = "agentbudget-session+jwt";

    /// <summary>The <c>iss</c> claim.</summary>
    public const string Issuer = "agentbudget";

    /// <summary>The <c>aud</c> claim.</summary>
    public const string Audience = "agentbudget.v1";

    /// <summary>
    /// A token is at most this long, in characters: ten times what we mint, and no work for an attacker.
    /// </summary>
    public const int TokenCharsMax = 8 * 1024;

    /// <summary>How far clocks may differ before an expiry counts, in seconds.</summary>
    public const int ClockSkewSeconds = 5;

    /// <summary>
    /// A longer scope is left out of the token, so that a session with many tools still gets a usable one.
    /// </summary>
    private const int ScopeCharsMax = 1024;

    /// <summary>What we mint fits here; clearing more stack at each call would cost more than the hash.</summary>
    private const int StackCharsMax = 1024;

    /// <summary>Tokens that are known again as the same string, without a hash.</summary>
    private const int RecentTokensMax = 4096; // A power of two.

    private readonly JsonWebTokenHandler _handler =
        new() { SetDefaultTimesOnTokenCreation = false, MaximumTokenSizeInBytes = TokenCharsMax };

    private readonly SessionTokenCache _cache = new(SessionTokenCache.GenerationEntriesMax);
    private readonly RecentToken?[] _recent = new RecentToken?[RecentTokensMax];
    private readonly TimeProvider _time;
    private readonly SigningCredentials _credentials;
    private readonly TokenValidationParameters _parameters;

    /// <summary>Mints and checks tokens of one signing key.</summary>
    public SessionTokens(SigningKey signingKey, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(signingKey);
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _credentials = new SigningCredentials(signingKey.Key, SecurityAlgorithms.EcdsaSha256);
        _parameters = new TokenValidationParameters
        {
            ValidAlgorithms = [SecurityAlgorithms.EcdsaSha256],
            ValidTypes = [TokenType],
            ValidIssuer = Issuer,
            ValidAudience = Audience,
            IssuerSigningKey = signingKey.Key,
            TryAllIssuerSigningKeys = false,
            RequireSignedTokens = true,
            // The expiry is compared in Read, at every use and by the injected clock; here it need only be there.
            RequireExpirationTime = true,
            ValidateLifetime = false,
        };
    }

    /// <summary>Signs a token for a session, expiring with it.</summary>
    public string Mint(SessionCaller session)
    {
        ArgumentNullException.ThrowIfNull(session);
        Dictionary<string, object> claims = new()
        {
            ["tenant"] = session.Tenant,
            ["session"] = session.Session,
            ["agent"] = session.Agent,
            ["use_case"] = session.UseCase,
            ["exp"] = session.ExpiresAtSeconds,
            ["iat"] = _time.GetUtcNow().ToUnixTimeSeconds(),
        };

        // RFC 8693 §4.1: the subject is who the work is for, the actor who does it.
        if (session.OnBehalfOf.Length == 0)
        {
            claims["sub"] = session.Agent;
        }
        else
        {
            claims["sub"] = session.OnBehalfOf;
            claims["act"] = new Dictionary<string, object> { ["sub"] = session.Agent };
        }

        if (session.Scope.Length is > 0 and <= ScopeCharsMax)
            claims["scope"] = session.Scope;
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = TokenType,
            Issuer = Issuer,
            Audience = Audience,
            Claims = claims,
            SigningCredentials = _credentials,
        });
    }

    /// <summary>
    /// Reads a token. False for one that is forged, unreadable, of another issuer, or past its expiry; nothing says
    /// which, because an attacker would learn from it.
    /// </summary>
    /// <param name="token">The token as it came.</param>
    /// <param name="takesEnded">
    /// Whether the method takes a token past its expiry: what was spent must be recorded.
    /// </param>
    /// <param name="session">Whom it names. Shared: known again at the next use.</param>
    public bool TryRead(ReadOnlySpan<char> token, bool takesEnded, [NotNullWhen(true)] out SessionCaller? session)
    {
        session = null;
        if (token.Length is 0 or > TokenCharsMax || !Ascii.IsValid(token))
            return false;
        TokenHash hash = HashOf(token);
        if (!_cache.TryGet(hash, out session))
        {
            session = Check(token.ToString());
            if (session is null)
                return false;
            _cache.Add(hash, session);
        }

        return takesEnded || !IsPast(session);
    }

    /// <summary>
    /// The same for a string that comes again as the same object, as one that calls share does: then it is known
    /// without being hashed.
    /// </summary>
    /// <inheritdoc cref="TryRead(ReadOnlySpan{char}, bool, out SessionCaller?)"/>
    public bool TryReadShared(string token, bool takesEnded, [NotNullWhen(true)] out SessionCaller? session)
    {
        ArgumentNullException.ThrowIfNull(token);
        ref RecentToken? place = ref _recent[RuntimeHelpers.GetHashCode(token) & (RecentTokensMax - 1)];
        RecentToken? recent = Volatile.Read(ref place);
        if (recent is not null && ReferenceEquals(recent.Token, token))
        {
            session = recent.Session;
            return takesEnded || !IsPast(session);
        }

        if (!TryRead(token, takesEnded, out session))
            return false;
        Volatile.Write(ref place, new RecentToken(token, session));
        return true;
    }

    private bool IsPast(SessionCaller session) =>
        _time.GetUtcNow().ToUnixTimeSeconds() - ClockSkewSeconds >= session.ExpiresAtSeconds;

    private static TokenHash HashOf(ReadOnlySpan<char> token)
    {
        Span<byte> bytes = token.Length <= StackCharsMax ? stackalloc byte[StackCharsMax] : new byte[token.Length];
        int count = Encoding.ASCII.GetBytes(token, bytes);
        return TokenHash.Of(bytes[..count]);
    }

    private sealed record RecentToken(string Token, SessionCaller Session);

    private SessionCaller? Check(string token)
    {
        TokenValidationResult result;
        try
        {
            // Completes at once: the key is at hand and nothing is fetched.
            result = _handler.ValidateTokenAsync(token, _parameters).GetAwaiter().GetResult();
        }
        catch (Exception fault) when (fault is ArgumentException or SecurityTokenException or FormatException)
        {
            return null;
        }

        return result.IsValid && result.SecurityToken is JsonWebToken read ? Read(read) : null;
    }

    private static SessionCaller? Read(JsonWebToken token)
    {
        if (!token.TryGetPayloadValue("tenant", out string tenant)
            || !token.TryGetPayloadValue("session", out string session)
            || !token.TryGetPayloadValue("agent", out string agent)
            || !token.TryGetPayloadValue("use_case", out string useCase)
            || !token.TryGetPayloadValue("exp", out long expiresAtSeconds)
            || !token.TryGetPayloadValue("sub", out string subject))
        {
            return null;
        }

        bool isUnattended = !token.TryGetPayloadValue("act", out System.Text.Json.JsonElement _);
        return new SessionCaller
        {
            Tenant = tenant,
            Session = session,
            Agent = agent,
            UseCase = useCase,
            OnBehalfOf = isUnattended ? "" : subject,
            Scope = token.TryGetPayloadValue("scope", out string scope) ? scope : "",
            ExpiresAtSeconds = expiresAtSeconds,
        };
    }
}
