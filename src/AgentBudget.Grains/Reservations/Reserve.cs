using AgentBudget.Grains.Budgets;
using AgentBudget.Grains.Prices;
using AgentBudget.Grains.Sessions;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Reservations;

/// <summary>
/// Holds the greatest cost of a call on every grain of its session's path, or refuses it on all of them. Reasons are
/// asked in the order of <see cref="Reason"/>, so the first one found is the one that wins.
/// </summary>
internal static class Reserve
{
    /// <summary>A hold stands this long where the request says nothing (10 min).</summary>
    internal const long TtlDefaultNanos = 600 * LogTime.NanosPerSecond;

    private readonly record struct Offer(PriceEntry Price, Spend Spend);

    public static Answer Handle(TenantLedger ledger, ReserveCommand command)
    {
        ReserveTokensRequest request = command.Request;
        SessionGrain? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);

        ulong fingerprint = 0;
        if (!request.DryRun)
        {
            fingerprint = FingerprintOf(request);
            if (session.TryAnswer(Operation.Reserve, request.RequestId, fingerprint, out Answer again)) return again;
        }

        if (ledger.Catalog.TagFaults(request.Tags) is { } faults) return new Answer(Outcome.TagInvalid, Faults: faults);

        PriceEntry? price = ledger.Catalog.Book.Find(request.Model, ledger.Now);
        Refusal refusal = CheckCall(ledger, session, request, price);
        if (refusal.IsRefused) return Refuse(ledger, session, request, fingerprint, refusal, suggestedModel: null);

        Invariant.Holds(price is not null);
        Tokens tokens = Tokens.From(request.Estimate);
        if (!TryQuote(price!, tokens, request.ServiceTier, out Spend asked)) return new Answer(Outcome.AmountOverflow);

        refusal = session.CheckRequest(asked);
        if (!refusal.IsRefused) refusal = session.CheckStep(isToolCall: request.Tool.Length > 0);
        if (!refusal.IsRefused) refusal = session.CheckOpenHolds();
        if (refusal.IsRefused) return Refuse(ledger, session, request, fingerprint, refusal, suggestedModel: null);

        bool isAboveSoftCap = IsAboveSoftCap(session, asked);
        Offer? cheaper = isAboveSoftCap ? CheaperOffer(ledger, session, request, price!, tokens) : null;
        Spend spend = cheaper?.Spend ?? asked;
        bool refusesAtSoftCap = isAboveSoftCap && cheaper is null && session.UseCase.RefusesWithoutCheaperModel;

        refusal = CheckPath(session, spend, refusesAtSoftCap);
        if (refusal.IsRefused)
        {
            Offer? other = isAboveSoftCap ? null : CheaperOffer(ledger, session, request, price!, tokens);
            bool wouldFit = other is { } offer && !CheckPath(session, offer.Spend, refusesAtSoftCap: false).IsRefused;
            return Refuse(ledger, session, request, fingerprint, refusal, wouldFit ? other!.Value.Price.Model : null);
        }

        if (!CanCount(session, spend)) return new Answer(Outcome.AmountOverflow);

        // Every grain on the path agrees: nothing below may fail.
        LedgerEvent held = Held(
            ledger, session, request, fingerprint, spend, cheaper?.Price ?? price!, isDowngraded: cheaper is not null);
        if (request.DryRun)
        {
            held.ReservationHeld.Left = session.Left(spend);
            return new Answer(Outcome.Done, held);
        }

        ledger.Emit(held, session);
        held.ReservationHeld.Left = session.Left(default);
        return new Answer(Outcome.Done, held);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionGrain session)
    {
        ReservationHeld held = ledgerEvent.ReservationHeld;
        var spend = new Spend(held.CostNanos, held.Tokens);
        foreach (Grain grain in session.Path) grain.Budget.Hold(spend);
        session.CountStep(isToolCall: held.Tool.Length > 0);
        Reservation reservation = ledger.AddReservation(
            ledgerEvent.Sequence, session, ledger.BookOf(held.PriceVersion), held);
        session.Link(reservation);
    }

    public static void ApplyRefused(SessionGrain session) => session.CountRefusal();

    // Reasons before any number of tokens or money is looked at.
    private static Refusal CheckCall(
        TenantLedger ledger, SessionGrain session, ReserveTokensRequest request, PriceEntry? price)
    {
        Reason closed = session.CheckState();
        if (closed != Reason.Unspecified) return new Refusal(closed, session.Name);
        if (!session.Agent.IsInCatalog) return new Refusal(Reason.AgentDecommissioned, session.Agent.Name);

        string tool = request.Tool;
        if (tool.Length > 0)
        {
            if (!session.Tools.Allows(tool)) return new Refusal(Reason.ToolOutOfScope, session.Name) { Subject = tool };
            if (!session.Agent.Tools.Allows(tool))
                return new Refusal(Reason.ToolOutOfScope, session.Agent.Name) { Subject = tool };
        }

        string model = price?.Model ?? request.Model;
        if (!session.Models.Allows(model)) return new Refusal(Reason.ModelOutOfScope, session.Name) { Subject = model };
        if (!session.Agent.Models.Allows(model))
            return new Refusal(Reason.ModelOutOfScope, session.Agent.Name) { Subject = model };

        if (price is null) return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = model };
        Tokens tokens = Tokens.From(request.Estimate);
        if (price.CardFor(tokens, request.ServiceTier).MissingRate(tokens) is { } bucket)
            return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = bucket };

        return ledger.Catalog.MissingTag(session.Opened.Tags, request.Tags) is { } tag
            ? new Refusal(Reason.MissingTag, ledger.Tenant.Name) { Subject = tag }
            : default;
    }

    private static Refusal CheckPath(SessionGrain session, in Spend spend, bool refusesAtSoftCap)
    {
        foreach (Grain grain in session.Path)
        {
            Refusal refusal = grain.Check(spend, refusesAtSoftCap);
            if (refusal.IsRefused) return refusal;
        }

        return default;
    }

    private static bool IsAboveSoftCap(SessionGrain session, in Spend spend)
    {
        foreach (Grain grain in session.Path)
        {
            if (!grain.Budget.IsWithinSoftCap(spend)) return true;
        }

        return false;
    }

    private static bool CanCount(SessionGrain session, in Spend spend)
    {
        foreach (Grain grain in session.Path)
        {
            if (!grain.Budget.CanCount(spend)) return false;
        }

        return true;
    }

    // The call on the use case's cheaper model; null where there is none in scope and priced for these tokens.
    private static Offer? CheaperOffer(
        TenantLedger ledger, SessionGrain session, ReserveTokensRequest request, PriceEntry price, in Tokens tokens)
    {
        if (session.UseCase.CheaperModel(price.Model) is not { } name) return null;
        if (!session.Models.Allows(name) || !session.Agent.Models.Allows(name)) return null;
        if (ledger.Catalog.Book.Find(name, ledger.Now) is not { } cheaper) return null;
        return cheaper.CardFor(tokens, request.ServiceTier).MissingRate(tokens) is null
            && TryQuote(cheaper, tokens, request.ServiceTier, out Spend spend)
            ? new Offer(cheaper, spend)
            : null;
    }

    private static bool TryQuote(PriceEntry price, in Tokens tokens, ServiceTier tier, out Spend spend)
    {
        bool fits = price.CardFor(tokens, tier).TryPrice(tokens, Rounding.Up, out long nanos);
        spend = new Spend(nanos, tokens.Total);
        return fits;
    }

    private static LedgerEvent Held(
        TenantLedger ledger,
        SessionGrain session,
        ReserveTokensRequest request,
        ulong fingerprint,
        in Spend spend,
        PriceEntry price,
        bool isDowngraded)
    {
        long ttlNanos = request.Ttl is null ? TtlDefaultNanos : LogTime.FromDuration(request.Ttl);
        var held = new ReservationHeld
        {
            CostNanos = spend.CostNanos,
            Tokens = spend.Tokens,
            Model = price.Model,
            Estimate = request.Estimate,
            PriceVersion = ledger.Catalog.Book.Version,
            ServiceTier = ServiceTierOf(request),
            ExpireTime = LogTime.ToTimestamp(ledger.Now + ttlNanos),
            OnExpiry = OnExpiryOf(request),
            Tool = request.Tool,
        };
        if (isDowngraded) held.RequestedModel = request.Model;
        if (request.Tags.Count > 0) held.Tags = new Tags { Values = { request.Tags } };
        return new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Spender = session.Spender,
            ReservationHeld = held,
        };
    }

    private static Answer Refuse(
        TenantLedger ledger,
        SessionGrain session,
        ReserveTokensRequest request,
        ulong fingerprint,
        in Refusal refusal,
        string? suggestedModel)
    {
        var refused = new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Spender = session.Spender,
            ReservationRefused = new ReservationRefused
            {
                Reason = refusal.Reason,
                Grain = refusal.Grain,
                Unit = refusal.Unit,
                Limit = refusal.Limit,
                Settled = refusal.Settled,
                Held = refusal.Held,
                Requested = refusal.Requested,
                ResetTime = LogTime.ToOptionalTimestamp(refusal.ResetNanos),
                Model = request.Model,
                Tool = request.Tool,
                Subject = refusal.Subject ?? "",
                SuggestedModel = suggestedModel ?? "",
                Left = session.Left(default),
            },
        };
        if (!request.DryRun) ledger.Emit(refused, session);
        return new Answer(Outcome.Done, refused);
    }

    private static OnExpiry OnExpiryOf(ReserveTokensRequest request) =>
        request.OnExpiry == OnExpiry.Unspecified ? OnExpiry.Refund : request.OnExpiry;

    private static ServiceTier ServiceTierOf(ReserveTokensRequest request) =>
        request.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : request.ServiceTier;

    private static ulong FingerprintOf(ReserveTokensRequest request) => new Fingerprint((ulong)Operation.Reserve)
        .Add(request.Model)
        .Add(request.Estimate)
        .Add(request.Tool)
        .Add(request.Tags)
        .Add(request.Ttl)
        .Add((long)OnExpiryOf(request))
        .Add((long)ServiceTierOf(request))
        .Value;
}
