using AgentBudget.Ledger.Agents;
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
/// spent. After a charged expiry the first commit takes the charge back and settles the difference, up or down; one
/// that counts the whole call takes back what was settled of it before.
/// </summary>
internal static class Commit
{
    // No number of a price list, so that neither is taken for the other.
    private const long CumulativeContent = 1L << 32;

    private const string DisputedReason = "it reported more than its call can have used";

    public static Answer Handle(TenantLedger ledger, CommitCommand command)
    {
        CommitTokensRequest request = command.Request;
        SessionAccount? session = ledger.FindSessionOrArchived(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        AskedRequest asked = AskedBy(command);
        Answer again = default;
        bool isRepeated = !ledger.IsYetToArchive(session) && session.TryAnswer(asked, out again);
        if (isRepeated) return again;

        Outcome found = ledger.FindReservation(
            session, command.Reservation, command.Principal, out Reservation reservation);
        if (found != Outcome.Done) return new Answer(found);

        if (ledger.Catalog.CurrencyFault(request.BilledCost, "billed_cost") is { } currencyFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [currencyFault]);
        bool hasFee = request.Cumulative || session.SettledPartsOf(reservation.Number) is null;
        Outcome priced = UsagePrice.TryPrice(
            reservation, command, ledger.Catalog.Currency, hasFee, out UsagePrice price);
        if (priced != Outcome.Done) return new Answer(priced);
        var charge = new Spend(price.ChargedNanos, Tokens.From(price.Usage).Total);
        ReservationSettled? taken = TakenBy(session, reservation, request);
        if (taken is { Disputed: true } && ChargeOf(taken).Above(charge) != default)
        {
            // A dispute stands for what was told first, until somebody decides about it.
            (charge, taken) = (default, null);
            price = UsagePrice.OfNothing(reservation, command, ledger.Catalog.Currency);
        }

        // What was spent must be recorded: nothing below may fail.
        bool isFinal = !request.HasFinal || request.Final;
        LedgerEvent settled = asked.NewEvent(session.Spender);
        settled.ReservationSettled = Settled(
            reservation, charge, price.Usage, price.ItemsIn(reservation.Book), price.Source, isFinal, taken);
        settled.ReservationSettled.Cumulative = price.IsCumulative;
        if (price.IsBeyond(reservation)) Dispute(session, settled.ReservationSettled);
        price.WriteTo(settled.ReservationSettled);
        AddCrossings(session, settled.ReservationSettled);
        ledger.Emit(settled, session);
        settled.ReservationSettled.Left = session.Left(default, settled.ReservationSettled.Model);
        return new Answer(Outcome.Done, settled);
    }

    /// <summary>The fact of a charge against a reservation, without its tiers.</summary>
    public static ReservationSettled Settled(
        in Reservation reservation,
        in Spend charge,
        TokenUsage usage,
        in ItemPrices items,
        UsageSource source,
        bool isFinal,
        ReservationSettled? taken)
    {
        SessionAccount session = reservation.Session;
        Spend held = reservation.Held;
        Spend raised = taken is null ? charge : charge.Above(ChargeOf(taken));
        Spend unheld = isFinal
            ? held
            : new Spend(Math.Min(held.CostNanos, raised.CostNanos), Math.Min(held.Tokens, raised.Tokens));
        var settled = new ReservationSettled
        {
            Reservation = reservation.Number,
            CostNanos = charge.CostNanos,
            Tokens = charge.Tokens,
            UnheldNanos = unheld.CostNanos,
            UnheldTokens = unheld.Tokens,
            OverrunNanos = raised.Above(held).CostNanos,
            OverrunTokens = raised.Above(held).Tokens,
            Usage = usage,
            Model = reservation.Model,
            PriceVersion = reservation.Book.Version,
            UsageSource = source,
            Late = !reservation.IsHeld || !session.IsOpen,
            Final = isFinal,
            Tool = reservation.Tool,
            ItemCosts = items.CostsOf(usage.Items, charge.CostNanos),
            ExpiryCharge = taken is null ? null : SettledSoFar.Taken(taken),
        };
        items.AddUnpriced(usage.Items, settled.UnpricedItems);
        return settled;
    }

    /// <summary>Adds the tiers that a charge reaches, once all else of it is known.</summary>
    public static void AddCrossings(SessionAccount session, ReservationSettled settled)
    {
        Spend charge = RaiseOf(settled);
        Spend shared = settled.Disputed
            ? charge.Without(new Spend(settled.OverrunNanos, settled.OverrunTokens))
            : charge;
        foreach (Account account in session.Path)
            account.AddCrossings(IsShared(account) ? shared : charge, settled.TiersCrossed);
        foreach (ModelAccount family in session.Families)
        {
            Spend ofFamily = ChargeShare.Of(family, settled);
            if (settled.ExpiryCharge is { } taken) ofFamily = ofFamily.Above(ChargeShare.Of(family, taken));
            if (ofFamily == default) continue;
            if (settled.Disputed && IsShared(family))
                ofFamily = ofFamily.Without(new Spend(settled.OverrunNanos, settled.OverrunTokens));
            family.AddCrossings(ofFamily, settled.TiersCrossed);
        }
    }

    // Within its hold it takes nobody's room, whatever it says.
    private static void Dispute(SessionAccount session, ReservationSettled settled)
    {
        if (settled is { OverrunNanos: 0, OverrunTokens: 0 }) return;
        settled.Disputed = true;
        if (session.State == Session.Types.State.Open) settled.Suspended = session.Name;
    }

    private static bool IsShared(Account account) => account.Of is not SessionAccount and not AgentAccount;

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent, SessionAccount session)
    {
        ReservationSettled settled = ledgerEvent.ReservationSettled;
        var unheld = new Spend(settled.UnheldNanos, settled.UnheldTokens);
        Spend charge = ChargeOf(settled);
        Spend taken = settled.ExpiryCharge is null ? default : ChargeOf(settled.ExpiryCharge);
        Spend raised = charge.Above(taken);
        Spend lowered = taken.Above(charge);
        var overrun = new Spend(settled.OverrunNanos, settled.OverrunTokens);
        foreach (Account account in session.Path)
        {
            if (lowered != default) account.Lower(lowered);
            if (settled.Disputed && IsShared(account)) account.SettleDisputed(unheld, raised, overrun, ledger);
            else account.Settle(unheld, raised, overrun, ledger);
        }

        if (session.Families.Length > 0) SettleOnModels(ledger, settled, unheld, session);
        if (settled.Disputed) ledger.Add(new Disputes.Dispute(ledgerEvent, ledger.LogTimeNanos), session);
        if (settled.Suspended.Length > 0)
        {
            session.Suspend(DisputedReason, suspendedBy: 0);
            session.Agent.CountSuspended(session.Spender.OnBehalfOf, ledger.LogTimeNanos);
        }

        session.CountCharge(raised.CostNanos, ledger.LogTimeNanos);
        ledger.MarkNotified(settled.TiersCrossed);
        string holder = settled.Final ? ledger.HolderOf(settled.Reservation, session) : "";
        bool isAsked = ledgerEvent.RequestId.Length > 0;
        bool isHeld = ledger.Settle(settled, unheld, session, isAsked);
        if (isAsked) session.CountSettled(settled);
        if (isHeld && !isAsked)
        {
            // Nobody asked: its time ran out. What the call really used may still be told, once.
            session.Retire(ledger.ReservationOf(settled.Reservation), ledger.LogTimeNanos);
            session.KeepExpiryCharge(settled);
            ledger.RemoveReservation(settled.Reservation);
            return;
        }

        if (!settled.Final) return;
        session.Requests.Add(
            holder,
            RequestKey.For(Operation.Settled, settled.Reservation),
            content: default,
            ledgerEvent.Sequence,
            ledger.LogTimeNanos,
            forgetBeforeNanos: long.MinValue);
        if (isHeld) ledger.RemoveReservation(settled.Reservation);
    }

    // What was held on the model of the hold returns there; what ran is charged where it counts, and is overrun as far
    // as it was not held there.
    private static void SettleOnModels(
        TenantLedger ledger, ReservationSettled settled, in Spend unheld, SessionAccount session)
    {
        string heldModel = ledger.HeldModelOf(settled.Reservation);
        var overrun = new Spend(settled.OverrunNanos, settled.OverrunTokens);
        foreach (ModelAccount family in session.Families)
        {
            Spend unheldHere = family.Counts(heldModel) ? unheld : default;
            Spend charge = ChargeShare.Of(family, settled);
            Spend taken = settled.ExpiryCharge is null ? default : ChargeShare.Of(family, settled.ExpiryCharge);
            Spend raised = charge.Above(taken);
            if (taken.Above(charge) is var lowered && lowered != default) family.Lower(lowered);
            if (raised == default && unheldHere == default) continue;
            bool isDisputed = settled.Disputed && IsShared(family) && raised != default;
            if (isDisputed) family.SettleDisputed(unheldHere, raised, overrun, ledger);
            else family.Settle(unheldHere, raised, raised.Above(unheldHere), ledger);
        }
    }

    // What a commit takes back: the estimate that was charged, and where it counts the whole call all that was settled.
    private static ReservationSettled? TakenBy(
        SessionAccount session, in Reservation reservation, CommitTokensRequest request)
    {
        ReservationSettled? ofExpiry = session.ExpiryChargeOf(reservation.Number);
        return request.Cumulative
            ? SettledSoFar.Plus(ofExpiry, session.SettledPartsOf(reservation.Number))
            : ofExpiry;
    }

    // What a charge adds: all of it, or what is above the charge of the estimate that it takes back.
    private static Spend RaiseOf(ReservationSettled settled) => settled.ExpiryCharge is null
        ? ChargeOf(settled)
        : ChargeOf(settled).Above(ChargeOf(settled.ExpiryCharge));

    private static Spend ChargeOf(ReservationSettled settled) => new(settled.CostNanos, settled.Tokens);

    // What requests had not always is asked about only where it is there, so that old ones keep their hashes.
    private static AskedRequest AskedBy(CommitCommand command)
    {
        CommitTokensRequest request = command.Request;
        ContentHash hash = new ContentHash(Operation.Commit)
            .Add(command.Reservation)
            .Add(request.Usage)
            .Add(request.Model)
            .Add((long)request.UsageSource)
            .Add(!request.HasFinal || request.Final)
            .AddNew(request.Parts.Count);
        foreach (UsagePart part in request.Parts) hash = hash.Add(part.Model).Add(part.Usage);
        ServiceTier tier = request.ServiceTier != ServiceTier.Unspecified
            ? request.ServiceTier
            : command.Reading?.ServiceTier ?? ServiceTier.Unspecified;
        string region = request.Region.Length > 0 ? request.Region : command.Reading?.Region ?? "";
        return hash.AddIfAny(request.BilledCost ?? command.Reading?.Cost)
            .AddIfAny((long)tier)
            .AddIfAny(region)
            .AddIfAny(request.Cumulative ? CumulativeContent : 0)
            .Of(command.Principal, request.RequestId);
    }
}
