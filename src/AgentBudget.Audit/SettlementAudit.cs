using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>The ends of a reservation: charged, given back, expired.</summary>
internal static class SettlementAudit
{
    /// <summary>Whether a charge is the ledger's own, of a hold whose time ran out.</summary>
    public static bool IsExpiry(AuditState state, LedgerEvent ledgerEvent) =>
        state.Holds.TryGetValue(ledgerEvent.ReservationSettled.Reservation, out AuditHold? hold)
        && hold.IsHeld && hold.OnExpiry == OnExpiry.Charge && hold.ExpireNanos <= state.Now;

    public static void Settle(AuditState state, AuditSession session, LedgerEvent ledgerEvent)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        if (state.HoldOf(settled.Reservation, session) is not { } hold) return;
        state.CheckDeadlines(session);
        var charge = new AuditAmount(settled.CostNanos, settled.Tokens);
        if (IsExpiry(state, ledgerEvent)) CheckExpiryCharge(state, hold, settled, charge);
        else CheckCommit(state, hold, settled, charge);
        CheckRest(state, hold, settled, charge);
        if (settled.Tool != hold.Tool)
            state.Find(AuditRule.SettlePrice, $"the hold is for tool '{hold.Tool}', and it says '{settled.Tool}'");
        TierAudit.Check(state, session, settled.TiersCrossed, charge);

        var unheld = new AuditAmount(settled.UnheldNanos, settled.UnheldTokens);
        var overrun = new AuditAmount(settled.OverrunNanos, settled.OverrunTokens);
        foreach (AuditAccount account in session.Windows)
        {
            account.Unhold(unheld);
            account.Charge(charge, overrun, state.Now);
        }

        BreakerAudit.CountCharge(session, charge.Nanos, state.Now);

        foreach (TierCrossing crossing in settled.TiersCrossed)
            session.Windows.FirstOrDefault(
                account => account.Name == crossing.Grain
                    && account.Window == crossing.Window)?.Tell(crossing.AtPercent);
        hold.Held -= unheld;
        if (settled.Final)
        {
            state.Holds.Remove(settled.Reservation);
            session.OpenHolds.Remove(settled.Reservation);
            session.SettledHolds.Add(settled.Reservation);
        }

        state.CheckLeft(settled.Left, session);
    }

    public static void Release(AuditState state, AuditSession session, ReservationReleased released)
    {
        if (HeldOf(state, session, released.Reservation) is not { } hold) return;
        if (hold.ExpireNanos <= state.Now) FindOverdue(state, hold);
        GiveBack(state, released.Reservation, hold, new AuditAmount(released.ReleasedNanos, released.ReleasedTokens));
    }

    public static void Expire(AuditState state, AuditSession session, ReservationExpired expired)
    {
        if (HeldOf(state, session, expired.Reservation) is not { } hold) return;
        if (hold.ExpireNanos > state.Now)
            state.Find(AuditRule.Expiry, $"it stands until {AuditNumbers.Show(hold.ExpireNanos)}");
        else if (hold.OnExpiry == OnExpiry.Charge)
            state.Find(AuditRule.Expiry, "it was to be charged when its time runs out");
        GiveBack(state, expired.Reservation, hold, new AuditAmount(expired.ReleasedNanos, expired.ReleasedTokens));
    }

    private static AuditHold? HeldOf(AuditState state, AuditSession session, long number)
    {
        if (state.HoldOf(number, session) is not { } hold) return null;
        if (hold.IsHeld) return hold;
        state.Find(AuditRule.ReservationTerminal, $"reservation r{number} was given back before");
        return null;
    }

    private static void GiveBack(AuditState state, long number, AuditHold hold, AuditAmount amount)
    {
        if (amount != hold.Held)
            state.Find(AuditRule.ReservationSum, $"{hold.Held} are held, and it gives back {amount}");
        state.GiveBack(number, hold);
    }

    private static void CheckExpiryCharge(
        AuditState state, AuditHold hold, ReservationSettled settled, AuditAmount charge)
    {
        if (charge != hold.Held)
            state.Find(AuditRule.Expiry, $"its time ran out with {hold.Held} held, and it charges {charge}");
        else if (!settled.Final || settled.UsageSource != UsageSource.Estimated)
            state.Find(AuditRule.Expiry, "what is charged as its time runs out is final and estimated");
        if (settled.PriceVersion != hold.Prices.Version || settled.Model != hold.Model)
            state.Find(AuditRule.SettlePrice, $"the hold is of {hold.Model} at price version {hold.Prices.Version}");
    }

    private static void CheckCommit(AuditState state, AuditHold hold, ReservationSettled settled, AuditAmount charge)
    {
        if (hold.IsHeld && hold.ExpireNanos <= state.Now) FindOverdue(state, hold);
        AuditTokens tokens = AuditTokens.Of(settled.Usage);
        if (!IsPriceNamed(state, hold, settled, out AuditPrice? price)) return;
        if (!tokens.AreCounts || CostOf(hold, price, tokens) is not { } cost)
        {
            state.Find(AuditRule.SettleCost, $"{price?.Model} has no price for its usage");
            return;
        }

        foreach (CountedItem item in settled.Usage?.Items ?? [])
            cost += hold.Prices.ChargedUnitOf(item.Sku) * item.Count;
        CheckItems(state, hold, settled);
        var should = new AuditAmount(cost, tokens.Total);
        if (should != charge) state.Find(AuditRule.SettleCost, $"its usage is {should}, and it charges {charge}");
    }

    private static Int128? CostOf(AuditHold hold, AuditPrice? price, AuditTokens tokens) =>
        tokens.Total > 0 ? price?.CostOfCharge(tokens, hold.ServiceTier) : 0;

    // What it says that the items cost is what they cost.
    private static void CheckItems(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        IEnumerable<ItemCost> should = (settled.Usage?.Items ?? []).Select(item => new ItemCost
        {
            Sku = item.Sku,
            Count = item.Count,
            CostNanos = (long)(hold.Prices.ChargedUnitOf(item.Sku) * item.Count),
            Tool = hold.Prices.IsTool(item.Sku),
        });
        if (!should.SequenceEqual(settled.ItemCosts?.Items ?? []))
            state.Find(AuditRule.SettleCost, $"its items do not cost what it says: {settled.ItemCosts}");
    }

    // The hold's own book at the hold's own time. A model that is unknown there pays the held model's price, and it
    // is said. Items that were held without a model have none.
    private static bool IsPriceNamed(
        AuditState state, AuditHold hold, ReservationSettled settled, out AuditPrice? price)
    {
        AuditPrice? ran = Find(settled.Model);
        bool isUnknown = ran is null && settled.Model != hold.Model;
        price = ran ?? Find(hold.Model);
        string pricedAs = isUnknown ? hold.Model : "";
        if (settled.PriceVersion != hold.Prices.Version)
        {
            state.Find(
                AuditRule.SettlePrice,
                $"the hold has price version {hold.Prices.Version}, and it is charged by {settled.PriceVersion}");
            return false;
        }

        bool isNamed = isUnknown || (price?.Model ?? "") == settled.Model;
        bool isKnown = price is not null || hold.Model.Length == 0;
        if (isKnown && settled.PricedAs == pricedAs && isNamed) return true;
        state.Find(
            AuditRule.SettlePrice,
            $"'{settled.Model}' pays the price of '{pricedAs}', and it says '{settled.PricedAs}'");
        return false;

        AuditPrice? Find(string model) =>
            hold.Prices.Find(model, hold.Region, hold.ServiceTier, hold.AtNanos);
    }

    // What the charge leaves of the hold, and what it is above it.
    private static void CheckRest(AuditState state, AuditHold hold, ReservationSettled settled, AuditAmount charge)
    {
        if (!state.IsEventClean) return;
        var unheld = new AuditAmount(settled.UnheldNanos, settled.UnheldTokens);
        AuditAmount shouldUnhold = settled.Final ? hold.Held : AuditAmount.Min(hold.Held, charge);
        if (unheld != shouldUnhold)
            state.Find(AuditRule.ReservationSum, $"{shouldUnhold} stop being held with it, and it says {unheld}");
        var overrun = new AuditAmount(settled.OverrunNanos, settled.OverrunTokens);
        AuditAmount shouldOverrun = (charge - hold.Held).AboveZero();
        if (overrun != shouldOverrun)
            state.Find(AuditRule.SettleOverrun, $"its overrun is {shouldOverrun}, and it says {overrun}");
        bool isLate = !hold.IsHeld || !hold.Session.IsOpen;
        if (settled.Late != isLate)
        {
            state.Find(
                AuditRule.SettleLate,
                $"its hold is {(hold.IsHeld ? "held" : "given back")}, its session {hold.Session.State}: late is "
                + $"{isLate}, and it says {settled.Late}");
        }
    }

    private static void FindOverdue(AuditState state, AuditHold hold) =>
        state.Find(AuditRule.Expiry, $"its hold should have expired at {AuditNumbers.Show(hold.ExpireNanos)}");
}
