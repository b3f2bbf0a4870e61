using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Changes a hold on every account of its path at once: a fallback to another model, a longer answer, a later expiry.
/// With a model or an estimate the whole hold is priced again by the price book in force. Refused, the old hold stands.
/// </summary>
internal static class Amend
{
    public static Answer Handle(TenantLedger ledger, AmendCommand command)
    {
        AmendReservationRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = AskedBy(command);
        if (session.TryAnswer(asked, out Answer again)) return again;

        Outcome found = ledger.FindReservation(
            session, command.Reservation, command.Principal, out Reservation reservation);
        if (found != Outcome.Done) return new Answer(found);
        if (!reservation.IsHeld) return new Answer(Outcome.ReservationTerminal);

        bool isPricedAgain = request.Model.Length > 0 || request.Estimate is not null;
        TokenEstimate? estimate = isPricedAgain ? request.Estimate ?? reservation.Estimate : null;
        Offer offer = default;
        Refusal refusal;
        if (estimate is null)
        {
            refusal = Decide.CheckSession(session, reservation.Tool);
            if (!refusal.IsRefused && reservation.Model.Length > 0) refusal = session.CheckModel(reservation.Model);
        }
        else
        {
            var call = new Call(
                request.Model.Length > 0 ? request.Model : reservation.Model,
                Tokens.From(estimate),
                estimate.Items,
                reservation.Tool,
                reservation.ServiceTier,
                reservation.Region,
                Tags: null,
                reservation.Held,
                reservation.Model);
            if (!WholeEstimate.TryMake(ledger, call, ref estimate)) return WholeEstimate.Incomplete(call.Model);
            call = call with { Tokens = Tokens.From(estimate) };
            Verdict verdict = Decide.Ask(ledger, session, call, out offer, out refusal);
            if (verdict == Verdict.Overflow) return new Answer(Outcome.AmountOverflow);
        }

        if (refusal.IsRefused) return Refused(ledger, session, request, asked, refusal, reservation);

        // Every account on the path agrees: nothing below may fail.
        LedgerEvent amended = asked.NewEvent(session.Spender);
        amended.ReservationAmended = Amended(ledger, request, reservation, estimate, offer);
        ledger.Emit(amended, session);
        amended.ReservationAmended.Left = session.Left(default, amended.ReservationAmended.Model);
        return new Answer(Outcome.Done, amended);
    }

    public static void Apply(TenantLedger ledger, ReservationAmended amended, SessionAccount session)
    {
        Spend before = ledger.ReservationOf(amended.Reservation).Held;
        string modelBefore = ledger.ReservationOf(amended.Reservation).Model;
        var after = new Spend(amended.CostNanos, amended.Tokens);
        foreach (Account account in session.Path) account.Rehold(before, after);
        foreach (ModelAccount family in session.Families)
        {
            bool isHeld = family.Counts(modelBefore);
            bool becomesHeld = family.Counts(amended.Model);
            if (isHeld && becomesHeld) family.Rehold(before, after);
            else if (isHeld) family.Unhold(before);
            else if (becomesHeld) family.Hold(after);
        }

        ledger.AmendReservation(amended);
    }

    private static ReservationAmended Amended(
        TenantLedger ledger,
        AmendReservationRequest request,
        in Reservation reservation,
        TokenEstimate? estimate,
        in Offer offer)
    {
        Spend spend = estimate is null ? reservation.Held : offer.Spend;
        long expireNanos =
            request.Ttl is null ? reservation.ExpireNanos : ledger.Now + LogTime.FromDuration(request.Ttl);
        var amended = new ReservationAmended
        {
            Reservation = reservation.Number,
            CostNanos = spend.CostNanos,
            Tokens = spend.Tokens,
            Model = estimate is null ? reservation.Model : offer.Model,
            Estimate = estimate,
            PriceVersion = estimate is null ? reservation.Book.Version : ledger.Catalog.Book.Version,
            ExpireTime = LogTime.ToTimestamp(expireNanos),
        };
        var further = new Spend(
            spend.CostNanos - reservation.HeldNanos, spend.Tokens - reservation.HeldTokens);
        foreach (Account account in reservation.Session.PathOf(amended.Model))
        {
            Spend here = account.Counts(reservation.Model) ? further : spend;
            account.AddHeldNotices(here, amended.TiersHeld);
        }

        if (offer.IsDowngraded)
            amended.RequestedModel = request.Model.Length > 0 ? request.Model : reservation.Model;
        return amended;
    }

    private static Answer Refused(
        TenantLedger ledger,
        SessionAccount session,
        AmendReservationRequest request,
        in AskedRequest asked,
        in Refusal refusal,
        in Reservation reservation)
    {
        LedgerEvent refused = Refuse.Event(session, refusal, asked);
        refused.ReservationRefused.Reservation = reservation.Number;
        refused.ReservationRefused.Model = request.Model.Length > 0 ? request.Model : reservation.Model;
        refused.ReservationRefused.Tool = reservation.Tool;
        return Refuse.Record(ledger, session, refused);
    }

    private static AskedRequest AskedBy(AmendCommand command) => new ContentHash(Operation.Amend)
        .Add(command.Reservation)
        .Add(command.Request.Model)
        .Add(command.Request.Estimate)
        .Add(command.Request.Ttl)
        .Of(command.Principal, command.Request.RequestId);
}
