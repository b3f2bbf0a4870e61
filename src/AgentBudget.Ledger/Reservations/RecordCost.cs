using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Reservations;

/// <summary>
/// Decides a cost that is not tokens and charges it in the same turn: nothing is held between the two. It has no
/// cheaper model, so above a soft cap the use case allows or refuses it.
/// </summary>
internal static class RecordCost
{
    public static Answer Handle(TenantLedger ledger, RecordCostCommand command)
    {
        RecordCostRequest request = command.Request;
        SessionAccount? session = ledger.FindSession(command.Session);
        if (session is null) return new Answer(Outcome.SessionNotFound);
        bool isReadable = QuantityMath.TryToMillionths(request.HasQuantity ? request.Quantity : 1, out long quantity);
        Invariant.Holds(isReadable);
        AskedRequest asked = new ContentHash(Operation.RecordCost)
            .Add(request.Sku)
            .Add(quantity)
            .Add(request.Tags)
            .AddIfAny(request.ToolArgumentsDigest)
            .Of(command.Principal, request.RequestId);
        if (session.TryAnswer(asked, out Answer again)) return again;
        if (ledger.Catalog.TagFaults(request.Tags) is { } faults) return new Answer(Outcome.TagInvalid, Faults: faults);

        SkuPrice? price = ledger.Catalog.Book.FindSku(request.Sku);
        Refusal refusal = CheckCost(ledger, session, request, price);
        if (refusal.IsRefused) return Refused(ledger, session, request, asked, refusal);

        if (!price!.TryPrice(quantity, out long nanos)) return new Answer(Outcome.AmountOverflow);
        var charge = new Spend(nanos, Tokens: 0);
        long toolCalls = price.IsTool ? SkuPrice.UnitsBegun(quantity) : 0;
        refusal = session.CheckStep(isStep: false, toolCalls);
        if (!refusal.IsRefused)
        {
            bool refusesAtSoftCap =
                session.UseCase.RefusesWithoutCheaperModel && Decide.IsAboveSoftCap(session, charge);
            refusal = Decide.CheckPath(session, charge, refusesAtSoftCap);
        }

        if (refusal.IsRefused) return Refused(ledger, session, request, asked, refusal);

        // Every account on the path agrees: nothing below may fail.
        var recorded = new CostRecorded
        {
            Sku = price.Id,
            QuantityMillionths = quantity,
            CostNanos = nanos,
            ToolCalls = toolCalls,
            PriceVersion = ledger.Catalog.Book.Version,
            Rate = price.CostNanos,
            ToolArgumentsDigest = price.IsTool ? request.ToolArgumentsDigest : "",
        };
        if (request.Tags.Count > 0) recorded.Tags = new Tags { Values = { request.Tags } };
        foreach (Account account in session.Path) account.AddCrossings(charge, recorded.TiersCrossed);
        LedgerEvent ledgerEvent = asked.NewEvent(session.Spender);
        ledgerEvent.CostRecorded = recorded;
        ledger.Emit(ledgerEvent, session);
        recorded.Left = session.Left(default, model: "");
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, CostRecorded recorded, SessionAccount session)
    {
        var charge = new Spend(recorded.CostNanos, Tokens: 0);
        foreach (Account account in session.Path) account.Charge(charge, ledger);
        ledger.MarkNotified(recorded.TiersCrossed);
        session.CountStep(isStep: false, recorded.ToolCalls);
        session.CountCallOf(recorded.Sku, recorded.ToolArgumentsDigest);
        session.CountCharge(recorded.CostNanos, ledger.LogTimeNanos);
    }

    // Reasons before any number of money is looked at.
    private static Refusal CheckCost(
        TenantLedger ledger, SessionAccount session, RecordCostRequest request, SkuPrice? price)
    {
        Refusal refusal = Decide.CheckSession(session, price is { IsTool: true } ? price.Id : "");
        if (refusal.IsRefused) return refusal;
        if (price is null) return new Refusal(Reason.UnknownPrice, ledger.Tenant.Name) { Subject = request.Sku };
        return ledger.Catalog.MissingTag(session.Opened.Tags, request.Tags) is { } tag
            ? new Refusal(Reason.MissingTag, ledger.Tenant.Name) { Subject = tag }
            : default;
    }

    private static Answer Refused(
        TenantLedger ledger,
        SessionAccount session,
        RecordCostRequest request,
        in AskedRequest asked,
        in Refusal refusal)
    {
        LedgerEvent refused = Refuse.Event(session, refusal, asked);
        refused.ReservationRefused.Sku = request.Sku;
        return Refuse.Record(ledger, session, refused);
    }
}
