using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Charges by bucket. Facts of former releases do not tell them.</summary>
internal static class LineAudit
{
    public static void Check(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        bool isTold = settled.Lines.Count > 0 || settled.Parts.Any(part => part.Lines.Count > 0);
        if (!isTold || !state.IsEventClean) return;
        ServiceTier tier = SettlementAudit.TierOf(hold, settled);
        ServiceTier told = settled.PricedTier == ServiceTier.Unspecified ? ServiceTier.Standard : settled.PricedTier;
        bool areTermsTold = told == tier && settled.PricedRegion == SettlementAudit.RegionOf(hold, settled);
        if (!areTermsTold || (settled.Parts.Count > 0 && settled.Lines.Count > 0))
        {
            state.Find(
                AuditRule.SettleLines,
                $"it is of the {tier} list, and its lines of {told} in '{settled.PricedRegion}'");
            return;
        }

        Int128 sum = 0;
        var whole = new SettledPart { Model = settled.Model, Usage = settled.Usage };
        whole.Lines.Add(settled.Lines);
        foreach (SettledPart part in settled.Parts.Count > 0 ? [.. settled.Parts] : (SettledPart[])[whole])
        {
            AuditTokens tokens = AuditTokens.Of(part.Usage);
            AuditPrice? price = SettlementAudit.PriceOf(hold, settled, part);
            IEnumerable<ChargeLine> should = price is null ? [] : price.LinesOf(tokens, tier, hold.AtNanos);
            if (!should.SequenceEqual(part.Lines))
            {
                state.Find(AuditRule.SettleLines, $"the lines of {part.Model} are not its usage at its rates");
                return; // Their sum says nothing more.
            }

            foreach (ChargeLine line in part.Lines) sum += line.CostNanos;
        }

        CheckSum(state, settled, sum);
    }

    // What was billed, and the estimate of a hold whose time ran out, are charged as they are.
    private static void CheckSum(AuditState state, ReservationSettled settled, Int128 sum)
    {
        if (settled.HasOwnCostNanos) return;
        foreach (ItemCost item in settled.ItemCosts?.Items ?? Enumerable.Empty<ItemCost>()) sum += item.CostNanos;
        bool isHeld = settled.UsageSource == UsageSource.Estimated && settled.Final && sum < settled.CostNanos;
        if (sum == settled.CostNanos || isHeld) return;
        state.Find(AuditRule.SettleLines, $"its lines and items sum to {sum}, and it charges {settled.CostNanos}");
    }
}
