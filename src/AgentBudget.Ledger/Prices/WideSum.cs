namespace AgentBudget.Ledger.Prices;

/// <summary>
/// Sums of amounts, in 128 bits: amounts are 64-bit numbers, and no count of them that a ledger can hold overflows. In
/// messages a sum is two fields: the lower 63 bits where sums always were, and beside them how many times 2^63 are to
/// be added, which is 0 almost always.
/// </summary>
public static class WideSum
{
    private const int LowBits = 63;

    /// <summary>The sum of two fields.</summary>
    public static Int128 Of(long low, long high) => ((Int128)high << LowBits) + low;

    /// <summary>The lower field of a sum, which is never negative.</summary>
    public static long Low(Int128 sum) => (long)(sum & long.MaxValue);

    /// <summary>The upper field of a sum.</summary>
    public static long High(Int128 sum) => (long)(sum >> LowBits);

    /// <summary>A sum where a message has one field for it: at most the greatest number.</summary>
    public static long Capped(Int128 sum) => (long)Int128.Min(sum, long.MaxValue);
}
