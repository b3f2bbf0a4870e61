using AgentBudget.Grains.Budgets;
using AgentBudget.Grains.Prices;
using AgentBudget.Grains.Sessions;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Grains.Reservations;

/// <summary>A call that is to be held for.</summary>
/// <param name="Model">The model asked for, or an alias.</param>
/// <param name="Tokens">The most it can use.</param>
/// <param name="Tool">The tool on whose behalf it is made; empty for none.</param>
/// <param name="ServiceTier">The price list.</param>
/// <param name="Tags">Its tags; null for a change of a hold, whose tags were taken.</param>
/// <param name="Amended">The hold that it changes; null for a new one.</param>
internal readonly record struct Call(
    string Model,
    Tokens Tokens,
    string Tool,
    ServiceTier ServiceTier,
    MapField<string, string>? Tags,
    Reservation? Amended);

/// <summary>What a call is granted: the price of the model to call, and the amount to hold.</summary>
internal readonly record struct Offer(PriceEntry Price, Spend Spend, bool IsDowngraded);

/// <summary>How a call was decided.</summary>
internal enum Verdict
{
    /// <summary>Every grain on the path agrees.</summary>
    Allowed,

    /// <summary>A grain refuses, or the call may not be made at all.</summary>
    Refused,

    /// <summary>A sum would not fit 64 bits.</summary>
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
        TenantLedger ledger, SessionGrain session, in Call call, out Offer offer, out Refusal refusal)
    {
        offer = default;
        PriceEntry? price = ledger.Catalog.Book.Find(call.Model, ledger.Now);
        refusal = CheckCall(ledger, session, call, price);
        if (refusal.IsRefused) return Verdict.Refused;

        Invariant.Holds(price is not null);
        if (!TryQuote(price!, call, out Spend asked)) return Verdict.Overflow;

        refusal = session.CheckRequest(asked);
        if (!refusal.IsRefused && call.Amended is null)
        {
            refusal = session.CheckStep(isToolCall: call.Tool.Length > 0);
            if (!refusal.IsRefused) refusal = session.CheckOpenHolds();
        }

        if (refusal.IsRefused) return Verdict.Refused;

        bool isAboveSoftCap = IsAboveSoftCap(session, Beyond(asked, call));
        Offer? cheaper = isAboveSoftCap ? CheaperOffer(ledger, session, call, price!) : null;
        offer = cheaper ?? new Offer(price!, asked, IsDowngraded: false);
        bool refusesAtSoftCap = isAboveSoftCap && cheaper is null && session.UseCase.RefusesWithoutCheaperModel;

        Spend beyond = Beyond(offer.Spend, call);
        refusal = CheckPath(session, beyond, refusesAtSoftCap);
        if (refusal.IsRefused)
        {
            string? fitting = isAboveSoftCap ? null : FittingModel(ledger, session, call, price!);
            refusal = refusal with { SuggestedModel = fitting };
            return Verdict.Refused;
        }

        return CanCount(session, beyond) ? Verdict.Allowed : Verdict.Overflow;
    }

    /// <summary>
    /// Answers why a session may not spend at all, or not with this tool, or none: reasons before any price or number.
    /// </summary>
    public static Refusal CheckSession(SessionGrain session, string tool)
    {
        Refusal refusal = session.CheckOpen();
        if (refusal.IsRefused) return refusal;
        Reason stopped = session.Agent.CheckStanding();
        if (stopped != Reason.Unspecified) return new Refusal(stopped, session.Agent.Name);
        return tool.Length == 0 ? default : session.CheckTool(tool);
    }

    // Reasons before any number of tokens or money is looked at.
    private static Refusal CheckCall(TenantLedger ledger, SessionGrain session, in Call call, PriceEntry? price)
    {
        Refusal refusal = CheckSession(session, call.Tool);
        if (refusal.IsRefused) return refusal;
        string model = price?.Model ?? call.Model;
        refusal = session.CheckModel(model);
        if (refusal.IsRefused) return refusal;

        if (price is null) return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = model };
        if (price.CardFor(call.Tokens, call.ServiceTier).MissingRate(call.Tokens) is { } bucket)
            return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = bucket };

        return call.Tags is not null && ledger.Catalog.MissingTag(session.Opened.Tags, call.Tags) is { } tag
            ? new Refusal(Reason.MissingTag, ledger.Tenant.Name) { Subject = tag }
            : default;
    }

    private static Spend Beyond(in Spend spend, in Call call) =>
        call.Amended is null ? spend : spend.Beyond(call.Amended.Held);

    private static Refusal CheckPath(SessionGrain session, in Spend spend, bool refusesAtSoftCap)
    {
        // Sessions come first on the path; one that refuses for the run waits for what the others above it say.
        Refusal ofRun = default;
        foreach (Grain grain in session.Path)
        {
            Refusal refusal = grain.Check(spend, refusesAtSoftCap);
            if (!refusal.IsRefused) continue;
            if (grain is SessionGrain owner) refusal = owner.NameCeiling(refusal, spend);
            else if (ofRun.IsRefused) return ofRun;
            if (refusal.Reason != Reason.RunCeiling) return refusal;
            if (!ofRun.IsRefused) ofRun = refusal;
        }

        return ofRun;
    }

    private static bool IsAboveSoftCap(SessionGrain session, in Spend spend)
    {
        foreach (Grain grain in session.Path)
        {
            if (!grain.IsWithinSoftCap(spend)) return true;
        }

        return false;
    }

    private static bool CanCount(SessionGrain session, in Spend spend)
    {
        foreach (Grain grain in session.Path)
        {
            if (!grain.CanCount(spend)) return false;
        }

        return true;
    }

    // The call on the use case's cheaper model; null where there is none in scope and priced for these tokens.
    private static Offer? CheaperOffer(TenantLedger ledger, SessionGrain session, in Call call, PriceEntry price)
    {
        if (session.UseCase.CheaperModel(price.Model) is not { } name) return null;
        if (session.CheckModel(name).IsRefused) return null;
        if (ledger.Catalog.Book.Find(name, ledger.Now) is not { } cheaper) return null;
        return cheaper.CardFor(call.Tokens, call.ServiceTier).MissingRate(call.Tokens) is null
            && TryQuote(cheaper, call, out Spend spend)
            ? new Offer(cheaper, spend, IsDowngraded: true)
            : null;
    }

    private static string? FittingModel(TenantLedger ledger, SessionGrain session, in Call call, PriceEntry price) =>
        CheaperOffer(ledger, session, call, price) is { } offer
        && !CheckPath(session, Beyond(offer.Spend, call), refusesAtSoftCap: false).IsRefused
            ? offer.Price.Model
            : null;

    private static bool TryQuote(PriceEntry price, in Call call, out Spend spend)
    {
        bool fits = price.CardFor(call.Tokens, call.ServiceTier).TryPrice(call.Tokens, Rounding.Up, out long nanos);
        spend = new Spend(nanos, call.Tokens.Total);
        return fits;
    }
}
