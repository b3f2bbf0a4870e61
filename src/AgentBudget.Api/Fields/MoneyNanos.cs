using AgentBudget.Protocol.V1;

namespace AgentBudget.Api;

/// <summary>Money on the wire and nanos inside: the one place where they meet.</summary>
internal static class MoneyNanos
{
    internal const long NanosPerUnit = 1_000_000_000;

    /// <summary>Money of a count of nanos.</summary>
    internal static Money ToMoney(long nanos, string currency) => new()
    {
        CurrencyCode = currency,
        Units = nanos / NanosPerUnit,
        Nanos = (int)(nanos % NanosPerUnit),
    };

    /// <summary>
    /// Reads an amount of a request; what is wrong with it otherwise. Negative amounts are never right.
    /// </summary>
    internal static MoneyReading TryRead(Money money, out long nanos)
    {
        nanos = 0;
        if (money.Nanos is <= -(int)NanosPerUnit or >= (int)NanosPerUnit)
            return MoneyReading.NanosOutOfRange;
        if ((money.Units > 0 && money.Nanos < 0) || (money.Units < 0 && money.Nanos > 0))
            return MoneyReading.SignsDiffer;
        if (money.Units < 0 || money.Nanos < 0)
            return MoneyReading.Negative;
        if (money.Units > (long.MaxValue - money.Nanos) / NanosPerUnit)
            return MoneyReading.TooLarge;
        nanos = (money.Units * NanosPerUnit) + money.Nanos;
        return MoneyReading.Read;
    }
}

/// <summary>How reading an amount ended.</summary>
internal enum MoneyReading
{
    /// <summary>Read.</summary>
    Read,

    /// <summary>nanos is not -999,999,999 to 999,999,999.</summary>
    NanosOutOfRange,

    /// <summary>units and nanos have different signs.</summary>
    SignsDiffer,

    /// <summary>Below zero.</summary>
    Negative,

    /// <summary>Beyond 64 bits of nanos.</summary>
    TooLarge,
}
