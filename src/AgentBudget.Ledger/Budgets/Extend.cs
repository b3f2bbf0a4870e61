using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>
/// Changes an account's limits beside the catalog: by an amount or to a new value, until a time, or to the end of the
/// account's period. An account has one extension; a further one adds to it and its time replaces the former. Lowering
/// revokes nothing and blocks new holds.
/// </summary>
internal static class Extend
{
    public static Answer Handle(TenantLedger ledger, ExtendBudgetCommand command)
    {
        ExtendBudgetRequest request = command.Request;
        AskedRequest asked = AskedBy(command);
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (!ledger.Accounts.TryGetValue(request.Grain, out Account? account) || !account.IsInCatalog)
            return new Answer(Outcome.GrainNotFound);
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } amountFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [amountFault]);
        if (ledger.Catalog.CurrencyFault(request.Limit, "limit") is { } limitFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [limitFault]);

        if (account.FindWindow(request.Window) is not { } window) return new Answer(Outcome.NoBudget);
        bool concernsMoney = request.Amount is not null || request.Limit is not null;
        if (concernsMoney ? !window.HasCatalogLimitNanos : !window.HasCatalogLimitTokens)
            return new Answer(Outcome.NoBudget);
        bool isTimely = request.ExpireTime is null
            || (LogTime.TryFromTimestamp(request.ExpireTime, out long endNanos) && endNanos > ledger.Now);
        if (!isTimely) return new Answer(Outcome.TimeInvalid);
        if (!TryMove(request, window, out long nanos, out long tokens)) return new Answer(Outcome.AmountOverflow);

        var extended = new BudgetExtended
        {
            Grain = account.Name,
            Window = window.Name,
            ExtensionNanos = nanos,
            ExtensionTokens = tokens,
            ExpireTime = request.ExpireTime,
            Reason = request.Reason,
            Before = Queries.ToMessage(window, ledger.Catalog.Currency),
        };
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.BudgetExtended = extended;
        ledger.Emit(ledgerEvent);
        extended.After = Queries.ToMessage(window, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, BudgetExtended extended)
    {
        Window window = ledger.WindowOf(extended.Grain, extended.Window);
        window.Extend(
            extended.ExtensionNanos, extended.ExtensionTokens, LogTime.FromOptionalTimestamp(extended.ExpireTime));
        ledger.SetBudgetDeadlines(window);
    }

    /// <summary>An extension's time is over.</summary>
    public static void Expire(TenantLedger ledger, Window window) =>
        ledger.Emit(new LedgerEvent
        {
            ExtensionExpired = new ExtensionExpired { Grain = window.Account, Window = window.Name },
        });

    public static void ApplyExpired(TenantLedger ledger, ExtensionExpired expired)
    {
        Window window = ledger.WindowOf(expired.Grain, expired.Window);
        window.Extend(extensionNanos: 0, extensionTokens: 0, endNanos: 0);
        ledger.SetBudgetDeadlines(window);
    }

    private static bool TryMove(ExtendBudgetRequest request, Window window, out long nanos, out long tokens)
    {
        nanos = window.ExtensionNanos;
        tokens = window.ExtensionTokens;
        if (request.Amount is not null)
            return TryAdd(window.PlainLimitNanos, nanos, MoneyMath.ToNanos(request.Amount), out nanos);
        if (request.Limit is not null) nanos = MoneyMath.ToNanos(request.Limit) - window.PlainLimitNanos;
        else if (request.HasAmountTokens)
            return TryAdd(window.PlainLimitTokens, tokens, request.AmountTokens, out tokens);
        else tokens = request.LimitTokens - window.PlainLimitTokens;
        return true;
    }

    private static bool TryAdd(long limit, long extension, long amount, out long sum)
    {
        Int128 moved = (Int128)extension + amount;
        bool fits = limit + moved < Window.Unlimited && moved <= long.MaxValue;
        sum = fits ? (long)moved : extension;
        return fits;
    }

    private static AskedRequest AskedBy(ExtendBudgetCommand command)
    {
        ExtendBudgetRequest request = command.Request;
        return new ContentHash(Operation.ExtendBudget)
            .Add(request.Grain)
            .Add(request.Amount)
            .Add(request.Limit)
            .Add(request.HasAmountTokens ? request.AmountTokens : -1)
            .Add(request.HasLimitTokens ? request.LimitTokens : -1)
            .Add(request.ExpireTime)
            .Add(request.Reason)
            .Add(request.Window)
            .Of(Principals.OfActor(command.Actor), request.RequestId);
    }
}
