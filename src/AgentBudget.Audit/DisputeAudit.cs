using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Usage that no call can have had: what is in dispute, and what was decided about it.</summary>
internal static class DisputeAudit
{
    // What is this many times a hold is no mistake of its estimate.
    private const int Times = 100;

    /// <summary>Whether a charge is beyond what its call can have used, where the journal can say it.</summary>
    public static void Check(AuditState state, AuditHold hold, LedgerEvent ledgerEvent)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        bool isOverrun = settled.OverrunNanos > 0 || settled.OverrunTokens > 0;
        // Former releases, whose events have no hash, had no disputes.
        bool isDisputed = ledgerEvent.RequestHash is not null && isOverrun && IsBeyond(hold, settled);
        if (settled.Disputed != isDisputed && (settled.Disputed || ledgerEvent.RequestHash is not null))
        {
            state.Find(
                AuditRule.Dispute,
                $"its usage is {(isDisputed ? "more" : "no more")} than its call can have had, and it says otherwise");
        }

        bool suspends = settled.Disputed && hold.Session.State == Session.Types.State.Open;
        if (settled.Suspended != (suspends ? hold.Session.Spender.Session : ""))
            state.Find(AuditRule.Dispute, $"it suspends '{settled.Suspended}', and should suspend its open session");
    }

    public static void Decide(AuditState state, LedgerEvent ledgerEvent)
    {
        DisputeDecided decided = ledgerEvent.DisputeDecided;
        if (!state.Disputes.Remove(decided.Dispute, out AuditDispute? dispute))
        {
            state.Find(AuditRule.Dispute, $"d{decided.Dispute} is no open dispute");
            return;
        }

        bool isRight = dispute.Amount == new AuditAmount(decided.CostNanos, decided.Tokens)
            && dispute.Spender.Equals(ledgerEvent.Spender) && Equals(dispute.Usage, decided.Usage)
            && AuditNumbers.OptionalNanosOf(decided.SettleTime) == dispute.At;
        if (!isRight)
            state.Find(AuditRule.Dispute, $"{dispute.Amount} are in dispute, and it decides about other usage");
        bool isConfirmed = decided.Decision == DisputeDecision.Confirmed;
        if (!isConfirmed && decided.Decision != DisputeDecision.Dismissed)
            state.Find(AuditRule.Dispute, $"{decided.Decision} is no decision");
        AuditAccount[] shared = PartAudit.SharedOf(state, dispute);
        AuditAccount[] charged = isConfirmed ? [.. shared.SelectMany(account => account.Windows)] : [];
        TierAudit.Check(state, charged, decided.TiersCrossed, dispute.Amount);
        foreach (AuditAccount account in shared.SelectMany(account => account.Windows))
        {
            account.EndDispute(dispute.Amount);
            if (isConfirmed) account.Charge(dispute.Amount, dispute.Amount, state.Now);
            foreach (TierCrossing crossing in decided.TiersCrossed.Where(
                crossing => crossing.Grain == account.Name && crossing.Window == account.Window))
                account.Tell(crossing.AtPercent);
        }

        if (!isConfirmed) Credit(state, dispute);
        state.Release([.. shared, dispute.Agent]);
    }

    private static void Credit(AuditState state, AuditDispute dispute)
    {
        foreach (AuditAccount window in PartAudit.AgentsOf(state, dispute).SelectMany(account => account.Windows))
            window.Credit(dispute.Amount, dispute.At);
        if (!state.Sessions.TryGetValue(dispute.Spender.Session, out AuditSession? session)) return;
        foreach (AuditSession owner in session.Lineage) owner.Own.Credit(dispute.Amount, dispute.At);
    }

    private static bool IsBeyond(AuditHold hold, ReservationSettled settled)
    {
        IEnumerable<SettledPart> samplings = settled.Parts.Count > 0
            ? settled.Parts
            : [new SettledPart { Model = settled.Model, Usage = settled.Usage }];
        Int128 before = settled.Cumulative ? 0 : hold.SettledTokens;
        Int128 used = before;
        Int128 most = 0;
        bool isKnown = true;
        foreach (SettledPart sampling in samplings)
        {
            Int128 tokens = AuditTokens.Of(sampling.Usage).Total;
            Int128? ofCall = SettlementAudit.PriceOf(hold, settled, sampling)?.CallTokens;
            if (tokens > ofCall) return true;
            used += tokens;
            most += ofCall ?? 0;
            isKnown &= ofCall is not null || tokens == 0;
        }

        Int128 items = SettlementAudit.ItemCostsOf(hold, settled).Aggregate(
            (Int128)0, (sum, item) => sum + (item.Cost ?? 0));
        Int128 own = settled.HasOwnCostNanos ? settled.OwnCostNanos : settled.CostNanos;
        Int128 cost = hold.Granted.Nanos * Times;
        bool isOverHold = hold.Granted.Tokens > 0 ? used > hold.Granted.Tokens * Times : own - items > cost;
        bool areTokens = isKnown ? before > 0 && used > most : isOverHold;
        bool isBill = settled.HasOwnCostNanos && settled.CostNanos > Int128.Max(cost, own * Times);
        return areTokens || isBill || (items > 0 && items > cost);
    }
}

/// <summary>Usage in dispute.</summary>
internal sealed record AuditDispute(
    Spender Spender,
    AuditAccount Agent,
    AuditAccount[] Shared,
    AuditAmount Amount,
    TokenUsage? Usage,
    Int128 At,
    string Model,
    string PricedAs);
