using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Approvals;

/// <summary>
/// The catalog's rule answers requests that nobody needs to decide: as long as all that it approved of a window within
/// a month come to no more than the catalog says.
/// </summary>
internal static class AutomaticApproval
{
    private const string Reason = "within what the catalog approves of a month";

    private static readonly Protocol.V1.Budget Month = new() { Period = Period.Month };

    /// <summary>Approves a request that the rule allows; leaves every other one to wait.</summary>
    public static void Answer(TenantLedger ledger, ExtensionAsked asked, Window window)
    {
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
                asked.Asked.ExpireTime,
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
