using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>What is summed: money in nanos, tokens by bucket, calls. All additions are checked.</summary>
internal struct SpendSums
{
    public long CostNanos;
    public long OverrunNanos;
    public long Calls;
    public long Refused;
    public long InputTokens;
    public long OutputTokens;
    public long CacheReadTokens;
    public long CacheWrite5mTokens;
    public long CacheWrite1hTokens;
    public long ReasoningTokens;
    public long InputAudioTokens;
    public long OutputAudioTokens;
    public long InputImageTokens;

    /// <summary>Adds what was charged. Throws <see cref="OverflowException"/>.</summary>
    public void Add(ReservationSettled settled)
    {
        checked
        {
            CostNanos += settled.CostNanos;
            OverrunNanos += settled.OverrunNanos;
            if (settled.Usage is not { } usage) return;
            InputTokens += usage.InputTokens;
            OutputTokens += usage.OutputTokens;
            CacheReadTokens += usage.CacheReadTokens;
            CacheWrite5mTokens += usage.CacheWrite5MTokens;
            CacheWrite1hTokens += usage.CacheWrite1HTokens;
            ReasoningTokens += usage.ReasoningTokens;
            InputAudioTokens += usage.InputAudioTokens;
            OutputAudioTokens += usage.OutputAudioTokens;
            InputImageTokens += usage.InputImageTokens;
        }
    }
}
