using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Reports;

/// <summary>Amounts below which reports have nothing to say.</summary>
internal static class ReportFloors
{
    private const long DefaultUnits = 1;

    /// <summary>In nanos. Throws INVALID_ARGUMENT for another currency; the amount is checked before.</summary>
    internal static long Read(Money? floor, string currency)
    {
        if (floor is null)
            return DefaultUnits * MoneyMath.NanosPerUnit;
        FieldFaults faults = default;
        if (floor.CurrencyCode.Length > 0 && floor.CurrencyCode != currency)
            faults.Add("floor.currency_code", $"must be {currency}, the tenant's currency, or empty");
        faults.ThrowIfAny();
        MoneyNanos.TryRead(floor, out long nanos);
        return nanos;
    }
}
