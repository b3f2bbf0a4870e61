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
    public long CacheReadAudioTokens;
    public long CacheWriteAudioTokens;
    public long OutputImageTokens;

    /// <summary>Of a SKU, in millionths of its unit.</summary>
    public long QuantityMillionths;

    /// <summary>Adds what was charged for one SKU. Throws <see cref="OverflowException"/>.</summary>
    public void Add(long costNanos, long quantityMillionths)
    {
        checked
        {
            CostNanos += costNanos;
            QuantityMillionths += quantityMillionths;
        }
    }

    /// <summary>Adds what was charged for tokens. Throws <see cref="OverflowException"/>.</summary>
    /// <param name="settled">The charge.</param>
    /// <param name="itemsNanos">What of it was for counted items.</param>
    public void Add(ReservationSettled settled, long itemsNanos)
    {
        checked
        {
            CostNanos += settled.CostNanos - itemsNanos;
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
            CacheReadAudioTokens += usage.CacheReadAudioTokens;
            CacheWriteAudioTokens += usage.CacheWriteAudioTokens;
            OutputImageTokens += usage.OutputImageTokens;
        }
    }
}
