using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Catalogs;

// Budgets: windows, periods, tiers.
public sealed partial class CatalogRules
{
    /// <summary>Windows of one account: every spend asks all of them.</summary>
    public const int WindowsMax = 4;

    private void CheckBudgets(string prefix, Protocol.V1.Budget? budget, RepeatedField<Protocol.V1.Budget> further)
    {
        if (further.Count == 0)
        {
            CheckBudget($"{prefix}budget", budget);
            return;
        }

        string path = $"{prefix}budgets";
        if (budget is null || further.Count >= WindowsMax)
        {
            Fault(path, $"must be 1 to {WindowsMax} windows");
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        for (int index = 0; index <= further.Count; index++)
        {
            Protocol.V1.Budget window = index == 0 ? budget : further[index - 1];
            CheckBudget($"{path}[{index}]", window);
            if (!names.Add(WindowName.Of(window)))
                Fault($"{path}[{index}].period", $"there is another window of {WindowName.Of(window)}");
        }
    }

    private void CheckPeriod(string path, Protocol.V1.Budget budget)
    {
        bool isRolling = budget.Period == Period.Rolling;
        bool fits = budget.Rolling is not null && budget.Rolling.Nanos == 0
            && budget.Rolling.Seconds is >= RollingSpend.LengthMinNanos / LogTime.NanosPerSecond
                and <= RollingSpend.LengthMaxNanos / LogTime.NanosPerSecond;
        if (isRolling && !fits) Fault($"{path}.period.rolling", "must be 1 min to 365 days, in whole seconds");
        if (!isRolling && budget.Rolling is not null) Fault($"{path}.period", "is not rolling");
        if (budget.Rollover is not { } rollover) return;
        if (isRolling || budget.Period is Period.Unspecified or Period.None)
            Fault($"{path}.rollover", "needs a calendar period that ends");
        CheckMoney($"{path}.rollover.cap", rollover.Cap);
        if (rollover.HasCapTokens) CheckCount($"{path}.rollover.capTokens", rollover.CapTokens);
    }

    private void CheckBudget(string path, Protocol.V1.Budget? budget)
    {
        if (budget is null) return;
        CheckMoney($"{path}.limit", budget.Limit);
        if (budget.HasTokens) CheckCount($"{path}.tokens", budget.Tokens);
        if (budget.Limit is null && !budget.HasTokens) Fault(path, "needs a limit in money, in tokens, or both");
        CheckPeriod(path, budget);
        if (budget.Tiers.Count > TierLadder.TiersMax)
            Fault($"{path}.tiers", $"has more than {TierLadder.TiersMax} tiers");
        int before = 0;
        int downgradeAt = -1;
        int refuseAt = -1;
        for (int index = 0; index < budget.Tiers.Count; index++)
        {
            Tier tier = budget.Tiers[index];
            string place = $"{path}.tiers[{index}]";
            if (tier.AtPercent is < 1 or > TierLadder.PercentMax)
                Fault($"{place}.at", $"must be between 1 and {TierLadder.PercentMax} percent");
            if (tier.AtPercent <= before) Fault($"{place}.at", "must be above the tier before it");
            before = tier.AtPercent;
            if (tier.Action == TierAction.Downgrade)
                CheckSingle(ref downgradeAt, index, $"{place}.action", "downgrade");
            if (tier.Action == TierAction.Refuse) CheckSingle(ref refuseAt, index, $"{place}.action", "refuse");
        }

        if (downgradeAt >= 0 && refuseAt < downgradeAt)
            Fault($"{path}.tiers[{downgradeAt}].action", "a downgrade tier needs a refuse tier above it");
    }

    private void CheckSingle(ref int at, int index, string path, string action)
    {
        if (at >= 0) Fault(path, $"there is another {action} tier");
        at = index;
    }
}
