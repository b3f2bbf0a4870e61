using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>Gives back a hold whose call was never made, to every account of its path.</summary>
internal static class Release
{
    public static Answer Handle(TenantLedger ledger, ReleaseCommand command)
    {
        ReleaseTokensRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = new ContentHash(Operation.Release)
            .Add(command.Reservation)
            .Add(request.Reason)
            .Of(command.Principal, request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;

        Outcome found = ledger.FindReservation(
            session, command.Reservation, command.Principal, out Reservation reservation);
        if (found != Outcome.Done) return new Answer(found);
        if (!reservation.IsHeld) return new Answer(Outcome.ReservationTerminal);

        LedgerEvent released = asked.NewEvent(session.Spender);
        released.ReservationReleased = new ReservationReleased
        {
            Reservation = reservation.Number,
            ReleasedNanos = reservation.HeldNanos,
            ReleasedTokens = reservation.HeldTokens,
            Reason = request.Reason,
        };
        ledger.Emit(released, session);
        return new Answer(Outcome.Done, released);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent) =>
        GiveBack(ledger, ledgerEvent.ReservationReleased.Reservation);

    /// <summary>Takes a hold off every account of its path; what a late commit needs is kept.</summary>
    public static void GiveBack(TenantLedger ledger, long number)
    {
        ref readonly Reservation reservation = ref ledger.ReservationOf(number);
        foreach (Account account in reservation.Session.PathOf(reservation.Model)) account.Unhold(reservation.Held);
        reservation.Session.Retire(reservation, ledger.LogTimeNanos);
        ledger.RemoveReservation(number);
    }
}
