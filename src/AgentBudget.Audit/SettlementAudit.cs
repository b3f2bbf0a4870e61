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
        bool isExpiry = IsExpiry(state, ledgerEvent);
        if (isExpiry) CheckExpiryCharge(state, hold, settled, charge);
        else CheckCommit(state, hold, settled, charge);
        LineAudit.Check(state, hold, settled);
        CheckTaken(state, hold, settled);
        CheckRest(state, hold, settled, charge);
        if (!IsExpiry(state, ledgerEvent)) DisputeAudit.Check(state, hold, ledgerEvent);
        if (settled.Tool != hold.Tool)
            state.Find(AuditRule.SettlePrice, $"the hold is for tool '{hold.Tool}', and it says '{settled.Tool}'");
        AuditAmount taken = TakenBy(settled);
        AuditAmount raised = (charge - taken).AboveZero();
        AuditAmount lowered = (taken - charge).AboveZero();
        var unheld = new AuditAmount(settled.UnheldNanos, settled.UnheldTokens);
        var overrun = new AuditAmount(settled.OverrunNanos, settled.OverrunTokens);
        AuditAmount disputed = settled.Disputed ? overrun : default;
        AuditAccount[] shared = [session.UseCaseAccount, session.BusinessUnitAccount, session.TenantAccount];
        TierAudit.CheckPath(
            state, session.Windows.Concat(session.Families.SelectMany(family => family.Windows)), settled.TiersCrossed);
        foreach (AuditAccount account in session.Path)
        {
            AuditAmount here = shared.Contains(account.Of ?? account) ? disputed : default;
            TierAudit.CheckTold(state, account.Windows, settled.TiersCrossed, raised - here);
            foreach (AuditAccount window in account.Windows)
            {
                window.Unhold(unheld);
                if (lowered != default) window.Lower(lowered);
                window.Charge(raised - here, overrun - here, state.Now);
                window.StartDispute(here);
            }
        }

        foreach (AuditAccount family in session.Families)
        {
            bool isShared = shared.Contains(family.Of);
            SettleOnModels(state, family, settled, hold, isShared ? disputed : default);
        }

        if (settled.Disputed) Dispute(state, session, settled, shared);
        if (settled.Suspended.Length > 0)
        {
            session.State = Session.Types.State.Suspended;
            BreakerAudit.CountSuspended(state, session.Spender);
        }

        BreakerAudit.CountCharge(state, session, raised.Nanos);
        Tell(session, settled.TiersCrossed);
        hold.Held -= unheld;
        hold.ExpiryCharge = isExpiry ? settled : null;
        if (settled.Cumulative) hold.Parts.Clear();
        if (!isExpiry) hold.SettledTokens = charge.Tokens + (settled.Cumulative ? 0 : hold.SettledTokens);
        if (!settled.Final) hold.Parts.Add(settled);
        if (isExpiry)
        {
            state.Retain(settled.Reservation, hold);
        }
        else if (settled.Final)
        {
            state.Holds.Remove(settled.Reservation);
            state.Close(session, settled.Reservation);
            session.GivenBack.Remove(settled.Reservation);
            session.SettledHolds.Add(settled.Reservation);
        }

        state.CheckLeft(settled.Left, session, settled.Model);
    }

    private static void Tell(AuditSession session, IEnumerable<TierCrossing> crossed)
    {
        AuditAccount[] windows = [.. session.Windows, .. session.Families.SelectMany(family => family.Windows)];
        foreach (TierCrossing crossing in crossed)
        {
            AuditAccount? window = Array.Find(
                windows, window => window.Name == crossing.Grain && window.Window == crossing.Window);
            window?.Tell(crossing.AtPercent);
        }
    }

    private static void Dispute(
        AuditState state, AuditSession session, ReservationSettled settled, AuditAccount[] shared)
    {
        var dispute = new AuditDispute(
            session.Spender, session.AgentAccount, shared,
            new AuditAmount(settled.OverrunNanos, settled.OverrunTokens), settled.Usage, state.Now, settled.Model,
            settled.PricedAs);
        state.Disputes[state.Sequence] = dispute;
        AuditAccount[] beside = PartAudit.SharedOf(state, dispute);
        // A budget of a user that the catalog names no longer stays for former disputes, and is on no path.
        foreach (AuditAccount left in beside.Except(session.Path).Except(session.Families))
        {
            foreach (AuditAccount window in left.Windows) window.StartDispute(dispute.Amount);
        }

        AuditState.Retain([.. beside, session.AgentAccount]);
    }

    // What was held on the models of the hold returns there, what ran is charged where it counts.
    private static void SettleOnModels(
        AuditState state, AuditAccount family, ReservationSettled settled, AuditHold hold, AuditAmount disputed)
    {
        bool isHeldHere = hold.IsHeld && family.CountsModel(hold.Model);
        AuditAmount unheld = isHeldHere ? new AuditAmount(settled.UnheldNanos, settled.UnheldTokens) : default;
        AuditAmount charge = PartAudit.ShareOf(family, settled);
        AuditAmount taken = PartAudit.ShareOf(family, settled.ExpiryCharge);
        AuditAmount raised = (charge - taken).AboveZero();
        AuditAmount lowered = (taken - charge).AboveZero();
        AuditAmount inDispute = raised == default ? default : disputed;
        AuditAmount settledHere = raised - inDispute;
        if (raised != default) TierAudit.CheckTold(state, family.Windows, settled.TiersCrossed, settledHere);
        foreach (AuditAccount window in family.Windows)
        {
            if (lowered != default) window.Lower(lowered);
            if (raised == default && unheld == default) continue;
            window.Unhold(unheld);
            window.Charge(settledHere, (settledHere - unheld).AboveZero(), state.Now);
            window.StartDispute(inDispute);
        }
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

    private static AuditAmount TakenBy(ReservationSettled settled) => settled.ExpiryCharge is null
        ? default
        : new AuditAmount(settled.ExpiryCharge.CostNanos, settled.ExpiryCharge.Tokens);

    // The first commit after a charge of the estimate takes back that charge, whole; one that counts the whole call all
    // that was settled of it, but nothing of what is in dispute.
    private static void CheckTaken(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        // What would lower a charge in dispute settles nothing and takes nothing back.
        if (IsOfNothing(hold, settled)) return;
        List<ReservationSettled> should = hold.ExpiryCharge is null ? [] : [hold.ExpiryCharge];
        if (settled.Cumulative) should.AddRange(hold.Parts);
        ReservationSettled? says = settled.ExpiryCharge;
        bool isRight = should.Count == 0
            ? says is null
            : says is not null && says.Model == should[0].Model && says.Tool == should[0].Tool && !says.Disputed
                && SharesOf([says]).SequenceEqual(SharesOf(should)) && ItemsOf([says]).SequenceEqual(ItemsOf(should));
        bool isLower = says is not null && (says.CostNanos > settled.CostNanos || says.Tokens > settled.Tokens);
        if (isRight && !(isLower && should.Exists(part => part.Disputed))) return;
        state.Find(
            AuditRule.SettleExpiryCharge,
            $"{should.Sum(part => (decimal)part.CostNanos)} are to be taken back, and it takes back "
            + $"{says?.CostNanos ?? 0}");
    }

    // What charges come to by model: cost, every bucket and every rate.
    private static IEnumerable<(string Key, Int128 Amount)> SharesOf(IEnumerable<ReservationSettled> charges)
    {
        var sums = new SortedDictionary<string, Int128>(StringComparer.Ordinal);
        foreach (ReservationSettled charge in charges)
        {
            Add("cost", charge.CostNanos);
            Add("tokens", charge.Tokens);
            AddBuckets("all", charge.Usage);
            Int128 items = (charge.ItemCosts?.Items ?? []).Aggregate((Int128)0, (sum, item) => sum + item.CostNanos);
            IEnumerable<SettledPart> parts = charge.Parts.Count > 0
                ? charge.Parts
                :
                [
                    new SettledPart
                    {
                        Model = charge.Model,
                        PricedAs = charge.PricedAs,
                        Usage = charge.Usage,
                        Lines = { charge.Lines },
                    },
                ];
            foreach (SettledPart part in parts)
            {
                string model = $"{part.Model}/{part.PricedAs}";
                Add($"{model}/cost", charge.Parts.Count > 0 ? part.CostNanos : charge.CostNanos - items);
                AddBuckets(model, part.Usage);
                foreach (ChargeLine line in part.Lines)
                {
                    string key = $"{model}/{line.Bucket}/{line.Rate}/{line.RateOf}/{line.AboveTokens}";
                    Add($"{key}/tokens", line.Tokens);
                    Add($"{key}/cost", line.CostNanos);
                }
            }
        }

        return sums.Where(sum => sum.Value != 0).Select(sum => (sum.Key, sum.Value));

        void AddBuckets(string key, TokenUsage? usage)
        {
            IReadOnlyList<long> buckets = AuditTokens.Of(usage).Buckets;
            for (int i = 0; i < buckets.Count; i++) Add($"{key}/{i}", buckets[i]);
        }

        void Add(string key, Int128 amount) => sums[key] = sums.GetValueOrDefault(key) + amount;
    }

    private static IEnumerable<(string Sku, Int128 Count, Int128 Nanos)> ItemsOf(
        IReadOnlyList<ReservationSettled> charges)
    {
        // A bill among them is not told item by item.
        bool isTold = charges.All(charge => !charge.HasOwnCostNanos);
        return charges.SelectMany(charge => charge.Usage?.Items ?? [])
            .GroupBy(item => item.Sku, StringComparer.Ordinal)
            .OrderBy(items => items.Key, StringComparer.Ordinal)
            .Select(items => (
                items.Key,
                items.Aggregate((Int128)0, (sum, item) => sum + item.Count),
                isTold ? CostOf(items.Key) : 0));

        Int128 CostOf(string sku) => charges.SelectMany(charge => charge.ItemCosts?.Items ?? [])
            .Where(item => item.Sku == sku)
            .Aggregate((Int128)0, (sum, item) => sum + item.CostNanos);
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
        if (settled.PriceVersion != hold.Prices.Version)
        {
            state.Find(
                AuditRule.SettlePrice,
                $"the hold has price version {hold.Prices.Version}, and it is charged by {settled.PriceVersion}");
            return;
        }

        if (UsageCostOf(state, hold, settled) is not { } cost) return;
        cost += ItemCostsOf(hold, settled).Aggregate((Int128)0, (sum, item) => sum + (item.Cost ?? 0));
        CheckUnpriced(state, hold, settled);
        CheckUnaccounted(state, hold, settled);
        bool isBilled = settled.UsageSource == UsageSource.Billed;
        if (isBilled != settled.HasOwnCostNanos || (isBilled && settled.OwnCostNanos != cost))
        {
            state.Find(
                AuditRule.SettleBilled,
                $"it is {settled.UsageSource}, its own price is {cost}, and it says {settled.OwnCostNanos}");
            return;
        }

        if (isBilled ? settled.ItemCosts is not null || charge.Nanos < 0 : !AreItemsTold(hold, settled))
            state.Find(AuditRule.SettleCost, $"its items do not cost what it says: {settled.ItemCosts}");
        var should = new AuditAmount(isBilled ? charge.Nanos : cost, AuditTokens.Of(settled.Usage).Total);
        if (should != charge) state.Find(AuditRule.SettleCost, $"its usage is {should}, and it charges {charge}");
    }

    // What the tokens cost: of one sampling, or of several, each by itself, which sum to the usage.
    private static Int128? UsageCostOf(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        var whole = new SettledPart { Model = settled.Model, PricedAs = settled.PricedAs, Usage = settled.Usage };
        if (settled.Parts.Count == 0) return PartCostOf(state, hold, settled, whole);
        if (settled.Parts.Count == 1 || settled.Model != settled.Parts[0].Model)
            state.Find(AuditRule.SettleCost, "its samplings are several, and the first names its model");
        Int128 sum = 0;
        var buckets = new Int128[AuditTokens.Of(settled.Usage).Buckets.Count];
        foreach (SettledPart part in settled.Parts)
        {
            if (PartCostOf(state, hold, settled, part) is not { } cost) return null;
            if (cost != part.CostNanos)
                state.Find(AuditRule.SettleCost, $"a sampling of {part.Model} costs {cost}: it says {part.CostNanos}");
            sum += cost;
            for (int i = 0; i < buckets.Length; i++) buckets[i] += AuditTokens.Of(part.Usage).Buckets[i];
        }

        if (buckets.SequenceEqual(AuditTokens.Of(settled.Usage).Buckets.Select(bucket => (Int128)bucket))) return sum;
        state.Find(AuditRule.SettleCost, "its samplings do not sum to its usage");
        return null;
    }

    private static Int128? PartCostOf(AuditState state, AuditHold hold, ReservationSettled settled, SettledPart part)
    {
        AuditTokens tokens = AuditTokens.Of(part.Usage);
        ServiceTier tier = TierOf(hold, settled);
        AuditPrice? ran = hold.Prices.Find(part.Model, RegionOf(hold, settled), tier, hold.AtNanos);
        bool isUnknown = ran is null && part.Model != hold.Model;
        AuditPrice? price = PriceOf(hold, settled, part);
        string pricedAs = isUnknown ? hold.Model : "";
        bool isNamed = isUnknown || (price?.Model ?? "") == part.Model;
        bool isKnown = price is not null || hold.Model.Length == 0;
        if (!isKnown || part.PricedAs != pricedAs || !isNamed)
        {
            state.Find(
                AuditRule.SettlePrice,
                $"'{part.Model}' pays the price of '{pricedAs}', and it says '{part.PricedAs}'");
            return null;
        }

        Int128? cost = tokens.Total > 0 ? price?.CostOfCharge(tokens, tier, hold.AtNanos) : 0;
        if (!tokens.AreCounts) cost = null;
        if (cost is null) state.Find(AuditRule.SettleCost, $"{price?.Model} has no price for its usage");
        return cost;
    }

    /// <summary>What a sampling is priced by: the model that ran it, else the one that was held.</summary>
    public static AuditPrice? PriceOf(AuditHold hold, ReservationSettled settled, SettledPart part)
    {
        ServiceTier tier = TierOf(hold, settled);
        string region = RegionOf(hold, settled);
        return hold.Prices.Find(part.Model, region, tier, hold.AtNanos)
            ?? hold.Prices.Find(hold.Model, region, tier, hold.AtNanos)
            ?? hold.Prices.Find(hold.Model, hold.Region, hold.ServiceTier, hold.AtNanos);
    }

    /// <summary>The price list that a charge is of.</summary>
    public static ServiceTier TierOf(AuditHold hold, ReservationSettled settled) =>
        settled.ServiceTier == ServiceTier.Unspecified ? hold.ServiceTier : settled.ServiceTier;

    /// <summary>Where its call was served.</summary>
    public static string RegionOf(AuditHold hold, ReservationSettled settled) =>
        settled.Region.Length > 0 ? settled.Region : hold.Region;

    /// <summary>
    /// What the items of a commit cost, by the price of the first sampling; null for what nobody prices. The first
    /// charge of a call pays for its request, and so does one that takes back all before it.
    /// </summary>
    public static IEnumerable<(CountedItem Item, Int128? Cost)> ItemCostsOf(AuditHold hold, ReservationSettled settled)
    {
        SettledPart first = settled.Parts.Count > 0
            ? settled.Parts[0]
            : new SettledPart { Model = settled.Model, Usage = settled.Usage };
        AuditPrice? price = PriceOf(hold, settled, first);
        AuditTokens tokens = AuditTokens.Of(first.Usage);
        bool hasFee = (settled.Cumulative || hold.Parts.Count == 0) && !IsOfNothing(hold, settled);
        return AuditPrices.ItemsOf(settled.Usage?.Items, price, tokens, hasFee)
            .Select(item => (item, hold.Prices.CostOf(item, price, tokens, isHold: false)));
    }

    // A charge in dispute is not lowered: what would do so settles nothing.
    private static bool IsOfNothing(AuditHold hold, ReservationSettled settled) =>
        settled is { CostNanos: 0, Tokens: 0, Usage.Items.Count: 0, ExpiryCharge: null }
        && (hold.ExpiryCharge is { Disputed: true } || hold.Parts.Exists(part => part.Disputed));

    private static void CheckUnpriced(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        IEnumerable<string> unpriced = ItemCostsOf(hold, settled)
            .Where(item => item.Cost is null)
            .Select(item => item.Item.Sku);
        if (!unpriced.SequenceEqual(settled.UnpricedItems))
        {
            state.Find(
                AuditRule.SettleUnpriced, $"its items without a price are not those it names: {settled.UnpricedItems}");
        }
    }

    // Tokens that are in a report's total alone came as output, or were put to the input where that is dearer.
    private static void CheckUnaccounted(AuditState state, AuditHold hold, ReservationSettled settled)
    {
        if (settled.UnaccountedTokens == 0 || settled.Parts.Count > 0) return;
        var whole = new SettledPart { Model = settled.Model, Usage = settled.Usage };
        if (PriceOf(hold, settled, whole) is not { } price) return;
        ServiceTier tier = TierOf(hold, settled);
        TokenUsage reported = settled.Usage.Clone();
        reported.InputTokens -= settled.UnaccountedTokens;
        reported.OutputTokens += settled.UnaccountedTokens;
        bool isOutput = settled.Usage.OutputTokens >= settled.UnaccountedTokens
            && !price.IsInputDearer(AuditTokens.Of(settled.Usage), tier, hold.AtNanos);
        bool isInput = reported.InputTokens >= 0
            && price.IsInputDearer(AuditTokens.Of(reported), tier, hold.AtNanos);
        if (!isOutput && !isInput)
            state.Find(AuditRule.SettleCost, "what its report counts in the total alone is not at the dearer rate");
    }

    // What it says that the items cost is what they cost.
    private static bool AreItemsTold(AuditHold hold, ReservationSettled settled)
    {
        IEnumerable<ItemCost> should = ItemCostsOf(hold, settled).Select(item => new ItemCost
        {
            Sku = item.Item.Sku,
            Count = item.Item.Count,
            CostNanos = (long)(item.Cost ?? 0),
            Tool = hold.Prices.IsTool(item.Item.Sku),
        });
        return should.SequenceEqual(settled.ItemCosts?.Items ?? []);
    }

    // What the charge leaves of the hold, and what it is above it.
    private static void CheckRest(AuditState state, AuditHold hold, ReservationSettled settled, AuditAmount charge)
    {
        if (!state.IsEventClean) return;
        var unheld = new AuditAmount(settled.UnheldNanos, settled.UnheldTokens);
        AuditAmount raised = (charge - TakenBy(settled)).AboveZero();
        AuditAmount shouldUnhold = settled.Final ? hold.Held : AuditAmount.Min(hold.Held, raised);
        if (unheld != shouldUnhold)
            state.Find(AuditRule.ReservationSum, $"{shouldUnhold} stop being held with it, and it says {unheld}");
        var overrun = new AuditAmount(settled.OverrunNanos, settled.OverrunTokens);
        AuditAmount shouldOverrun = (charge - hold.Held - TakenBy(settled)).AboveZero();
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
