namespace AgentBudget.Ledger.Prices;

/// <summary>What one unit of something that is not tokens costs.</summary>
/// <param name="Id">The SKU, or the tool whose call it is.</param>
/// <param name="CostNanos">Money for one.</param>
/// <param name="IsTool">It is the call of a tool: held to the session's scope and tool calls.</param>
internal sealed record SkuPrice(string Id, long CostNanos, bool IsTool)
{
    /// <summary>Parts of a unit that a quantity can be given in: six decimals.</summary>
    internal const long PartsPerUnit = 1_000_000;

    /// <summary>
    /// What a quantity in millionths costs, rounded half to even. False if it does not fit 64 bits of nanos.
    /// </summary>
    public bool TryPrice(long quantityMillionths, out long nanos)
    {
        Int128 product = (Int128)CostNanos * quantityMillionths;
        (Int128 whole, Int128 rest) = Int128.DivRem(product, PartsPerUnit);
        bool isUp = rest * 2 > PartsPerUnit || (rest * 2 == PartsPerUnit && Int128.IsOddInteger(whole));
        if (isUp) whole++;
        bool fits = whole <= long.MaxValue;
        nanos = fits ? (long)whole : 0;
        return fits;
    }

    /// <summary>Whole units that a quantity in millionths begins: tool calls are counted whole.</summary>
    public static long UnitsBegun(long quantityMillionths) => (quantityMillionths + PartsPerUnit - 1) / PartsPerUnit;

    public static bool TryMultiply(long costNanos, long count, out long nanos)
    {
        Int128 product = (Int128)costNanos * count;
        bool fits = product <= long.MaxValue;
        nanos = fits ? (long)product : 0;
        return fits;
    }
}

/// <summary>A quantity is a decimal on the wire and a whole number of millionths inside.</summary>
public static class QuantityMath
{
    /// <summary>The largest quantity: its millionths are exact in a double.</summary>
    public const double QuantityMax = 1_000_000_000;

    /// <summary>Reads a quantity; false unless it is above zero, in range, and has at most six decimals.</summary>
    public static bool TryToMillionths(double quantity, out long millionths)
    {
        millionths = 0;
        if (!(quantity > 0 && quantity <= QuantityMax)) return false;
        long rounded = (long)Math.Round(quantity * SkuPrice.PartsPerUnit);
        if (rounded == 0 || (double)rounded / SkuPrice.PartsPerUnit != quantity) return false;
        millionths = rounded;
        return true;
    }
}
