using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

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
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } amountFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [amountFault]);
        if (ledger.Catalog.CurrencyFault(request.Limit, "limit") is { } limitFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [limitFault]);

        bool concernsMoney = request.Amount is not null || request.Limit is not null;
        Outcome found = FindWindow(ledger, request.Grain, request.Window, concernsMoney, out Window window);
        if (found != Outcome.Done) return new Answer(found);
        if (!IsTimely(ledger, request.ExpireTime)) return new Answer(Outcome.TimeInvalid);
        if (!TryMove(request, window, out long nanos, out long tokens)) return new Answer(Outcome.AmountOverflow);

        BudgetExtended extended = By(ledger, window, nanos, tokens, request.ExpireTime, request.Reason);
        LedgerEvent ledgerEvent = asked.NewEvent(command.Actor);
        ledgerEvent.BudgetExtended = extended;
        ledger.Emit(ledgerEvent);
        extended.After = Queries.ToMessage(window, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    /// <summary>The window of an account in the catalog that has a limit of this kind, or why there is none.</summary>
    public static Outcome FindWindow(
        TenantLedger ledger, string grain, string name, bool concernsMoney, out Window window)
    {
        window = null!;
        if (!ledger.Accounts.TryGetValue(grain, out Account? account) || !account.IsInCatalog)
            return Outcome.GrainNotFound;
        if (account.FindWindow(name) is not { } found) return Outcome.NoBudget;
        window = found;
        return (concernsMoney ? found.HasCatalogLimitNanos : found.HasCatalogLimitTokens)
            ? Outcome.Done
            : Outcome.NoBudget;
    }

    /// <summary>Whether an extension that ends then ends after now.</summary>
    public static bool IsTimely(TenantLedger ledger, Timestamp? expireTime) =>
        expireTime is null || (LogTime.TryFromTimestamp(expireTime, out long endNanos) && endNanos > ledger.Now);

    /// <summary>Whether the limit can be counted with this much more.</summary>
    public static bool MayAdd(Window window, in Spend amount) =>
        (amount.CostNanos == 0 || TryAdd(window.PlainLimitNanos, window.ExtensionNanos, amount.CostNanos, out _))
        && (amount.Tokens == 0 || TryAdd(window.PlainLimitTokens, window.ExtensionTokens, amount.Tokens, out _));

    /// <summary>What makes the extension of a window this one. What it comes to is yet to be stated.</summary>
    public static BudgetExtended By(
        TenantLedger ledger, Window window, long nanos, long tokens, Timestamp? expireTime, string reason) => new()
        {
            Grain = window.Account,
            Window = window.Name,
            ExtensionNanos = nanos,
            ExtensionTokens = tokens,
            ExpireTime = expireTime,
            Reason = reason,
            Before = Queries.ToMessage(window, ledger.Catalog.Currency),
        };

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
