namespace AgentBudget.Reporting;

/// <summary>
/// What is summed: money in nanos and quantities in 128 bits, tokens, calls. All additions are checked.
/// </summary>
internal struct SpendSums
{
    public Int128 CostNanos;
    public Int128 OverrunNanos;
    public long Calls;
    public long Refused;
    public long Tokens;

    /// <summary>Of a SKU, in millionths of its unit.</summary>
    public Int128 QuantityMillionths;

    /// <summary>Charges that were rounded by themselves.</summary>
    public long Lines;

    /// <summary>Counted items that had no price.</summary>
    public long Unpriced;

    /// <summary>The last event that is in it.</summary>
    public long LastSequence;
}
