namespace AgentBudget.Identity;

/// <summary>What a token of one kind has to be.</summary>
internal sealed record TokenRules
{
    /// <summary>
    /// Its <c>typ</c>, one of these without regard to case (RFC 7515 §4.1.9): a token that was made for something else
    /// is of another type (RFC 8725 §3.11).
    /// </summary>
    internal required string[] Types { get; init; }

    /// <summary>Whether it may come without a type.</summary>
    internal bool MayLackType { get; init; }

    /// <summary>Its <c>iss</c>; null where it needs none.</summary>
    internal string? Issuer { get; init; }

    /// <summary>Its only <c>aud</c>, exactly; null where it needs none.</summary>
    internal string? Audience { get; init; }

    /// <summary>How long it may live from now on, in seconds; null where it needs no expiry.</summary>
    internal long? LifetimeSecondsMax { get; init; }

    /// <summary>How long it counts after it was issued, in seconds; null where it need not say when that was.</summary>
    internal long? AgeSecondsMax { get; init; }

    /// <summary>Whether it needs an id of its own, by which it is known to be used.</summary>
    internal bool NeedsId { get; init; }
}

/// <summary>Checks tokens that others signed: clients' assertions, subject tokens, proofs.</summary>
internal static class ForeignTokens
{
    private const string TypePrefix = "application/";

    /// <summary>The token, if it is as the rules have it and one of the keys signed it; else null.</summary>
    internal static Jws? Check(Jws token, TokenRules rules, IEnumerable<PublicKey> keys, long nowSeconds)
    {
        bool isRight = IsOfType(token, rules)
            && (rules.Issuer is null || token.Issuer == rules.Issuer)
            && (rules.Audience is null || token.IsFor(rules.Audience))
            && (!rules.NeedsId || token.Id.Length > 0)
            && IsTimely(token, rules, nowSeconds);
        if (!isRight)
            return null;
        foreach (PublicKey key in keys)
        {
            bool isNamed = token.KeyId.Length == 0 || key.KeyId.Length == 0 || token.KeyId == key.KeyId;
            if (isNamed && token.IsSignedBy(key))
                return token;
        }

        return null;
    }

    private static bool IsOfType(Jws token, TokenRules rules)
    {
        if (token.Type.Length == 0)
            return rules.MayLackType;
        ReadOnlySpan<char> type = token.Type;
        if (type.StartsWith(TypePrefix, StringComparison.OrdinalIgnoreCase))
            type = type[TypePrefix.Length..];
        foreach (string right in rules.Types)
        {
            if (type.Equals(right, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    // Begun, not past, not issued in the future, and not for longer than is taken.
    private static bool IsTimely(Jws token, TokenRules rules, long nowSeconds)
    {
        const int skew = SessionTokens.ClockSkewSeconds;
        long? expires = token.ExpiresAtSeconds;
        long? issued = token.IssuedAtSeconds;
        if (expires is null ? rules.LifetimeSecondsMax is not null : nowSeconds - skew >= expires)
            return false;
        if (rules.LifetimeSecondsMax is { } lifetime && expires - nowSeconds > lifetime + skew)
            return false;
        if (issued is null ? rules.AgeSecondsMax is not null : issued > nowSeconds + skew)
            return false;
        if (rules.AgeSecondsMax is { } age && nowSeconds - issued > age)
            return false;
        return !(token.BeginsAtSeconds > nowSeconds + skew) && !(expires <= issued);
    }
}
