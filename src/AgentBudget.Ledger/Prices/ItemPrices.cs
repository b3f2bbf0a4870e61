using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Prices;

/// <summary>
/// What the counted items of one call cost: at the rates of its model where that has one of the name, else as the
/// book's SKUs and tools. One that neither prices costs nothing, and is named where it is charged: no other item's
/// price is its own.
/// </summary>
/// <param name="Book">The book.</param>
/// <param name="Model">The price of the call's model; null for items alone.</param>
/// <param name="PromptTokens">Of the call, for the thresholds of long contexts.</param>
/// <param name="HasFee">The call is one request that is to be paid for, whether or not the items say so.</param>
internal readonly record struct ItemPrices(PriceBook Book, PriceEntry? Model, long PromptTokens, bool HasFee)
{
    /// <summary>The unit of which every call is one.</summary>
    public const string Request = "request";

    /// <summary>Of counted items the first that has no price; null if all have one.</summary>
    public string? FirstUnknown(RepeatedField<CountedItem> items)
    {
        for (int index = 0; index < items.Count; index++)
        {
            if (!Knows(items[index].Sku)) return items[index].Sku;
        }

        return null;
    }

    /// <summary>Adds the counted items that have no price, by SKU.</summary>
    public void AddUnpriced(RepeatedField<CountedItem> items, RepeatedField<string> skus)
    {
        for (int index = 0; index < items.Count; index++)
        {
            if (!Knows(items[index].Sku)) skus.Add(items[index].Sku);
        }
    }

    /// <summary>Adds what counted items cost. False if the sum does not fit 64 bits of nanos.</summary>
    public bool TryPrice(RepeatedField<CountedItem> items, Rounding rounding, ref long sumNanos)
    {
        for (int index = 0; index < items.Count; index++)
        {
            if (!TryAdd(items[index].Sku, items[index].Count, rounding, ref sumNanos)) return false;
        }

        return !PaysFee(items) || TryAdd(Request, 1, rounding, ref sumNanos);
    }

    /// <summary>
    /// The costs of counted items one by one, as parts of a charge; null for none, or where they are no part of it: the
    /// rest of a hold that was settled in parts can be less than its items.
    /// </summary>
    public ItemCosts? CostsOf(RepeatedField<CountedItem> items, long chargeNanos)
    {
        bool paysFee = PaysFee(items);
        long sumNanos = 0;
        if ((items.Count == 0 && !paysFee) || !TryPrice(items, Rounding.HalfToEven, ref sumNanos)) return null;
        if (sumNanos > chargeNanos) return null;
        var costs = new ItemCosts();
        foreach (CountedItem item in items) costs.Items.Add(CostOf(item.Sku, item.Count));
        if (paysFee) costs.Items.Add(CostOf(Request, 1));
        return costs;
    }

    private bool Knows(string sku) =>
        Model?.UnitRate(sku, PromptTokens) is not null || Book.FindSku(sku) is not null || sku == Request;

    private bool PaysFee(RepeatedField<CountedItem> items)
    {
        if (!HasFee || Model?.UnitRate(Request, PromptTokens) is null) return false;
        for (int index = 0; index < items.Count; index++)
        {
            if (items[index].Sku == Request) return false;
        }

        return true;
    }

    private ItemCost CostOf(string sku, long count)
    {
        long nanos = 0;
        bool fits = TryAdd(sku, count, Rounding.HalfToEven, ref nanos);
        Invariant.Holds(fits);
        return new ItemCost
        {
            Sku = sku,
            Count = count,
            CostNanos = nanos,
            Tool = Book.FindSku(sku) is { IsTool: true },
        };
    }

    private bool TryAdd(string sku, long count, Rounding rounding, ref long sumNanos)
    {
        if (Model?.UnitRate(sku, PromptTokens) is { } rate)
            return RateCard.TryAddLine(count, rate, rounding, ref sumNanos);
        bool fits = SkuPrice.TryMultiply(Book.FindSku(sku)?.CostNanos ?? 0, count, out long nanos);
        if (!fits || nanos > long.MaxValue - sumNanos) return false;
        sumNanos += nanos;
        return true;
    }
}
