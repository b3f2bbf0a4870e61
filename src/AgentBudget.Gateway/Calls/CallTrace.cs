namespace AgentBudget.Gateway.Calls;

/// <summary>What is measured of one call.</summary>
internal sealed class CallTrace(string requestId, long startTicks)
{
    public string RequestId { get; } = requestId;

    public long StartTicks { get; } = startTicks;

    /// <summary>Where it went; empty before it goes anywhere.</summary>
    public string Upstream { get; set; } = "";
}
