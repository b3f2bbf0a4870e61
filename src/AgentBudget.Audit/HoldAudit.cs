using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>Grants: what a hold costs, whether it was allowed, and what it does to its path.</summary>
internal static class HoldAudit
{
    // The longest time that a request can hold for (24 h).
    private static readonly Int128 TtlMax = 24 * AuditNumbers.Hour;

    public static void Hold(AuditState state, AuditSession session, LedgerEvent ledgerEvent)
    {
        ReservationHeld held = ledgerEvent.ReservationHeld;
        var amount = new AuditAmount(held.CostNanos, held.Tokens);
        AuditTokens tokens = AuditTokens.Of(held.Estimate);
        CheckSession(state, session);
        state.CheckDeadlines(session);
        CheckScope(state, session, held);
        if (held.Tags is not null) TagAudit.CheckDeclared(state, held.Tags.Values);
        TagAudit.CheckRequired(state, session, held.Tags?.Values);
        if (IsPriceRight(state, held, tokens)) CheckSoftCap(state, session, held, amount, amended: null);
        CheckTime(state, held);
        CheckCeilings(state, session, held);
        CheckHardCap(state, session, held.Model, amount, amended: null);
        if (ledgerEvent.RequestHash is not null)
        {
            TierAudit.CheckHeld(state, session.WindowsOf(held.Model), held.TiersHeld, _ => amount);
            ShareAudit.Hold(state, session);
        }

        foreach (AuditAccount account in session.WindowsOf(held.Model)) account.Hold(amount);
        if (held.Model.Length > 0) session.Steps++;
        session.ToolCalls += held.ToolCalls;
        BreakerAudit.CountCall(session, isStep: held.Model.Length > 0, held.Tool, held.ToolArgumentsDigest);
        state.OpenHold(session, state.Sequence);
        state.Holds[state.Sequence] = new AuditHold(
            session, held, ledgerEvent.Principal, state.Prices, state.Now);
        state.CheckLeft(held.Left, session, held.Model);
    }

    /// <summary>A hold that is changed: granted as a new one is, for what it asks beyond itself.</summary>
    public static void Amend(AuditState state, AuditSession session, LedgerEvent ledgerEvent)
    {
        ReservationAmended amended = ledgerEvent.ReservationAmended;
        if (state.HoldOf(amended.Reservation, session) is not { } hold) return;
        if (!hold.IsHeld)
        {
            state.Find(
                AuditRule.ReservationTerminal, $"reservation r{amended.Reservation} was given back before");
            return;
        }

        var amount = new AuditAmount(amended.CostNanos, amended.Tokens);
        ReservationHeld held = AsHeld(amended, hold);
        CheckSession(state, session);
        state.CheckDeadlines(session);
        CheckScope(state, session, held);
        if (hold.ExpireNanos <= state.Now)
            state.Find(AuditRule.Expiry, $"its hold should have expired at {AuditNumbers.Show(hold.ExpireNanos)}");
        if (amended.Estimate is null) CheckKept(state, amended, hold, amount);
        else if (IsPriceRight(state, held, AuditTokens.Of(held.Estimate)))
            CheckSoftCap(state, session, held, amount, hold);
        if (amended.Estimate is not null && amended.Tokens > session.Ceilings.TokensPerRequest)
            state.Find(AuditRule.GrantCeiling, $"{amended.Tokens} tokens are above what a request may ask");
        CheckTime(state, held);
        CheckHardCap(state, session, amended.Model, amount, hold);
        if (ledgerEvent.RequestHash is not null)
        {
            TierAudit.CheckHeld(
                state,
                session.WindowsOf(amended.Model),
                amended.TiersHeld,
                window => amount - (BeforeOf(window, hold) ?? default));
        }

        foreach (AuditAccount account in session.WindowsOf(hold.Model)) account.Unhold(hold.Held);
        foreach (AuditAccount account in session.WindowsOf(amended.Model)) account.Hold(amount);

        hold.Grant(amount);
        hold.ExpireNanos = AuditNumbers.OptionalNanosOf(amended.ExpireTime) ?? 0;
        if (amended.Estimate is not null) hold.Reprice(amended.Model, state.Prices, state.Now);
        state.CheckLeft(amended.Left, session, amended.Model);
    }

    private static ReservationHeld AsHeld(ReservationAmended amended, AuditHold hold) => new()
    {
        CostNanos = amended.CostNanos,
        Tokens = amended.Tokens,
        Model = amended.Model,
        RequestedModel = amended.RequestedModel,
        Estimate = amended.Estimate,
        PriceVersion = amended.PriceVersion,
        ServiceTier = hold.ServiceTier,
        ExpireTime = amended.ExpireTime,
        Tool = hold.Tool,
        Region = hold.Region,
    };

    // Only its time changed.
    private static void CheckKept(AuditState state, ReservationAmended amended, AuditHold hold, AuditAmount amount)
    {
        if (amount != hold.Held)
            state.Find(AuditRule.HoldCost, $"{hold.Held} are held, and without a new estimate it holds {amount}");
        else if (amended.Model != hold.Model || amended.PriceVersion != hold.Prices.Version)
            state.Find(AuditRule.HoldCost, $"the hold is of {hold.Model} at price version {hold.Prices.Version}");
        else if (amended.RequestedModel.Length > 0)
            state.Find(AuditRule.Downgrade, "a hold that is not priced again is not downgraded");
    }

    // What of an amended hold is in a window already; null for nothing: a budget on other models.
    private static AuditAmount? BeforeOf(AuditAccount window, AuditHold? amended) =>
        amended is null || (window.Pattern.Length > 0 && !window.CountsModel(amended.Model)) ? null : amended.Held;

    public static void CheckHardCap(
        AuditState state, AuditSession session, string model, AuditAmount amount, AuditHold? amended)
    {
        foreach (AuditAccount account in session.WindowsOf(model))
        {
            if (account.HardCap.Admits(account.Exposure, amount, BeforeOf(account, amended))) continue;
            state.Find(
                AuditRule.GrantCap,
                $"{account.Name} has {account.Exposure} settled and held, and {amount} more pass its hard cap of "
                + account.HardCap);
            break;
        }
    }

    /// <summary>The session may spend, and so may its agent.</summary>
    public static void CheckSession(AuditState state, AuditSession session)
    {
        IdentityAudit.CheckActive(state, session.Spender);
        if (!session.IsOpen)
            state.Find(AuditRule.SessionOver, $"{session.Spender.Session} is {session.State} and holds more");
        else if (session.Lineage.Any(owner => owner.State == Session.Types.State.Suspended))
            state.Find(AuditRule.Suspended, $"{session.Spender.Session} or one above it is suspended and holds more");
        else if (session.ExpireNanos <= state.Now)
        {
            state.Find(
                AuditRule.SessionTime,
                $"{session.Spender.Session} should have expired at {AuditNumbers.Show(session.ExpireNanos)}");
        }
    }

    private static void CheckScope(AuditState state, AuditSession session, ReservationHeld held)
    {
        if (held.Tool.Length > 0 && !session.AllowsTool(held.Tool))
            state.Find(AuditRule.HoldScope, $"tool '{held.Tool}' is out of scope");
        if (held.Model.Length > 0 && !session.AllowsModel(held.Model))
            state.Find(AuditRule.HoldScope, $"model '{held.Model}' is out of scope");
        foreach (CountedItem item in held.Estimate?.Items ?? [])
        {
            if (state.Prices.IsTool(item.Sku) && !session.AllowsTool(item.Sku))
                state.Find(AuditRule.HoldScope, $"tool '{item.Sku}' is out of scope");
        }
    }

    private static bool IsPriceRight(AuditState state, ReservationHeld held, AuditTokens tokens)
    {
        AuditPrice? price = state.Prices.Find(held.Model, held.Region, held.ServiceTier, state.Now);
        Int128? cost = CostOf(state, price, tokens, held);
        if (held.PriceVersion != state.Prices.Version)
        {
            state.Find(
                AuditRule.HoldCost,
                $"it has price version {held.PriceVersion}, and {state.Prices.Version} is in force");
            return false;
        }

        if (price is { KnowsMaxOutput: true } && held.Estimate is { HasMaxOutputTokens: false })
        {
            state.Find(AuditRule.HoldCost, $"it holds no output, and {held.Model} has a greatest one");
            return false;
        }

        if ((price?.Model ?? "") != held.Model || cost is null)
        {
            state.Find(AuditRule.HoldCost, $"model '{held.Model}' has no price for its estimate");
            return false;
        }

        if (cost == held.CostNanos && tokens.Total == held.Tokens) return true;
        var should = new AuditAmount(cost.Value, tokens.Total);
        state.Find(
            AuditRule.HoldCost,
            $"its estimate is {should}, and it holds {held.CostNanos} nanos and {held.Tokens} tokens");
        return false;
    }

    // Above a soft cap a call runs on the cheaper model, where there is one in scope; without one the use case decides.
    private static void CheckSoftCap(
        AuditState state, AuditSession session, ReservationHeld held, AuditAmount amount, AuditHold? amended)
    {
        AuditTokens tokens = AuditTokens.Of(held.Estimate);
        bool isDowngraded = held.RequestedModel.Length > 0;
        AuditPrice? asked = state.Prices.Find(
            isDowngraded ? held.RequestedModel : held.Model, held.Region, held.ServiceTier, state.Now);
        Int128? askedCost = CostOf(state, asked, tokens, held);
        if (askedCost is null)
        {
            state.Find(
                AuditRule.Downgrade, $"the model asked for, '{held.RequestedModel}', has no price for its estimate");
            return;
        }

        AuditAmount askedAmount = amount with { Nanos = askedCost.Value };
        AuditAccount? above = session.WindowsOf(asked?.Model ?? "").FirstOrDefault(
            account => !account.SoftCap.Admits(account.Exposure, askedAmount, BeforeOf(account, amended)));
        string? cheaper = asked is null ? null : CheaperOf(state, session, asked.Model, tokens, held);
        if (isDowngraded && above is null)
            state.Find(AuditRule.Downgrade, $"it is moved to {held.Model}, and no soft cap on its path is reached");
        else if (isDowngraded && held.Model != cheaper)
            state.Find(
                AuditRule.Downgrade, $"{asked?.Model} is moved to {held.Model}, and the cheaper model is '{cheaper}'");
        else if (!isDowngraded && above is not null && cheaper is not null)
            state.Find(AuditRule.Downgrade, $"it is above the soft cap of {above.Name} and should run on {cheaper}");
        else if (!isDowngraded && above is not null && !session.UseCase.AllowWithoutCheaperModel)
            state.Find(AuditRule.Downgrade, $"it is above the soft cap of {above.Name}, where this use case refuses");
    }

    private static string? CheaperOf(
        AuditState state, AuditSession session, string model, AuditTokens tokens, ReservationHeld held)
    {
        if (!session.UseCase.Downgrade.TryGetValue(model, out string? name)) return null;
        if (!session.AllowsModel(name)) return null;
        AuditPrice? price = state.Prices.Find(name, held.Region, held.ServiceTier, state.Now);
        return price?.CostOfHold(tokens, held.ServiceTier, state.Now) is null ? null : price.Model;
    }

    // Tokens at the model's rates and items at theirs; null where something has no price.
    private static Int128? CostOf(AuditState state, AuditPrice? price, AuditTokens tokens, ReservationHeld held)
    {
        bool hasTokens = tokens.AreCounts && tokens.Total > 0;
        Int128? cost = hasTokens ? price?.CostOfHold(tokens, held.ServiceTier, state.Now) : 0;
        foreach (CountedItem item in AuditPrices.ItemsOf(held.Estimate?.Items, price, tokens, hasFee: true))
        {
            Int128? ofItem = state.Prices.CostOf(item, price, tokens, isHold: true);
            if (ofItem is null && !state.Catalog.RefuseUnpricedItems) ofItem = 0;
            cost += ofItem;
        }

        return cost;
    }

    private static void CheckTime(AuditState state, ReservationHeld held)
    {
        Int128? expire = AuditNumbers.OptionalNanosOf(held.ExpireTime);
        if (expire > state.Now && expire <= state.Now + TtlMax) return;
        state.Find(AuditRule.HoldTime, $"it stands until {AuditNumbers.Show(expire)}");
    }

    private static void CheckCeilings(AuditState state, AuditSession session, ReservationHeld held)
    {
        AuditCeilings ceilings = session.Ceilings;
        if (held.Tokens > ceilings.TokensPerRequest)
            state.Find(AuditRule.GrantCeiling, $"{held.Tokens} tokens are above {ceilings.TokensPerRequest} a request");
        if (held.Model.Length > 0 && session.Steps >= ceilings.Steps)
            state.Find(AuditRule.GrantCeiling, $"all {ceilings.Steps} steps were made");
        Int128 toolCalls =
            Int128.Max(held.Tool.Length > 0 ? 1 : 0, state.Prices.ToolCallsOf(held.Estimate?.Items));
        if (held.ToolCalls != toolCalls)
            state.Find(AuditRule.GrantCeiling, $"it makes {toolCalls} tool calls, and it says {held.ToolCalls}");
        else if (toolCalls > 0 && session.ToolCalls + toolCalls > ceilings.ToolCalls)
            state.Find(AuditRule.GrantCeiling, $"all {ceilings.ToolCalls} tool calls were made");
        if (session.OpenHolds.Count >= ceilings.OpenHolds)
            state.Find(AuditRule.GrantCeiling, $"all {ceilings.OpenHolds} holds were open");
    }
}
