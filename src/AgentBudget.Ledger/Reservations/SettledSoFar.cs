using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Reservations;

/// <summary>What was charged of one hold, as a later commit may take it back: one message, whatever made it.</summary>
internal static class SettledSoFar
{
    /// <summary>A charge without what it moved.</summary>
    public static ReservationSettled Of(ReservationSettled settled)
    {
        var kept = new ReservationSettled
        {
            Reservation = settled.Reservation,
            CostNanos = settled.CostNanos,
            Tokens = settled.Tokens,
            Usage = settled.Usage,
            Model = settled.Model,
            PricedAs = settled.PricedAs,
            Tool = settled.Tool,
            ItemCosts = settled.ItemCosts,
            Parts = { settled.Parts },
            ServiceTier = settled.ServiceTier,
            Region = settled.Region,
            Disputed = settled.Disputed,
            Lines = { settled.Lines },
            UsageSource = settled.UsageSource,
            PricedTier = settled.PricedTier,
            PricedRegion = settled.PricedRegion,
        };
        if (settled.HasOwnCostNanos) kept.OwnCostNanos = settled.OwnCostNanos;
        return kept;
    }

    /// <summary>Two of one hold together; either may be none.</summary>
    public static ReservationSettled? Plus(ReservationSettled? before, ReservationSettled? more)
    {
        if (before is null || more is null) return before ?? more;
        ReservationSettled sum = Of(before);
        sum.CostNanos = WideSum.Capped((Int128)before.CostNanos + more.CostNanos);
        sum.Tokens = WideSum.Capped((Int128)before.Tokens + more.Tokens);
        sum.Usage = Tokens.From(before.Usage).Plus(Tokens.From(more.Usage)).ToUsage();
        sum.Usage.Items.Add(ItemsOf(before.Usage.Items, more.Usage.Items));
        sum.Disputed |= more.Disputed;
        AddParts(sum, before, more);
        bool isBilled = before.HasOwnCostNanos || more.HasOwnCostNanos;
        // What was billed is not told item by item.
        sum.ItemCosts = isBilled ? null : ItemCostsOf(before.ItemCosts, more.ItemCosts);
        if (isBilled) sum.OwnCostNanos = WideSum.Capped((Int128)OwnOf(before) + OwnOf(more));
        return sum;
    }

    /// <summary>The same as an event tells it that takes it back: a dispute about it stands for itself.</summary>
    public static ReservationSettled Taken(ReservationSettled kept)
    {
        if (!kept.Disputed) return kept;
        ReservationSettled taken = kept.Clone();
        taken.Disputed = false;
        return taken;
    }

    /// <summary>What of a usage is more than was settled before.</summary>
    public static TokenUsage MoreThan(ReservationSettled? before, TokenUsage usage)
    {
        if (before is null) return usage;
        TokenUsage more = Tokens.From(usage).Less(Tokens.From(before.Usage)).ToUsage();
        foreach (CountedItem item in usage.Items)
        {
            long count = item.Count - (before.Usage.Items.FirstOrDefault(other => other.Sku == item.Sku)?.Count ?? 0);
            if (count > 0) more.Items.Add(new CountedItem { Sku = item.Sku, Count = count });
        }

        return more;
    }

    private static long OwnOf(ReservationSettled settled) =>
        settled.HasOwnCostNanos ? settled.OwnCostNanos : settled.CostNanos;

    // By model, so that a stream of any number of parts stays small. One model alone is told by the usage.
    private static void AddParts(ReservationSettled sum, ReservationSettled before, ReservationSettled more)
    {
        var parts = new SortedDictionary<(string, string), SettledPart>();
        foreach (SettledPart part in PartsOf(before).Concat(PartsOf(more)))
        {
            if (!parts.TryGetValue((part.Model, part.PricedAs), out SettledPart? same))
            {
                parts.Add((part.Model, part.PricedAs), part.Clone());
                continue;
            }

            same.Usage = Tokens.From(same.Usage).Plus(Tokens.From(part.Usage)).ToUsage();
            same.CostNanos = WideSum.Capped((Int128)same.CostNanos + part.CostNanos);
            AddLines(same.Lines, part.Lines);
        }

        sum.Parts.Clear();
        sum.Lines.Clear();
        if (parts.Count > 1) sum.Parts.Add(parts.Values);
        else sum.Lines.Add(parts.Values.Single().Lines);
    }

    // One line of a bucket at a rate, however many charges had it.
    private static void AddLines(RepeatedField<ChargeLine> lines, RepeatedField<ChargeLine> more)
    {
        foreach (ChargeLine line in more)
        {
            if (lines.FirstOrDefault(other => IsOfOneRate(other, line)) is not { } same)
            {
                lines.Add(line.Clone());
                continue;
            }

            same.Tokens = WideSum.Capped((Int128)same.Tokens + line.Tokens);
            same.CostNanos = WideSum.Capped((Int128)same.CostNanos + line.CostNanos);
        }
    }

    private static bool IsOfOneRate(ChargeLine one, ChargeLine other) =>
        one.Bucket == other.Bucket && one.Rate == other.Rate && one.RateOf == other.RateOf
        && one.AboveTokens == other.AboveTokens;

    private static RepeatedField<SettledPart> PartsOf(ReservationSettled settled)
    {
        if (settled.Parts.Count > 0) return settled.Parts;
        long itemsNanos = settled.ItemCosts?.Items.Sum(item => item.CostNanos) ?? 0;
        return
        [
            new SettledPart
            {
                Model = settled.Model,
                PricedAs = settled.PricedAs,
                Usage = Tokens.From(settled.Usage).ToUsage(),
                CostNanos = settled.CostNanos - itemsNanos,
                Lines = { settled.Lines },
            },
        ];
    }

    private static IEnumerable<CountedItem> ItemsOf(
        RepeatedField<CountedItem> before, RepeatedField<CountedItem> more) =>
        before.Concat(more)
            .GroupBy(item => item.Sku, StringComparer.Ordinal)
            .Select(items => new CountedItem { Sku = items.Key, Count = items.Sum(item => item.Count) });

    private static ItemCosts? ItemCostsOf(ItemCosts? before, ItemCosts? more)
    {
        if (before is null || more is null) return before ?? more;
        var sum = new ItemCosts();
        sum.Items.Add(before.Items.Concat(more.Items)
            .GroupBy(item => item.Sku, StringComparer.Ordinal)
            .Select(items => new ItemCost
            {
                Sku = items.Key,
                Count = items.Sum(item => item.Count),
                CostNanos = items.Sum(item => item.CostNanos),
                Tool = items.First().Tool,
            }));
        return sum;
    }
}
