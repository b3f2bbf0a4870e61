using Google.Rpc;

namespace AgentBudget.Rpc.Client;

/// <summary>How long a caller waits before it sends a call again.</summary>
internal static class RetryDelay
{
    // A server that restarts is back within seconds; asking it more often than ten times a second helps nobody.
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>What the server asked for, or twice the last delay.</summary>
    internal static TimeSpan Of(RpcException failure, int attempt)
    {
        TimeSpan delay = failure.GetDetail<RetryInfo>()?.RetryDelay?.ToTimeSpan() ?? First * (1L << attempt);
        return delay < TimeSpan.Zero ? TimeSpan.Zero : delay < Longest ? delay : Longest;
    }
}
