using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api;

/// <summary>Reads amounts of requests and says what is wrong with them; the arithmetic is the grains'.</summary>
internal static class MoneyNanos
{
    /// <summary>Reads an amount that may not be negative.</summary>
    internal static MoneyReading TryRead(Money money, out long nanos)
    {
        if (MoneyMath.TryToNanos(money, out nanos))
            return nanos < 0 ? MoneyReading.Negative : MoneyReading.Read;
        if (money.Nanos is <= -(int)MoneyMath.NanosPerUnit or >= (int)MoneyMath.NanosPerUnit)
            return MoneyReading.NanosOutOfRange;
        if ((money.Units > 0 && money.Nanos < 0) || (money.Units < 0 && money.Nanos > 0))
            return MoneyReading.SignsDiffer;
        return money.Units < 0 ? MoneyReading.Negative : MoneyReading.TooLarge;
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
