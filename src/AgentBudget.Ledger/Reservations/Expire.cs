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
            Tokens tokens = Tokens.From(usage);
            PriceEntry? price = reservation.Book.Find(
                reservation.Model, reservation.Region, reservation.ServiceTier, reservation.HeldAtNanos);
            bool hasFee = session.SettledPartsOf(reservation.Number) is null;
            ItemPrices items = new(reservation.Book, price, tokens.Prompt, hasFee);
            var settled = new LedgerEvent
            {
                Spender = session.Spender,
                ReservationSettled = Commit.Settled(
                    reservation, reservation.Held, usage, items, UsageSource.Estimated, isFinal: true, taken: null),
            };
            WriteLines(reservation, price, tokens, settled.ReservationSettled);
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

    // What a settlement of the estimate would cost, where that is no more than is held: the rest of a hold that was
    // settled in parts can be less.
    private static void WriteLines(
        in Reservation reservation, PriceEntry? price, in Tokens tokens, ReservationSettled settled)
    {
        if (reservation.ServiceTier != ServiceTier.Standard) settled.PricedTier = reservation.ServiceTier;
        settled.PricedRegion = reservation.Region;
        RateCard? card = price?.CardFor(tokens, reservation.ServiceTier, reservation.HeldAtNanos);
        if (card is null || !card.TryPrice(tokens, Rounding.HalfToEven, out long nanos)) return;
        long itemsNanos = 0;
        foreach (ItemCost item in settled.ItemCosts?.Items ?? Enumerable.Empty<ItemCost>())
            itemsNanos += item.CostNanos;
        if (nanos <= settled.CostNanos - itemsNanos) card.WriteLines(tokens, settled.Lines);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent) =>
        Release.GiveBack(ledger, ledgerEvent.ReservationExpired.Reservation);
}
