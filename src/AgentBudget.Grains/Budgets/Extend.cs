using AgentBudget.Grains.Prices;
using AgentBudget.Grains.Reservations;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Budgets;

/// <summary>
/// Changes a grain's limits beside the catalog: by an amount or to a new value, until a time, or to the end of the
/// grain's period. A grain has one extension; a further one adds to it and its time replaces the former. Lowering
/// revokes nothing and blocks new holds.
/// </summary>
internal static class Extend
{
    public static Answer Handle(TenantLedger ledger, ExtendBudgetCommand command)
    {
        ExtendBudgetRequest request = command.Request;
        ulong fingerprint = FingerprintOf(request);
        if (ledger.TryAnswer(Operation.ExtendBudget, request.RequestId, fingerprint, out Answer again)) return again;
        if (!ledger.Grains.TryGetValue(request.Grain, out Grain? grain) || !grain.IsInCatalog)
            return new Answer(Outcome.GrainNotFound);
        if (ledger.Catalog.CurrencyFault(request.Amount, "amount") is { } amountFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [amountFault]);
        if (ledger.Catalog.CurrencyFault(request.Limit, "limit") is { } limitFault)
            return new Answer(Outcome.CurrencyInvalid, Faults: [limitFault]);

        if (grain.FindWindow(request.Window) is not { } budget) return new Answer(Outcome.NoBudget);
        bool concernsMoney = request.Amount is not null || request.Limit is not null;
        if (concernsMoney ? !budget.HasCatalogLimitNanos : !budget.HasCatalogLimitTokens)
            return new Answer(Outcome.NoBudget);
        bool isTimely = request.ExpireTime is null
            || (LogTime.TryFromTimestamp(request.ExpireTime, out long endNanos) && endNanos > ledger.Now);
        if (!isTimely) return new Answer(Outcome.TimeInvalid);
        if (!TryMove(request, budget, out long nanos, out long tokens)) return new Answer(Outcome.AmountOverflow);

        var extended = new BudgetExtended
        {
            Grain = grain.Name,
            Window = budget.Window,
            ExtensionNanos = nanos,
            ExtensionTokens = tokens,
            ExpireTime = request.ExpireTime,
            Reason = request.Reason,
            Before = Queries.ToMessage(budget, ledger.Catalog.Currency),
        };
        var ledgerEvent = new LedgerEvent
        {
            RequestId = request.RequestId,
            RequestFingerprint = fingerprint,
            Actor = command.Actor,
            BudgetExtended = extended,
        };
        ledger.Emit(ledgerEvent);
        extended.After = Queries.ToMessage(budget, ledger.Catalog.Currency);
        return new Answer(Outcome.Done, ledgerEvent);
    }

    public static void Apply(TenantLedger ledger, BudgetExtended extended)
    {
        Budget budget = ledger.WindowOf(extended.Grain, extended.Window);
        budget.Extend(
            extended.ExtensionNanos, extended.ExtensionTokens, LogTime.FromOptionalTimestamp(extended.ExpireTime));
        ledger.SetBudgetDeadlines(budget);
    }

    /// <summary>An extension's time is over.</summary>
    public static void Expire(TenantLedger ledger, Budget budget) =>
        ledger.Emit(new LedgerEvent
        {
            ExtensionExpired = new ExtensionExpired { Grain = budget.Grain, Window = budget.Window },
        });

    public static void ApplyExpired(TenantLedger ledger, ExtensionExpired expired)
    {
        Budget budget = ledger.WindowOf(expired.Grain, expired.Window);
        budget.Extend(extensionNanos: 0, extensionTokens: 0, endNanos: 0);
        ledger.SetBudgetDeadlines(budget);
    }

    private static bool TryMove(ExtendBudgetRequest request, Budget budget, out long nanos, out long tokens)
    {
        nanos = budget.ExtensionNanos;
        tokens = budget.ExtensionTokens;
        if (request.Amount is not null)
            return TryAdd(budget.PlainLimitNanos, nanos, MoneyMath.ToNanos(request.Amount), out nanos);
        if (request.Limit is not null) nanos = MoneyMath.ToNanos(request.Limit) - budget.PlainLimitNanos;
        else if (request.HasAmountTokens)
            return TryAdd(budget.PlainLimitTokens, tokens, request.AmountTokens, out tokens);
        else tokens = request.LimitTokens - budget.PlainLimitTokens;
        return true;
    }

    private static bool TryAdd(long limit, long extension, long amount, out long sum)
    {
        Int128 moved = (Int128)extension + amount;
        bool fits = limit + moved < Budget.Unlimited && moved <= long.MaxValue;
        sum = fits ? (long)moved : extension;
        return fits;
    }

    private static ulong FingerprintOf(ExtendBudgetRequest request) => new Fingerprint((ulong)Operation.ExtendBudget)
        .Add(request.Grain)
        .Add(request.Amount)
        .Add(request.Limit)
        .Add(request.HasAmountTokens ? request.AmountTokens : -1)
        .Add(request.HasLimitTokens ? request.LimitTokens : -1)
        .Add(request.ExpireTime)
        .Add(request.Reason)
        .Add(request.Window)
        .Value;
}
