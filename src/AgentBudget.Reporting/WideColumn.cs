namespace AgentBudget.Reporting;

/// <summary>
/// A sum of 128 bits in two columns of 64: the low 32 bits, never negative, and all above them. Both can be added up
/// row by row without passing 64 bits, and together they are the sum again.
/// </summary>
internal static class WideColumn
{
    private const int LowBits = 32;

    public static long High(Int128 sum) => checked((long)(sum >> LowBits));

    public static long Low(Int128 sum) => (long)(sum & uint.MaxValue);

    public static Int128 Of(long high, long low) => ((Int128)high << LowBits) + low;
}
