using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace AgentBudget.Identity;

/// <summary>
/// Session tokens: checked where they arrive. Whether the session still spends is the ledger's to say.
/// </summary>
public sealed class SessionTokens : SignedTokens<SessionCaller>
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
    /// A longer scope is left out of the token, so that a session with many tools still gets a usable one.
    /// </summary>
    private const int ScopeCharsMax = 1024;

    /// <summary>Tokens that are known again as the same string, without a hash.</summary>
    private const int RecentTokensMax = 4096; // A power of two.

    /// <summary>Places that a token may be in, so that two which fall on one another both stay known.</summary>
    private const int PlacesOfToken = 8; // A power of two.

    private static readonly string[] RequiredClaims = ["tenant", "session", "agent", "use_case", "sub"];

    private readonly RecentToken?[] _recent = new RecentToken?[RecentTokensMax];
    private int _replaced;

    /// <summary>Mints and checks tokens of the keys of a ring.</summary>
    public SessionTokens(KeyRing keys, TimeProvider time)
        : base(keys, time, TokenType, static () => Issuer, static () => Audience)
    {
    }

    /// <summary>Mints and checks tokens of one signing key.</summary>
    internal SessionTokens(SigningKey signingKey, TimeProvider time)
        : this(KeyRing.Of(signingKey), time)
    {
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
            ["iat"] = NowSeconds,
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
        TokenBinding.AddTo(claims, session.Binding);
        return Sign(claims, Audience);
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
        long nowSeconds = NowSeconds;
        return TryReadContent(token, nowSeconds, out session) && (takesEnded || !IsPast(session, nowSeconds));
    }

    /// <summary>
    /// The same for a string that comes again as the same object, as one that calls share does: then it is known
    /// without being hashed, for as long as the same keys count.
    /// </summary>
    /// <inheritdoc cref="TryRead(ReadOnlySpan{char}, bool, out SessionCaller?)"/>
    public bool TryReadShared(string token, bool takesEnded, [NotNullWhen(true)] out SessionCaller? session)
    {
        ArgumentNullException.ThrowIfNull(token);
        long nowSeconds = NowSeconds;
        int version = KeysVersionAt(nowSeconds);
        int first = RuntimeHelpers.GetHashCode(token) & (RecentTokensMax - PlacesOfToken);
        Span<RecentToken?> places = _recent.AsSpan(first, PlacesOfToken);
        int place = -1;
        for (int i = 0; i < places.Length; i++)
        {
            RecentToken? recent = Volatile.Read(ref places[i]);
            if (recent is not null && recent.KeysVersion == version)
            {
                if (!ReferenceEquals(recent.Token, token))
                    continue;
                session = recent.Session;
                return takesEnded || !IsPast(session, nowSeconds);
            }

            place = i; // Free, or of keys that do not count any more.
        }

        if (!TryRead(token, takesEnded, out session))
            return false;
        if (place < 0)
            place = ++_replaced & (PlacesOfToken - 1);
        Volatile.Write(ref places[place], new RecentToken(token, session, version));
        return true;
    }

    private static bool IsPast(SessionCaller session, long nowSeconds) =>
        nowSeconds - ClockSkewSeconds >= session.ExpiresAtSeconds;

    private sealed record RecentToken(string Token, SessionCaller Session, int KeysVersion);

    private protected override SessionCaller? Read(Jws token)
    {
        string[] required = [.. RequiredClaims.Select(token.Text)];
        if (Array.Exists(required, text => text.Length == 0) || !TokenBinding.TryRead(token, out TokenBinding? binding))
            return null;
        bool isUnattended = token.Raw("act").Length == 0;
        return new SessionCaller
        {
            Tenant = required[0],
            Session = required[1],
            Agent = required[2],
            UseCase = required[3],
            OnBehalfOf = isUnattended ? "" : required[4],
            Scope = token.Text("scope"),
            ExpiresAtSeconds = token.ExpiresAtSeconds!.Value,
            Binding = binding,
        };
    }
}
