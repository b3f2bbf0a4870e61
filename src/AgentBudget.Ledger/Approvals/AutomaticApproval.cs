using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Sessions;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Approvals;

/// <summary>
/// The catalog's rule answers requests that nobody needs to decide: as long as all that it approved of a window within
/// a month come to no more than the catalog says. It grants to the end of the window's period, so that what it
/// approves counts once; it moves no end that somebody gave, raises nothing that somebody lowered, and answers nobody
/// who is suspended.
/// </summary>
internal static class AutomaticApproval
{
    private const string Reason = "within what the catalog approves of a month";

    private static readonly Protocol.V1.Budget Month = new() { Period = Period.Month };

    /// <summary>Approves a request that the rule allows; leaves every other one to wait.</summary>
    public static void Answer(TenantLedger ledger, ExtensionAsked asked, SessionAccount? session, Window window)
    {
        bool isEndOfPeriod = asked.Asked.ExpireTime is null && window.ExtensionEndNanos == 0;
        bool isLowered = window.ExtensionNanos < 0 || window.ExtensionTokens < 0;
        if (!isEndOfPeriod || isLowered || session?.CheckSuspension() is { IsRefused: true }) return;
        var amount = new Spend(asked.Asked.Nanos, asked.Asked.Tokens);
        AutoApproved before = ledger.Extensions.ApprovedOf(window, ledger.Now);
        if (!IsWithin(window.Rule.AutoApprove, before.Amount, amount)) return;
        long monthEndNanos = before.MonthEndNanos > 0
            ? before.MonthEndNanos
            : PeriodCalendar.EndAfter(Month, ledger.Catalog.Zone, ledger.Now);
        var decided = new ExtensionDecided
        {
            ExtensionRequest = asked.Number,
            Decision = ExtensionState.Approved,
            Reason = Reason,
            Nanos = amount.CostNanos,
            Tokens = amount.Tokens,
            MonthEndTime = LogTime.ToTimestamp(monthEndNanos),
            Extended = Extend.By(
                ledger,
                window,
                window.ExtensionNanos + amount.CostNanos,
                window.ExtensionTokens + amount.Tokens,
                expireTime: null,
                asked.Asked.Reason),
        };
        ledger.Emit(new LedgerEvent { Spender = asked.Spender, ExtensionDecided = decided });
        decided.Extended.After = Queries.ToMessage(window, ledger.Catalog.Currency);
    }

    public static void Apply(TenantLedger ledger, ExtensionDecided decided)
    {
        Window window = ledger.WindowOf(decided.Extended.Grain, decided.Extended.Window);
        Spend before = ledger.Extensions.ApprovedOf(window, ledger.LogTimeNanos).Amount;
        var all = new Spend(
            checked(before.CostNanos + decided.Nanos), checked(before.Tokens + decided.Tokens));
        ledger.Extensions.Approve(
            window.Account,
            window.Name,
            new AutoApproved(all, LogTime.FromTimestamp(decided.MonthEndTime)),
            ledger.LogTimeNanos);
    }

    private static bool IsWithin(AutoApproval? rule, in Spend before, in Spend amount)
    {
        if (rule is null) return false;
        long nanos = rule.Limit is null ? 0 : MoneyMath.ToNanos(rule.Limit);
        long tokens = rule.HasTokens ? rule.Tokens : 0;
        return amount.CostNanos <= nanos - before.CostNanos && amount.Tokens <= tokens - before.Tokens;
    }
}
