namespace AgentBudget.Api.OAuth;

/// <summary>A refusal of RFC 6749 §5.2: a code, and a sentence that helps whoever writes the client.</summary>
internal sealed class OAuthError(string code, string description) : Exception(description)
{
    /// <summary>"invalid_request" and the like.</summary>
    internal string Code { get; } = code;

    /// <summary>Which of the ways a client failed to authenticate is not said.</summary>
    internal static OAuthError InvalidClient() =>
        new("invalid_client", "The client is not known, or did not prove who it is.");

    internal static OAuthError InvalidRequest(string description) => new("invalid_request", description);
}
