using System.Globalization;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>The name of a budget's window: its period, unique within an account.</summary>
internal static class WindowName
{
    public static string Of(Protocol.V1.Budget rule) => rule.Period switch
    {
        Period.Unspecified or Period.None => "none",
        Period.Day => "day",
        Period.Week => "week",
        Period.Month => "month",
        Period.Quarter => "quarter",
        Period.Year => "year",
        Period.Rolling => string.Create(
            CultureInfo.InvariantCulture, $"rolling:{rule.Rolling?.Seconds ?? 0}s"),
    };
}
