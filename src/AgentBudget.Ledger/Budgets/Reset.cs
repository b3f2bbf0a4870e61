using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// Starts a window's present period over by hand: nothing is settled in it any more, what is held stays.
/// </summary>
internal static class Reset
{
    public static Answer Handle(TenantLedger ledger, ResetBudgetCommand command)
    {
        ResetBudgetRequest request = command.Request;
        AskedRequest asked = new ContentHash(Operation.ResetBudget)
            .Add(request.Grain)
            .Add(request.Window)
            .Add(request.Reason)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (!ledger.Accounts.TryGetValue(request.Grain, out Account? account) || !account.IsInCatalog)
            return new Answer(Outcome.GrainNotFound);
        if (account.FindWindow(request.Window) is not { } window) return new Answer(Outcome.NoBudget);
        if (!window.HasCatalogLimitNanos && !window.HasCatalogLimitTokens) return new Answer(Outcome.NoBudget);

        var reset = new BudgetReset
        {
            Grain = account.Name,
            Window = window.Name,
            Reason = request.Reason,
            Before = Queries.ToMessage(window, ledger.Catalog.Currency),
        };
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.BudgetReset = reset;
        ledger.Emit(ledgerEvent);
        reset.After = Queries.ToMessage(window, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, BudgetReset reset)
    {
        Window window = ledger.WindowOf(reset.Grain, reset.Window);
        window.StartOver(ledger.AccountOf(reset.Grain).History, ledger.LogTimeNanos);
        ledger.SetBudgetDeadlines(window);
    }
}
