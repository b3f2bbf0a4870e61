using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>A hold's time ran out: it is given back, or charged as estimated where its request said so.</summary>
internal static class Expire
{
    public static void Handle(TenantLedger ledger, in Reservation reservation)
    {
        SessionAccount session = reservation.Session;
        if (reservation.OnExpiry == OnExpiry.Charge)
        {
            Invariant.Holds(reservation.Estimate is not null);
            // A part that used more of a bucket than was estimated left its tokens in no bucket: they count, unsorted.
            Tokens estimate = Tokens.From(reservation.Estimate!);
            TokenUsage usage = estimate.Total == reservation.HeldTokens ? estimate.ToUsage() : new TokenUsage();
            usage.Items.Add(reservation.Estimate!.Items);
            var settled = new LedgerEvent
            {
                Spender = session.Spender,
                ReservationSettled = Commit.Settled(
                    reservation, reservation.Held, usage, UsageSource.Estimated, isFinal: true),
            };
            Commit.AddCrossings(session, settled.ReservationSettled);
            ledger.Emit(settled, session);
            settled.ReservationSettled.Left = session.Left(default, settled.ReservationSettled.Model);
            return;
        }

        ledger.Emit(
            new LedgerEvent
            {
                Spender = session.Spender,
                ReservationExpired = new ReservationExpired
                {
                    Reservation = reservation.Number,
                    ReleasedNanos = reservation.HeldNanos,
                    ReleasedTokens = reservation.HeldTokens,
                },
            },
            session);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent) =>
        Release.GiveBack(ledger, ledgerEvent.ReservationExpired.Reservation);
}
