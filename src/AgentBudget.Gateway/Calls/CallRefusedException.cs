namespace AgentBudget.Gateway.Calls;

/// <summary>Why a call is refused, before the dialect of its caller puts it into words.</summary>
internal enum RefusalKind
{
    /// <summary>The request is wrong.</summary>
    Invalid,

    /// <summary>The body is too large.</summary>
    TooLarge,

    /// <summary>The key is missing, unknown, or of a session that is over.</summary>
    Unauthenticated,

    /// <summary>The session's scope does not include it.</summary>
    Forbidden,

    /// <summary>There is no such model or route.</summary>
    NotFound,

    /// <summary>The budget, a ceiling or a breaker refuses.</summary>
    Money,

    /// <summary>Too much at once; soon there is room again.</summary>
    Busy,

    /// <summary>The upstream did not answer, or not in its dialect.</summary>
    Upstream,

    /// <summary>The budget could not be asked.</summary>
    Unavailable,
}

/// <summary>What an upstream answered instead of working on a call, to be passed on as it came.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Body">Its body.</param>
/// <param name="Headers">What the caller may see of its headers.</param>
internal sealed record UpstreamAnswer(int Status, byte[] Body, IReadOnlyList<KeyValuePair<string, string>> Headers);

/// <summary>A call that is not made.</summary>
internal sealed class CallRefusedException(RefusalKind kind, string message) : Exception(message)
{
    public RefusalKind Kind { get; } = kind;

    /// <summary>When the budget that refused starts again; null where it does not by itself.</summary>
    public DateTimeOffset? ResetTime { get; init; }

    /// <summary>
    /// What refused, as the ledger names it: USE_CASE_BUDGET, SESSION_REVOKED; empty for other refusals.
    /// </summary>
    public string Reason { get; init; } = "";

    /// <summary>What is left where it was refused, in words; empty where nothing is known.</summary>
    public string Left { get; init; } = "";

    /// <summary>The upstream's own words for it; null for a refusal of the gateway's.</summary>
    public UpstreamAnswer? UpstreamAnswer { get; init; }

    /// <summary>The upstream did no work, for a reason that another one may not have.</summary>
    public bool MayFallBack { get; init; }
}
