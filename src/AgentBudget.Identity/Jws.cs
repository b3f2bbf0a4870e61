using System.Text;
using System.Text.Json;

namespace AgentBudget.Identity;

/// <summary>
/// A signed text that somebody shows: a JSON Web Token in compact form (RFC 7515, RFC 7519), read strictly and not yet
/// believed. This is the one reader of tokens, ours and others': whatever is not exactly a token reads as none, and
/// nothing is thrown.
/// </summary>
internal sealed class Jws
{
    /// <summary>A token is at most this long, in characters: ten times what we mint, and no work for an attacker.
    /// </summary>
    internal const int CharsMax = 8 * 1024;

    /// <summary>Actors within actors are the deepest that a token nests.</summary>
    private const int DepthMax = 24;

    /// <summary>Names of keys, ids of tokens, issuers and subjects.</summary>
    private const int TextCharsMax = 1024;

    /// <summary>The year 9999: a later time is no time.</summary>
    private const double SecondsMax = 253_402_300_799;

    private const int PartsOfToken = 3;

    /// <summary>
    /// Headers that change what a token means. One that is not understood must be refused (RFC 7515 §4.1.11), and
    /// none of these is (RFC 7797, RFC 7516).
    /// </summary>
    private static readonly string[] HeadersRefused = ["crit", "b64", "zip", "enc", "epk", "apu", "apv", "p2c", "p2s"];

    private static readonly string[] TextClaims = ["iss", "sub", "jti"];
    private static readonly string[] TimeClaims = ["exp", "iat", "nbf"];
    private static readonly string[] ObjectClaims = ["act", "cnf", "may_act"];

    private static readonly JsonDocumentOptions Json =
        new() { AllowDuplicateProperties = false, MaxDepth = DepthMax };

    private readonly byte[] _signed;
    private readonly byte[] _signature;

    private Jws(JsonElement header, JsonElement claims, byte[] signed, byte[] signature)
    {
        Header = header;
        Claims = claims;
        _signed = signed;
        _signature = signature;
        Algorithm = Text(header, "alg");
        Type = Text(header, "typ");
        KeyId = Text(header, "kid");
    }

    /// <summary>The header.</summary>
    internal JsonElement Header { get; }

    /// <summary>The claims. Registered ones are of their types, where they are there.</summary>
    internal JsonElement Claims { get; }

    /// <summary>The <c>alg</c>.</summary>
    internal string Algorithm { get; }

    /// <summary>The <c>typ</c>; empty for none.</summary>
    internal string Type { get; }

    /// <summary>The <c>kid</c>; empty for none.</summary>
    internal string KeyId { get; }

    /// <summary>The <c>iss</c>; empty for none.</summary>
    internal string Issuer => Text("iss");

    /// <summary>The <c>sub</c>; empty for none.</summary>
    internal string Subject => Text("sub");

    /// <summary>The <c>jti</c>; empty for none.</summary>
    internal string Id => Text("jti");

    /// <summary>When it expires, in seconds since 1970; null where it does not say.</summary>
    internal long? ExpiresAtSeconds => Seconds("exp");

    /// <summary>When it was issued.</summary>
    internal long? IssuedAtSeconds => Seconds("iat");

    /// <summary>When it begins to count.</summary>
    internal long? BeginsAtSeconds => Seconds("nbf");

    /// <summary>A token, or null for a text that is not exactly one.</summary>
    internal static Jws? Read(ReadOnlySpan<char> token)
    {
        if (token.Length is 0 or > CharsMax || !Ascii.IsValid(token))
            return null;
        Span<Range> parts = stackalloc Range[PartsOfToken + 1];
        if (token.Split(parts, '.') != PartsOfToken)
            return null;
        if (DecodeObject(token[parts[0]]) is not { } header || DecodeObject(token[parts[1]]) is not { } claims
            || StrictText.Decode(token[parts[2]]) is not { Length: > 0 } signature
            || !IsHeader(header) || !AreClaims(claims))
        {
            return null;
        }

        return new Jws(header, claims, Encoding.ASCII.GetBytes(token[..parts[1].End.Value].ToArray()), signature);
    }

    /// <summary>Whether a key signed it, by the algorithm that the token names and the key is for.</summary>
    internal bool IsSignedBy(PublicKey key) => key.Verifies(Algorithm, _signed, _signature);

    /// <summary>Whether it is for this audience and for no other: several could pass it on to one another.</summary>
    internal bool IsFor(string audience)
    {
        if (!Claims.TryGetProperty("aud", out JsonElement named))
            return false;
        return named.ValueKind == JsonValueKind.String
            ? named.ValueEquals(audience)
            : named.GetArrayLength() == 1 && named[0].ValueEquals(audience);
    }

    /// <summary>A claim that is a text of its length; empty where it is none.</summary>
    internal string Text(string claim) => Text(Claims, claim);

    /// <summary>A claim as JSON; empty for none.</summary>
    internal string Raw(string claim) => Claims.TryGetProperty(claim, out JsonElement value) ? value.GetRawText() : "";

    private static string Text(JsonElement within, string name) =>
        within.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private long? Seconds(string claim) =>
        Claims.TryGetProperty(claim, out JsonElement value) ? (long)value.GetDouble() : null;

    private static bool IsHeader(JsonElement header)
    {
        foreach (string refused in HeadersRefused)
        {
            if (header.TryGetProperty(refused, out _))
                return false;
        }

        return IsText(header, "alg", isRequired: true) && IsText(header, "typ") && IsText(header, "kid")
            && IsText(header, "cty") && IsObject(header, "jwk");
    }

    private static bool AreClaims(JsonElement claims) =>
        Array.TrueForAll(TextClaims, name => IsText(claims, name))
        && Array.TrueForAll(TimeClaims, name => IsTime(claims, name))
        && Array.TrueForAll(ObjectClaims, name => IsObject(claims, name))
        && IsAudience(claims) && AreActors(claims);

    private static bool IsText(JsonElement within, string name, bool isRequired = false) =>
        !within.TryGetProperty(name, out JsonElement value)
            ? !isRequired
            : value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= TextCharsMax };

    private static bool IsTime(JsonElement claims, string name) =>
        !claims.TryGetProperty(name, out JsonElement value)
        || (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double seconds)
            && seconds is >= 0 and <= SecondsMax);

    private static bool IsObject(JsonElement within, string name) =>
        !within.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.Object;

    private static bool IsAudience(JsonElement claims)
    {
        if (!claims.TryGetProperty("aud", out JsonElement audience) || audience.ValueKind == JsonValueKind.String)
            return true;
        if (audience.ValueKind != JsonValueKind.Array)
            return false;
        foreach (JsonElement one in audience.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String)
                return false;
        }

        return true;
    }

    // Who acts, and who acted before: each an object that names itself (RFC 8693 §4.1).
    private static bool AreActors(JsonElement claims)
    {
        for (JsonElement within = claims; within.TryGetProperty("act", out JsonElement actor); within = actor)
        {
            if (actor.ValueKind != JsonValueKind.Object || !IsText(actor, "sub", isRequired: true))
                return false;
        }

        return true;
    }

    private static JsonElement? DecodeObject(ReadOnlySpan<char> part) =>
        StrictText.Decode(part) is { } utf8 ? StrictText.ReadObject(utf8, Json) : null;
}
