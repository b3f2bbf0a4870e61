using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>
/// What is summed: money in nanos and quantities in 128 bits, tokens by bucket, calls. All additions are checked.
/// </summary>
internal struct SpendSums
{
    public Int128 CostNanos;
    public Int128 OverrunNanos;
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
    public Int128 QuantityMillionths;

    /// <summary>Adds what was charged for one SKU. Throws <see cref="OverflowException"/>.</summary>
    public void Add(Int128 costNanos, Int128 quantityMillionths)
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
    /// <param name="sign">1, or -1 where the charge is taken back.</param>
    public void Add(ReservationSettled settled, long itemsNanos, int sign)
    {
        checked
        {
            CostNanos += sign * (settled.CostNanos - (Int128)itemsNanos);
            OverrunNanos += sign * (Int128)settled.OverrunNanos;
            if (settled.Usage is not { } usage) return;
            InputTokens += sign * usage.InputTokens;
            OutputTokens += sign * usage.OutputTokens;
            CacheReadTokens += sign * usage.CacheReadTokens;
            CacheWrite5mTokens += sign * usage.CacheWrite5MTokens;
            CacheWrite1hTokens += sign * usage.CacheWrite1HTokens;
            ReasoningTokens += sign * usage.ReasoningTokens;
            InputAudioTokens += sign * usage.InputAudioTokens;
            OutputAudioTokens += sign * usage.OutputAudioTokens;
            InputImageTokens += sign * usage.InputImageTokens;
            CacheReadAudioTokens += sign * usage.CacheReadAudioTokens;
            CacheWriteAudioTokens += sign * usage.CacheWriteAudioTokens;
            OutputImageTokens += sign * usage.OutputImageTokens;
        }
    }
}
