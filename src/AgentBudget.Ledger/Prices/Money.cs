using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Prices;

/// <summary>
/// Money inside is a count of nanos (10^-9) of the tenant's currency; on the wire it is a Money message.
/// </summary>
public static class MoneyMath
{
    /// <summary>Nanos in one unit of a currency.</summary>
    public const long NanosPerUnit = 1_000_000_000;

    /// <summary>A new message for this amount.</summary>
    public static Money ToMoney(long nanos, string currency)
    {
        long units = Math.DivRem(nanos, NanosPerUnit, out long rest);
        return new Money { CurrencyCode = currency, Units = units, Nanos = (int)rest };
    }

    /// <summary>The same of a sum.</summary>
    public static Money ToMoney(Int128 nanos, string currency)
    {
        (Int128 units, Int128 rest) = Int128.DivRem(nanos, NanosPerUnit);
        return new Money { CurrencyCode = currency, Units = checked((long)units), Nanos = (int)rest };
    }

    /// <summary>
    /// Reads an amount. False if its nanos are out of range, its signs differ, or it does not fit 64 bits of nanos.
    /// The currency is not looked at.
    /// </summary>
    public static bool TryToNanos(Money money, out long nanos)
    {
        ArgumentNullException.ThrowIfNull(money);
        nanos = 0;
        if (money.Nanos is <= -(int)NanosPerUnit or >= (int)NanosPerUnit) return false;
        if ((money.Units > 0 && money.Nanos < 0) || (money.Units < 0 && money.Nanos > 0)) return false;
        Int128 total = ((Int128)money.Units * NanosPerUnit) + money.Nanos;
        if (total > long.MaxValue || total < -long.MaxValue) return false;
        nanos = (long)total;
        return true;
    }

    /// <summary>An amount that was validated before. An unreadable one is a bug.</summary>
    internal static long ToNanos(Money money)
    {
        bool isReadable = TryToNanos(money, out long nanos);
        Invariant.Holds(isReadable);
        return nanos;
    }
}
