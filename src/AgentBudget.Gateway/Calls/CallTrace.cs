namespace AgentBudget.Gateway.Calls;

/// <summary>What is measured of one call.</summary>
internal sealed class CallTrace(string requestId, long startTicks)
{
    public string RequestId { get; } = requestId;

    public long StartTicks { get; } = startTicks;

    /// <summary>Whose it is, by the hash of its key; empty for a call without one.</summary>
    public string Caller { get; set; } = "";

    /// <summary>Where it went; empty before it goes anywhere.</summary>
    public string Upstream { get; set; } = "";

    /// <summary>The model asked for; empty for what is no model call.</summary>
    public string Model { get; set; } = "";

    /// <summary>The model that answered, as it says.</summary>
    public string AnsweredModel { get; set; } = "";

    /// <summary>Input tokens that the provider counted; null where it did not.</summary>
    public long? InputTokens { get; set; }
}
