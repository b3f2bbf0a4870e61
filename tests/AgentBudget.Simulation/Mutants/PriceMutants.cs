using AgentBudget.Protocol.V1;

namespace AgentBudget.Simulation.Mutants;

/// <summary>Prices that differ by a zero in place of nothing are taken for the same, and keep their version.</summary>
internal sealed class AbsentIsZero : EventMutant
{
    private readonly Dictionary<string, Catalog> _last = [];

    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.CatalogApplied is not { } applied) return;
        Catalog catalog = applied.Catalog;
        if (_last.TryGetValue(catalog.Tenant, out Catalog? last) && last.Prices.Equals(catalog.Prices)
            && last.Skus.Equals(catalog.Skus) && last.Tools.Equals(catalog.Tools)
            && last.Prices.ToString() != catalog.Prices.ToString())
        {
            applied.PriceVersion--;
        }

        _last[catalog.Tenant] = catalog.Clone();
    }
}

/// <summary>Only the first sampling of a call is charged.</summary>
internal sealed class SamplingsAsOne : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is not { Parts.Count: > 1 } settled) return;
        long lostNanos = settled.CostNanos - settled.Parts[0].CostNanos;
        settled.CostNanos -= lostNanos;
        settled.OverrunNanos = Math.Max(0, settled.OverrunNanos - lostNanos);
    }
}

/// <summary>An item without a price is charged as if it were another.</summary>
internal sealed class UnpricedAsDearest : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is { UnpricedItems.Count: > 0 } settled) settled.CostNanos++;
    }
}

/// <summary>A call whose model charges for each request pays for its tokens only.</summary>
internal sealed class RequestForFree : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is not { ItemCosts.Items: [.., { Sku: "request" } fee] } settled) return;
        settled.ItemCosts.Items.Remove(fee);
        if (settled.ItemCosts.Items.Count == 0) settled.ItemCosts = null;
        settled.CostNanos -= fee.CostNanos;
        settled.OverrunNanos = Math.Max(0, settled.OverrunNanos - fee.CostNanos);
    }
}

/// <summary>What a router billed is told, and the own price charged.</summary>
internal sealed class BilledAsOwn : EventMutant
{
    protected override void Change(LedgerEvent recorded)
    {
        if (recorded.ReservationSettled is not { UsageSource: UsageSource.Billed } settled) return;
        settled.ClearOwnCostNanos();
        settled.UsageSource = UsageSource.Provider;
    }
}
