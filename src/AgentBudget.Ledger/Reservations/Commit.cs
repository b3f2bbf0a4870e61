using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Charges what a call really used, on every account of its path. Less than held: the rest returns. More than held: all
/// of it is charged and the difference marked as overrun. Late: charged in full all the same, because the money is
/// spent.
/// </summary>
internal static class Commit
{
    public static Answer Handle(TenantLedger ledger, CommitCommand command)
    {
        CommitTokensRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        ulong fingerprint = FingerprintOf(command);
        if (session.TryAnswer(Operation.Commit, request.RequestId, fingerprint, out Answer again)) return again;

        Outcome found = ledger.FindReservation(session, command.Reservation, out Reservation reservation);
        if (found != Outcome.Done) return new Answer(found);

        bool isFinal = !request.HasFinal || request.Final;
        Tokens tokens = Tokens.From(request.Usage);
        PriceEntry? price = PriceOf(reservation, request.Model, out string model, out string pricedAs);
        if (price is null && tokens.Total > 0) return new Answer(Outcome.ModelMissing);
        if (!TryPrice(reservation, price, tokens, request.Usage, out long nanos))
            return new Answer(Outcome.AmountOverflow);
        var charge = new Spend(nanos, tokens.Total);
        foreach (Account account in session.Path)
        {
            if (!account.CanCount(charge)) return new Answer(Outcome.AmountOverflow);
        }

        // What was spent must be recorded: nothing below may fail.
        UsageSource source =
            request.UsageSource == UsageSource.Unspecified ? UsageSource.Provider : request.UsageSource;
        LedgerEvent settled = Settled(reservation, charge, request.Usage, source, isFinal, ledger);
        settled.RequestId = request.RequestId;
        settled.RequestFingerprint = fingerprint;
        settled.ReservationSettled.Model = model;
        settled.ReservationSettled.PricedAs = pricedAs;
        ledger.Emit(settled, session);
        settled.ReservationSettled.Left = session.Left(default);
        return new Answer(Outcome.Done, settled);
    }

    /// <summary>The event of a charge against a reservation, tiers included.</summary>
    public static LedgerEvent Settled(
        in Reservation reservation,
        in Spend charge,
        TokenUsage usage,
        UsageSource source,
        bool isFinal,
        TenantLedger ledger)
    {
        SessionAccount session = reservation.Session;
        Spend held = reservation.Held;
        Spend unheld = isFinal
            ? held
            : new Spend(Math.Min(held.CostNanos, charge.CostNanos), Math.Min(held.Tokens, charge.Tokens));
        var settled = new ReservationSettled
        {
            Reservation = reservation.Number,
            CostNanos = charge.CostNanos,
            Tokens = charge.Tokens,
            UnheldNanos = unheld.CostNanos,
            UnheldTokens = unheld.Tokens,
            OverrunNanos = Math.Max(0, charge.CostNanos - held.CostNanos),
            OverrunTokens = Math.Max(0, charge.Tokens - held.Tokens),
            Usage = usage,
            Model = reservation.Model,
            PriceVersion = reservation.Book.Version,
            UsageSource = source,
            Late = !reservation.IsHeld || !session.IsOpen,
            Final = isFinal,
            Tool = reservation.Tool,
            ItemCosts = reservation.Book.CostsOf(usage.Items, charge.CostNanos),
        };
        foreach (Account account in session.Path) account.AddCrossings(charge, settled.TiersCrossed);
        return new LedgerEvent { Spender = session.Spender, ReservationSettled = settled };
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        var unheld = new Spend(settled.UnheldNanos, settled.UnheldTokens);
        var charge = new Spend(settled.CostNanos, settled.Tokens);
        var overrun = new Spend(settled.OverrunNanos, settled.OverrunTokens);
        foreach (Account account in session.Path) account.Settle(unheld, charge, overrun, ledger);
        session.CountCharge(charge.CostNanos, ledger.LogTimeNanos);
        ledger.MarkNotified(settled.TiersCrossed);
        bool isHeld = ledger.Settle(settled, unheld, session);
        if (!settled.Final) return;
        session.Requests.Add(
            RequestKey.For(Operation.Settled, settled.Reservation),
            fingerprint: 0,
            ledgerEvent.Sequence,
            ledger.LogTimeNanos,
            forgetBeforeNanos: long.MinValue);
        if (isHeld) ledger.RemoveReservation(settled.Reservation);
    }

    // The price of the model that ran, from the hold's own book at the hold's own time. A model that this book does not
    // know pays the held model's price: never free, and never left unrecorded. Null for items that were held without a
    // model, where the commit names none that is known.
    private static PriceEntry? PriceOf(
        in Reservation reservation, string ranModel, out string model, out string pricedAs)
    {
        pricedAs = "";
        model = reservation.Model;
        if (ranModel.Length > 0 && ranModel != reservation.Model)
        {
            PriceEntry? ran = Find(reservation, ranModel);
            if (ran is not null)
            {
                model = ran.Model;
                return ran;
            }

            model = ranModel;
            pricedAs = reservation.Model;
        }

        PriceEntry? held = Find(reservation, reservation.Model);
        Invariant.Holds(held is not null || reservation.Model.Length == 0);
        return held;
    }

    private static PriceEntry? Find(in Reservation reservation, string model) =>
        reservation.Book.Find(model, reservation.Region, reservation.ServiceTier, reservation.HeldAtNanos);

    private static bool TryPrice(
        in Reservation reservation, PriceEntry? price, in Tokens tokens, TokenUsage usage, out long nanos)
    {
        nanos = 0;
        bool fits = price is null
            || price.CardFor(tokens, reservation.ServiceTier).TryPrice(tokens, Rounding.HalfToEven, out nanos);
        return fits && reservation.Book.TryPrice(usage.Items, ref nanos);
    }

    private static ulong FingerprintOf(CommitCommand command) => new Fingerprint((ulong)Operation.Commit)
        .Add(command.Reservation)
        .Add(command.Request.Usage)
        .Add(command.Request.Model)
        .Add((long)command.Request.UsageSource)
        .Add(!command.Request.HasFinal || command.Request.Final)
        .Value;
}
