using System.Globalization;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>The name of a budget's window: its period, unique within an account.</summary>
internal static class WindowName
{
    private static readonly string[] Weekdays =
        ["", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    public static string Of(Protocol.V1.Budget rule) => rule.Anchor is { } anchor
        ? string.Create(CultureInfo.InvariantCulture, $"{OfPeriod(rule)}:{OfAnchor(rule.Period, anchor)}")
        : OfPeriod(rule);

    private static string OfAnchor(Period period, PeriodAnchor anchor) => period switch
    {
        Period.Day => string.Create(CultureInfo.InvariantCulture, $"{anchor.Minute / 60:00}:{anchor.Minute % 60:00}"),
        Period.Week => Weekdays[Math.Clamp(anchor.Weekday, 0, Weekdays.Length - 1)],
        Period.Month => anchor.Day.ToString(CultureInfo.InvariantCulture),
        Period.Year => string.Create(CultureInfo.InvariantCulture, $"{anchor.Month:00}-{anchor.Day:00}"),
        Period.Unspecified or Period.None or Period.Hour or Period.Quarter or Period.Rolling => "",
    };

    private static string OfPeriod(Protocol.V1.Budget rule) => rule.Period switch
    {
        Period.Unspecified or Period.None => "none",
        Period.Hour => "hour",
        Period.Day => "day",
        Period.Week => "week",
        Period.Month => "month",
        Period.Quarter => "quarter",
        Period.Year => "year",
        Period.Rolling => string.Create(
            CultureInfo.InvariantCulture, $"rolling:{rule.Rolling?.Seconds ?? 0}s"),
    };
}
