using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.OAuth;

/// <summary>A refusal of RFC 6749 §5.2: a code, and a sentence that helps whoever writes the client.</summary>
internal sealed class OAuthError(string code, string description, int status = StatusCodes.Status400BadRequest)
    : Exception(description)
{
    /// <summary>"invalid_request" and the like.</summary>
    internal string Code { get; } = code;

    /// <summary>The status of HTTP.</summary>
    internal int Status { get; } = status;

    /// <summary>Which of the ways a client failed to authenticate is not said.</summary>
    internal static OAuthError InvalidClient() =>
        new(
            "invalid_client",
            "The client is not known, or did not prove who it is.",
            StatusCodes.Status401Unauthorized);

    /// <summary>A client that asks for more than its share.</summary>
    internal static OAuthError TooMany() => new(
        "temporarily_unavailable",
        "This client, or its tenant, has used up its share of what is remembered: ask again later.",
        StatusCodes.Status429TooManyRequests);

    /// <summary>Nobody can say now whether a proof or an assertion was used before.</summary>
    internal static OAuthError NotNow() => new(
        "temporarily_unavailable",
        "Whether this was used before cannot be said now: ask again with a fresh proof or assertion.",
        StatusCodes.Status503ServiceUnavailable);

    internal static OAuthError InvalidRequest(string description) => new("invalid_request", description);
}
