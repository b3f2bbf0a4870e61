using AgentBudget.Gateway.Calls;

namespace AgentBudget.Gateway.Dialects;

/// <summary>An error as it is answered.</summary>
/// <param name="Status">The status.</param>
/// <param name="Body">JSON.</param>
/// <param name="Headers">Beside the content type.</param>
internal sealed record ErrorAnswer(int Status, byte[] Body, IReadOnlyList<KeyValuePair<string, string>> Headers);

/// <summary>How refusals look in one dialect.</summary>
internal abstract class ErrorShape
{
    /// <summary>How Codex names itself: it takes 403 for a reason to send again.</summary>
    private const string CodexAgent = "codex_";

    protected static readonly IReadOnlyDictionary<string, int> NoStatuses = new Dictionary<string, int>();

    // These send a 429 again whatever its headers say.
    private static readonly string[] RetryingAgents = ["ai-sdk/", "ai/"];

    /// <summary>The header that carries the request's id.</summary>
    public abstract string RequestIdHeader { get; }

    /// <summary>An error for a call.</summary>
    /// <param name="refusal">Why.</param>
    /// <param name="requestId">Its id.</param>
    /// <param name="userAgent">Who calls.</param>
    /// <param name="statuses">Statuses of refusals of money by the beginning of the user agent.</param>
    /// <param name="now">The time.</param>
    public ErrorAnswer Answer(
        CallRefusedException refusal,
        string requestId,
        string userAgent,
        IReadOnlyDictionary<string, int> statuses,
        DateTimeOffset now)
    {
        if (refusal.UpstreamAnswer is { } told) return new ErrorAnswer(told.Status, told.Body, told.Headers);
        int status = StatusOf(refusal.Kind, userAgent, statuses);
        List<KeyValuePair<string, string>> headers = [];
        if (refusal.Kind is RefusalKind.Busy or RefusalKind.Unavailable) headers.Add(new("retry-after", "1"));
        else headers.Add(new("x-should-retry", "false"));
        if (refusal.Reason.Length > 0) headers.Add(new("x-agentbudget-reason", refusal.Reason));
        if (refusal.ResetTime is { } reset) headers.Add(new("x-agentbudget-reset", reset.ToString("O")));
        if (refusal.Left.Length > 0) headers.Add(new("x-agentbudget-left", refusal.Left));
        AddHeaders(refusal, userAgent, headers);
        return new ErrorAnswer(status, Body(refusal, status, requestId, userAgent, now), headers);
    }

    /// <summary>The event that ends a stream which is cut, in full.</summary>
    public abstract byte[] StreamEvent(CallRefusedException refusal, string requestId);

    /// <summary>The event of a stream that failed at once, as the body of an answer.</summary>
    public virtual byte[] BodyOfEvent(byte[] data) => data;

    protected static bool IsCodex(string userAgent) => userAgent.StartsWith(CodexAgent, StringComparison.Ordinal);

    protected abstract byte[] Body(
        CallRefusedException refusal, int status, string requestId, string userAgent, DateTimeOffset now);

    protected virtual void AddHeaders(
        CallRefusedException refusal, string userAgent, List<KeyValuePair<string, string>> headers)
    {
    }

    protected static int StatusOf(RefusalKind kind, string userAgent, IReadOnlyDictionary<string, int> statuses) =>
        kind switch
        {
            RefusalKind.Invalid => 400,
            RefusalKind.TooLarge => 413,
            RefusalKind.Unauthenticated => 401,
            RefusalKind.Forbidden => IsCodex(userAgent) ? 400 : 403,
            RefusalKind.NotFound => 404,
            RefusalKind.Money => MoneyStatus(userAgent, statuses),
            RefusalKind.Busy => 429,
            RefusalKind.Upstream => 502,
            RefusalKind.Unavailable => 503,
        };

    private static int MoneyStatus(string userAgent, IReadOnlyDictionary<string, int> statuses)
    {
        foreach ((string start, int status) in statuses)
        {
            if (userAgent.StartsWith(start, StringComparison.Ordinal)) return status;
        }

        // The .NET client of OpenAI is "OpenAI/2.15.0 (.NET …)"; those of other languages name theirs.
        bool isOpenAiNet = userAgent.StartsWith("OpenAI/", StringComparison.Ordinal)
            && userAgent.Length > 7 && char.IsAsciiDigit(userAgent[7]);
        bool retries = isOpenAiNet
            || Array.Exists(RetryingAgents, agent => userAgent.StartsWith(agent, StringComparison.Ordinal));
        return retries ? 402 : 429;
    }
}
