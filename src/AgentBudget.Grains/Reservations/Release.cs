using AgentBudget.Grains.Sessions;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Reservations;

/// <summary>Gives back a hold whose call was never made, to every grain of its path.</summary>
internal static class Release
{
    public static Answer Handle(TenantLedger ledger, ReleaseCommand command)
    {
        ReleaseTokensRequest request = command.Request;
        SessionGrain? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        ulong fingerprint =
            new Fingerprint((ulong)Operation.Release).Add(command.Reservation).Add(request.Reason).Value;
        if (session.TryAnswer(Operation.Release, request.RequestId, fingerprint, out Answer again)) return again;

        Outcome found = ledger.FindReservation(session, command.Reservation, out Reservation reservation);
        if (found != Outcome.Done) return new Answer(found);
        if (!reservation.IsHeld) return new Answer(Outcome.ReservationTerminal);

        var released = new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Spender = session.Spender,
            ReservationReleased = new ReservationReleased
            {
                Reservation = reservation.Number,
                ReleasedNanos = reservation.HeldNanos,
                ReleasedTokens = reservation.HeldTokens,
                Reason = request.Reason,
            },
        };
        ledger.Emit(released, session);
        return new Answer(Outcome.Done, released);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent) =>
        GiveBack(ledger, ledgerEvent.ReservationReleased.Reservation);

    /// <summary>Takes a hold off every grain of its path; what a late commit needs is kept.</summary>
    public static void GiveBack(TenantLedger ledger, long number)
    {
        ref readonly Reservation reservation = ref ledger.ReservationOf(number);
        foreach (Grain grain in reservation.Session.Path) grain.Unhold(reservation.Held);
        reservation.Session.Retire(reservation, ledger.LogTimeNanos);
        ledger.RemoveReservation(number);
    }
}
