using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Reservations;

/// <summary>A call that is to be held for.</summary>
/// <param name="Model">The model asked for, or an alias; empty for counted items alone.</param>
/// <param name="Tokens">The most tokens it can use.</param>
/// <param name="Items">The most counted items it can use.</param>
/// <param name="Tool">The tool on whose behalf it is made; empty for none.</param>
/// <param name="ServiceTier">The price list.</param>
/// <param name="Region">Where it is served; empty where that is not said.</param>
/// <param name="Tags">Its tags; null for a change of a hold, whose tags were taken.</param>
/// <param name="AmendedFrom">What the hold that it changes holds; null for a new one.</param>
/// <param name="AmendedModel">The model of that hold.</param>
internal readonly record struct Call(
    string Model,
    Tokens Tokens,
    RepeatedField<CountedItem> Items,
    string Tool,
    ServiceTier ServiceTier,
    string Region,
    MapField<string, string>? Tags,
    Spend? AmendedFrom,
    string AmendedModel = "");

/// <summary>What a call is granted: the model to call, and the amount to hold.</summary>
internal readonly record struct Offer(string Model, Spend Spend, long ToolCalls, bool IsDowngraded);

/// <summary>How a call was decided.</summary>
internal enum Verdict
{
    /// <summary>Every account on the path agrees.</summary>
    Allowed,

    /// <summary>An account refuses, or the call may not be made at all.</summary>
    Refused,

    /// <summary>What it costs by itself would not fit 64 bits.</summary>
    Overflow,
}

/// <summary>
/// Whether a call may be made, with which model and for how much: the same for a new hold and for the change of one,
/// which asks for what is beyond the old hold. Changes nothing. Reasons are asked in the order of <see cref="Reason"/>,
/// so the first one found is the one that wins.
/// </summary>
internal static class Decide
{
    public static Verdict Ask(
        TenantLedger ledger, SessionAccount session, in Call call, out Offer offer, out Refusal refusal)
    {
        offer = default;
        PriceBook book = ledger.Catalog.Book;
        PriceEntry? price = book.Find(call.Model, call.Region, call.ServiceTier, ledger.Now);
        refusal = CheckCall(ledger, session, call, price);
        if (refusal.IsRefused) return Verdict.Refused;

        if (!TryQuote(ledger, price, call, out Spend asked)) return Verdict.Overflow;

        long toolCalls = Math.Max(call.Tool.Length > 0 ? 1 : 0, book.ToolCallsOf(call.Items));
        refusal = session.CheckRequest(asked);
        if (!refusal.IsRefused && call.AmendedFrom is null)
        {
            refusal = session.CheckStep(isStep: price is not null, toolCalls);
            if (!refusal.IsRefused) refusal = session.CheckOpenHolds();
        }

        if (refusal.IsRefused) return Verdict.Refused;

        bool isAboveSoftCap = IsAboveSoftCap(session, price?.Model ?? "", asked, call);
        Offer? cheaper = isAboveSoftCap ? CheaperOffer(ledger, session, call, price) : null;
        offer = cheaper ?? new Offer(price?.Model ?? "", asked, toolCalls, IsDowngraded: false);
        offer = offer with { ToolCalls = toolCalls };
        bool refusesAtSoftCap = isAboveSoftCap && cheaper is null && session.UseCase.RefusesWithoutCheaperModel;

        refusal = CheckPath(session, offer, call, refusesAtSoftCap);
        if (refusal.IsRefused)
        {
            string? fitting = isAboveSoftCap ? null : FittingModel(ledger, session, call, price);
            refusal = refusal with { SuggestedModel = fitting };
            return Verdict.Refused;
        }

        return Verdict.Allowed;
    }

    /// <summary>
    /// Answers why a session may not spend at all, or not with this tool, or none: reasons before any price or number.
    /// </summary>
    public static Refusal CheckSession(SessionAccount session, string tool)
    {
        Refusal refusal = session.CheckOpen();
        if (refusal.IsRefused) return refusal;
        Reason stopped = session.Agent.CheckStanding(session.Spender.OnBehalfOf);
        if (stopped != Reason.Unspecified) return new Refusal(stopped, session.Agent.Name);
        return tool.Length == 0 ? default : session.CheckTool(tool);
    }

    // Reasons before any number of tokens or money is looked at.
    private static Refusal CheckCall(TenantLedger ledger, SessionAccount session, in Call call, PriceEntry? price)
    {
        Refusal refusal = CheckSession(session, call.Tool);
        if (refusal.IsRefused) return refusal;
        PriceBook book = ledger.Catalog.Book;
        for (int index = 0; index < call.Items.Count; index++)
        {
            if (book.FindSku(call.Items[index].Sku) is not { IsTool: true } tool) continue;
            refusal = session.CheckTool(tool.Id);
            if (refusal.IsRefused) return refusal;
        }

        string model = price?.Model ?? call.Model;
        refusal = model.Length == 0 ? default : session.CheckModel(model);
        if (refusal.IsRefused) return refusal;

        // Items alone need no model; tokens do.
        string? unknown = price is not null ? price.MissingRate(call.Tokens, call.ServiceTier, ledger.Now)
            : model.Length > 0 ? model
            : call.Tokens.Total > 0 ? "model"
            : null;
        if (ledger.Catalog.Head.RefuseUnpricedItems)
            unknown ??= ItemsOf(ledger, price, call).FirstUnknown(call.Items);
        if (unknown is not null) return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = unknown };

        return call.Tags is not null && ledger.Catalog.MissingTag(session.Opened.Tags, call.Tags) is { } tag
            ? new Refusal(Reason.MissingTag, ledger.Tenant.Name) { Subject = tag }
            : default;
    }

    /// <summary>Answers the refusal of the first account on the path of a cost that is of no model; or none.</summary>
    public static Refusal CheckPath(SessionAccount session, in Spend spend, bool refusesAtSoftCap) =>
        CheckPath(session, new Offer("", spend, ToolCalls: 0, IsDowngraded: false), default, refusesAtSoftCap);

    /// <summary>Whether a cost that is of no model passes a soft cap on its path.</summary>
    public static bool IsAboveSoftCap(SessionAccount session, in Spend spend) =>
        IsAboveSoftCap(session, "", spend, default);

    // What a call asks an account for: what is beyond the hold that it changes, where that is held there.
    private static Spend AskedOf(Account account, in Spend spend, in Call call) =>
        call.AmendedFrom is { } before && account.Counts(call.AmendedModel) ? spend.Beyond(before) : spend;

    private static Refusal CheckPath(SessionAccount session, in Offer offer, in Call call, bool refusesAtSoftCap)
    {
        // Sessions come first on the path; one that refuses for the run waits for what the others above it say.
        Refusal ofRun = default;
        foreach (Account account in session.PathOf(offer.Model))
        {
            Spend spend = AskedOf(account, offer.Spend, call);
            Refusal refusal = account.Check(spend, refusesAtSoftCap);
            if (!refusal.IsRefused) continue;
            if (account is SessionAccount owner) refusal = owner.NameCeiling(refusal, spend);
            else if (ofRun.IsRefused) return ofRun;
            if (refusal.Reason != Reason.RunCeiling) return refusal;
            if (!ofRun.IsRefused) ofRun = refusal;
        }

        return ofRun;
    }

    private static bool IsAboveSoftCap(SessionAccount session, string model, in Spend spend, in Call call)
    {
        foreach (Account account in session.PathOf(model))
        {
            if (!account.IsWithinSoftCap(AskedOf(account, spend, call))) return true;
        }

        return false;
    }

    // The call on the use case's cheaper model; null where there is none in scope and priced for these tokens.
    private static Offer? CheaperOffer(TenantLedger ledger, SessionAccount session, in Call call, PriceEntry? price)
    {
        if (price is null || session.UseCase.CheaperModel(price.Model) is not { } name) return null;
        if (session.CheckModel(name).IsRefused) return null;
        PriceBook book = ledger.Catalog.Book;
        if (book.Find(name, call.Region, call.ServiceTier, ledger.Now) is not { } cheaper) return null;
        return cheaper.MissingRate(call.Tokens, call.ServiceTier, ledger.Now) is null
            && TryQuote(ledger, cheaper, call, out Spend spend)
            ? new Offer(cheaper.Model, spend, ToolCalls: 0, IsDowngraded: true)
            : null;
    }

    private static string? FittingModel(TenantLedger ledger, SessionAccount session, in Call call, PriceEntry? price) =>
        CheaperOffer(ledger, session, call, price) is { } offer
        && !CheckPath(session, offer, call, refusesAtSoftCap: false).IsRefused
            ? offer.Model
            : null;

    private static ItemPrices ItemsOf(TenantLedger ledger, PriceEntry? price, in Call call) =>
        new(ledger.Catalog.Book, price, call.Tokens.Prompt, HasFee: true);

    private static bool TryQuote(TenantLedger ledger, PriceEntry? price, in Call call, out Spend spend)
    {
        long nanos = 0;
        bool fits = price is null
            || price.CardFor(call.Tokens, call.ServiceTier, ledger.Now)
                .TryPrice(call.Tokens, Rounding.Up, out nanos);
        fits = fits && ItemsOf(ledger, price, call).TryPrice(call.Items, Rounding.Up, ref nanos);
        spend = new Spend(nanos, call.Tokens.Total);
        return fits;
    }
}
