using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Holds the greatest cost of a call on every account of its session's path, or refuses it on all of them.
/// </summary>
internal static class Reserve
{
    /// <summary>A hold stands this long where the request says nothing (10 min).</summary>
    internal const long TtlDefaultNanos = 600 * LogTime.NanosPerSecond;

    public static Answer Handle(TenantLedger ledger, ReserveCommand command)
    {
        ReserveTokensRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);

        AskedRequest asked = AskedBy(command);
        if (!request.DryRun && session.TryAnswer(asked, out Answer again)) return again;

        if (session.Agent.CheckOpenHold() is { } bound) return bound;
        if (ledger.Catalog.TagFaults(request.Tags) is { } faults) return new Answer(Outcome.TagInvalid, Faults: faults);

        var call = new Call(
            request.Model,
            Tokens.From(request.Estimate),
            request.Estimate.Items,
            request.Tool,
            request.ServiceTier,
            request.Region,
            request.Tags,
            AmendedFrom: null);
        TokenEstimate estimate = request.Estimate;
        if (!WholeEstimate.TryMake(ledger, call, ref estimate)) return WholeEstimate.Incomplete(request.Model);
        if (!ReferenceEquals(estimate, request.Estimate)) call = call with { Tokens = Tokens.From(estimate) };
        Verdict verdict = Decide.Ask(ledger, session, call, out Offer offer, out Refusal refusal);
        if (verdict == Verdict.Overflow) return new Answer(Outcome.AmountOverflow);
        if (verdict == Verdict.Refused) return Refused(ledger, session, request, asked, refusal);

        // Every account on the path agrees: nothing below may fail.
        LedgerEvent held = Held(ledger, session, request, estimate, asked, offer);
        if (request.DryRun)
        {
            held.ReservationHeld.Left = session.Left(offer.Spend, offer.Model);
            return new Answer(Outcome.Done, held);
        }

        ledger.Emit(held, session);
        held.ReservationHeld.Left = session.Left(default, offer.Model);
        return new Answer(Outcome.Done, held);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        ReservationHeld held = ledgerEvent.ReservationHeld;
        var spend = new Spend(held.CostNanos, held.Tokens);
        foreach (Account account in session.PathOf(held.Model)) account.Hold(spend);
        session.CountStep(isStep: held.Model.Length > 0, held.ToolCalls);
        session.CountCall(isStep: held.Model.Length > 0, held.Tool, held.ToolArgumentsDigest);
        ledger.AddReservation(ledgerEvent, session, ledger.BookOf(held.PriceVersion));
    }

    private static LedgerEvent Held(
        TenantLedger ledger,
        SessionAccount session,
        ReserveTokensRequest request,
        TokenEstimate estimate,
        in AskedRequest asked,
        in Offer offer)
    {
        long ttlNanos = request.Ttl is null ? TtlDefaultNanos : LogTime.FromDuration(request.Ttl);
        var held = new ReservationHeld
        {
            CostNanos = offer.Spend.CostNanos,
            Tokens = offer.Spend.Tokens,
            Model = offer.Model,
            Estimate = estimate,
            PriceVersion = ledger.Catalog.Book.Version,
            ServiceTier = ServiceTierOf(request),
            ExpireTime = LogTime.ToTimestamp(ledger.Now + ttlNanos),
            OnExpiry = OnExpiryOf(request),
            Tool = request.Tool,
            ToolCalls = offer.ToolCalls,
            Region = request.Region,
            ToolArgumentsDigest = request.ToolArgumentsDigest,
        };
        if (offer.IsDowngraded) held.RequestedModel = request.Model;
        foreach (Account account in session.PathOf(offer.Model)) account.AddHeldNotices(offer.Spend, held.TiersHeld);
        if (request.Tags.Count > 0) held.Tags = new Tags { Values = { request.Tags } };
        LedgerEvent ledgerEvent = asked.NewEvent(session.Spender);
        ledgerEvent.ReservationHeld = held;
        return ledgerEvent;
    }

    private static Answer Refused(
        TenantLedger ledger,
        SessionAccount session,
        ReserveTokensRequest request,
        in AskedRequest asked,
        in Refusal refusal)
    {
        LedgerEvent refused = Refuse.Event(session, refusal, asked);
        refused.ReservationRefused.Model = request.Model;
        refused.ReservationRefused.Tool = request.Tool;
        return request.DryRun ? new Answer(Outcome.Done, refused) : Refuse.Record(ledger, session, refused);
    }

    private static OnExpiry OnExpiryOf(ReserveTokensRequest request) =>
        request.OnExpiry == OnExpiry.Unspecified ? OnExpiry.Refund : request.OnExpiry;

    private static ServiceTier ServiceTierOf(ReserveTokensRequest request) =>
        request.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : request.ServiceTier;

    private static AskedRequest AskedBy(ReserveCommand command) => new ContentHash(Operation.Reserve)
        .Add(command.Request.Model)
        .Add(command.Request.Estimate)
        .Add(command.Request.Tool)
        .Add(command.Request.Tags)
        .Add(command.Request.Ttl)
        .Add((long)OnExpiryOf(command.Request))
        .Add((long)ServiceTierOf(command.Request))
        .Add(command.Request.Region)
        .Add(command.Request.ToolArgumentsDigest)
        .Of(command.Principal, command.Request.RequestId);
}
