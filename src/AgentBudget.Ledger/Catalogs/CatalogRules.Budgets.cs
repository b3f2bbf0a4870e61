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

    private const int MinuteMax = (24 * 60) - 1;
    private const int LeapYear = 2028; // A year may begin on a 29th of February.

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
        if (budget.Anchor is not null) CheckAnchor($"{path}.period", budget.Period, budget.Anchor);
        bool ends = !isRolling && budget.Period is not (Period.Unspecified or Period.None);
        if (budget.CarryOverspend && !ends) Fault($"{path}.carry", "needs a calendar period that ends");
        if (budget.Rollover is not { } rollover) return;
        if (!ends) Fault($"{path}.rollover", "needs a calendar period that ends");
        CheckMoney($"{path}.rollover.cap", rollover.Cap);
        if (rollover.HasCapTokens) CheckCount($"{path}.rollover.capTokens", rollover.CapTokens);
    }

    private void CheckAnchor(string path, Period period, PeriodAnchor anchor)
    {
        PeriodAnchor own = period switch
        {
            Period.Day => new PeriodAnchor { Minute = Math.Clamp(anchor.Minute, 1, MinuteMax) },
            Period.Week => new PeriodAnchor { Weekday = Math.Clamp(anchor.Weekday, 1, 7) },
            Period.Month => new PeriodAnchor { Day = Math.Clamp(anchor.Day, 1, 31) },
            Period.Year => new PeriodAnchor
            {
                Month = Math.Clamp(anchor.Month, 1, 12),
                Day = Math.Clamp(anchor.Day, 1, DateTime.DaysInMonth(LeapYear, Math.Clamp(anchor.Month, 1, 12))),
            },
            Period.Unspecified or Period.None or Period.Hour or Period.Quarter or Period.Rolling => new PeriodAnchor(),
        };
        if (own.Equals(new PeriodAnchor())) Fault(path, "cannot begin at a time of its own");
        else if (!own.Equals(anchor)) Fault(path, "begins at no minute of a day, day of a week, month or year");
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
