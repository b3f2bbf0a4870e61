using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Approvals;

/// <summary>
/// Answers a request for more. Approved, the budget is extended by the same event, so that nobody sees an approval
/// without the money. One that nobody answers in time expires.
/// </summary>
internal static class DecideExtension
{
    public static Answer Handle(TenantLedger ledger, DecideExtensionCommand command)
    {
        DecideExtensionRequest request = command.Request;
        AskedRequest asked = AskedBy(command);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (ledger.FindExtension(request.ExtensionRequest) is not { } extension)
            return new Answer(Outcome.ExtensionRequestNotFound);
        if (!extension.IsPending) return new Answer(Outcome.ExtensionRequestDecided);

        var decided = new ExtensionDecided
        {
            ExtensionRequest = extension.Number,
            Decision = request.Decision,
            Reason = request.Reason,
        };
        Window? window = null;
        if (request.Decision == ExtensionState.Approved)
        {
            Answer granted = Grant(ledger, extension, request, decided, out window);
            if (granted.Outcome != Outcome.Done) return granted;
        }

        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor, extension.Spender);
        ledgerEvent.ExtensionDecided = decided;
        ledger.Emit(ledgerEvent);
        if (window is not null) decided.Extended.After = Queries.ToMessage(window, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent)
    {
        ExtensionDecided decided = ledgerEvent.ExtensionDecided;
        ExtensionAsked? extension = ledger.Extensions.All.GetValueOrDefault(decided.ExtensionRequest);
        Invariant.Holds(extension is { IsPending: true });
        Invariant.Holds(decided.Decision == ExtensionState.Approved == (decided.Extended is not null));
        if (decided.Extended is not null) Extend.Apply(ledger, decided.Extended);
        if (decided.MonthEndTime is not null) AutomaticApproval.Apply(ledger, decided);
        ledger.Decide(extension!, decided, ledgerEvent.Actor);
    }

    /// <summary>Nobody answered it in time.</summary>
    public static void Expire(TenantLedger ledger, ExtensionAsked extension) => ledger.Emit(new LedgerEvent
    {
        Spender = extension.Spender,
        ExtensionDecided = new ExtensionDecided
        {
            ExtensionRequest = extension.Number,
            Decision = ExtensionState.Expired,
        },
    });

    // What is granted, by the request or by whoever decides it.
    private static Answer Grant(
        TenantLedger ledger,
        ExtensionAsked extension,
        DecideExtensionRequest request,
        ExtensionDecided decided,
        out Window? window)
    {
        window = null;
        ExtensionRequested asked = extension.Asked;
        bool concernsMoney = asked.Nanos > 0;
        bool isOtherKind = concernsMoney ? request.AmountTokens > 0 : request.Amount is not null;
        if (isOtherKind) return new Answer(Outcome.AmountKindInvalid);
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } fault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [fault]);
        Outcome found = Extend.FindWindow(ledger, asked.Grain, asked.Window, concernsMoney, out window);
        if (found != Outcome.Done) return new Answer(found);
        if (!Extend.IsTimely(ledger, request.ExpireTime)) return new Answer(Outcome.TimeInvalid);
        Spend amount = new(
            request.Amount is null ? asked.Nanos : MoneyMath.ToNanos(request.Amount),
            request.AmountTokens == 0 ? asked.Tokens : request.AmountTokens);
        if (!Extend.MayAdd(window, amount)) return new Answer(Outcome.AmountOverflow);

        (decided.Nanos, decided.Tokens) = (amount.CostNanos, amount.Tokens);
        decided.Extended = Extend.By(
            ledger,
            window,
            window.ExtensionNanos + amount.CostNanos,
            window.ExtensionTokens + amount.Tokens,
            request.ExpireTime ?? EndFor(window, asked),
            asked.Reason);
        return new Answer(Outcome.Done);
    }

    // Whoever asks ends or prolongs nothing that was granted before: that takes the word of whoever decides.
    private static Timestamp? EndFor(Window window, ExtensionRequested asked) =>
        window.ExtensionNanos == 0 && window.ExtensionTokens == 0
            ? asked.ExpireTime
            : LogTime.ToOptionalTimestamp(window.ExtensionEndNanos);

    private static AskedRequest AskedBy(DecideExtensionCommand command)
    {
        DecideExtensionRequest request = command.Request;
        return new ContentHash(Operation.DecideExtension)
            .Add(request.ExtensionRequest)
            .Add((long)request.Decision)
            .Add(request.Reason)
            .Add(request.Amount)
            .Add(request.AmountTokens)
            .Add(request.ExpireTime)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
    }
}
