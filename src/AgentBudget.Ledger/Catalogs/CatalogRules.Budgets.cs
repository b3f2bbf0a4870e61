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

    /// <summary>Budgets on models of one account: more than a provider has families.</summary>
    public const int ModelBudgetsMax = 100;

    /// <summary>Users of one account that are limited by name.</summary>
    public const int NamedUsersMax = 10_000;

    private const int UserCharsMax = 256;
    private const int MinuteMax = (24 * 60) - 1;
    private const int LeapYear = 2028; // A year may begin on a 29th of February.

    private void CheckBudgets(string prefix, Protocol.V1.Budget? budget, RepeatedField<Protocol.V1.Budget> further)
    {
        if (further.Count == 0)
        {
            if (budget is not null) CheckBudget($"{prefix}budget", budget);
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

    private void CheckParts(string prefix, RepeatedField<ModelBudget> models, UserBudgets? users)
    {
        if (models.Count == 0 && users is null) return;
        if (models.Count > ModelBudgetsMax)
            Fault($"{prefix}modelBudgets", $"has {models.Count} items; at most {ModelBudgetsMax} are allowed");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (int index = 0; index < models.Count; index++)
        {
            string path = $"{prefix}modelBudgets[{index}]";
            string pattern = models[index].Models;
            CheckName($"{path}.models", pattern);
            int star = pattern.IndexOf('*', StringComparison.Ordinal);
            if (star >= 0 && star != pattern.Length - 1)
                Fault($"{path}.models", $"'{pattern}': a star stands for the rest of a name, as in gpt-*");
            if (!seen.Add(pattern)) Fault($"{path}.models", $"'{pattern}' is there twice");
            if (models[index].Budget is null) Fault($"{path}.budget", "is missing");
            CheckBudgets($"{path}.", models[index].Budget, models[index].FurtherBudgets);
        }

        if (users is null) return;
        CheckBudgets($"{prefix}userBudgets.", users.Budget, users.FurtherBudgets);
        if (users.Budget is null && users.Users.Count == 0)
            Fault($"{prefix}userBudgets", "needs a budget of each user, or users by name");
        if (users.Users.Count > NamedUsersMax)
            Fault($"{prefix}userBudgets.users", $"has {users.Users.Count} items; at most {NamedUsersMax} are allowed");
        seen.Clear();
        for (int index = 0; index < users.Users.Count; index++)
        {
            UserBudget named = users.Users[index];
            string path = $"{prefix}userBudgets.users[{index}]";
            if (named.User.Length is 0 or > UserCharsMax)
                Fault($"{path}.user", $"must be 1 to {UserCharsMax} characters");
            if (!seen.Add(named.User)) Fault($"{path}.user", $"'{named.User}' is there twice");
            CheckBudgets($"{path}.", named.Budget, named.FurtherBudgets);
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
        CheckAutoApproval($"{path}.autoApprove", budget);
        if (budget.Rollover is not { } rollover) return;
        if (!ends) Fault($"{path}.rollover", "needs a calendar period that ends");
        CheckMoney($"{path}.rollover.cap", rollover.Cap);
        if (rollover.HasCapTokens) CheckCount($"{path}.rollover.capTokens", rollover.CapTokens);
    }

    private void CheckAutoApproval(string path, Protocol.V1.Budget budget)
    {
        if (budget.AutoApprove is not { } approval) return;
        CheckMoney($"{path}.limit", approval.Limit);
        if (approval.HasTokens) CheckCount($"{path}.tokens", approval.Tokens);
        bool isOfBudget = (approval.Limit is null || budget.Limit is not null)
            && (!approval.HasTokens || budget.HasTokens);
        if (!isOfBudget) Fault(path, "approves more of what the budget does not limit");
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

    private void CheckBudget(string path, Protocol.V1.Budget budget)
    {
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
