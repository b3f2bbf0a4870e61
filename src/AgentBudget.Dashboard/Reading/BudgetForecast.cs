using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Reading;

/// <summary>What one window of an account's budget comes to.</summary>
/// <param name="Grain">The account.</param>
/// <param name="Window">The window.</param>
/// <param name="Hours">Hours that it was made from.</param>
public sealed record BudgetForecast(string Grain, WindowForecast Window, long Hours)
{
    /// <summary>Accounts that are asked for at once: each is a report of its own.</summary>
    internal const int AccountsMax = 200;

    /// <summary>The spend at the end, as a share of where spend stops; null without a cap.</summary>
    internal decimal? ShareOfCap =>
        Amounts.Of(Window.HardCap) is > 0 and decimal cap ? Amounts.Of(Window.Expected) / cap : null;

    /// <summary>How far the last forecast was off what it came to: above zero too high; null where it came to nothing.
    /// </summary>
    internal decimal? LastError => Window.Accuracy is { } last && Amounts.Of(last.LastActual) is > 0 and decimal actual
        ? (Amounts.Of(last.LastForecast) - actual) / actual
        : null;

    /// <summary>Windows of accounts, those that run out first before the others.</summary>
    internal static async Task<IReadOnlyList<BudgetForecast>> ReadAsync(
        LedgerReads reads, IEnumerable<string> grains, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, GetForecastResponse> answers =
            await reads.ForecastsAsync(grains.Take(AccountsMax), cancellation);
        return
        [
            .. answers.SelectMany(one => Of(one.Key, one.Value))
                .OrderBy(one => one.Window.ExhaustionTime?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue)
                .ThenByDescending(one => one.ShareOfCap ?? -1)
                .ThenBy(one => one.Grain, StringComparer.Ordinal),
        ];
    }

    /// <summary>Every window of one answer.</summary>
    internal static IEnumerable<BudgetForecast> Of(string grain, GetForecastResponse answer) =>
        answer.Windows.Select(window => new BudgetForecast(grain, window, answer.Hours));

    /// <summary>"6.8% low": how far the last forecast was off.</summary>
    internal string LastErrorText => LastError is not { } error ? ""
        : Math.Abs(error) < 0.0005m ? "right"
        : $"{Amounts.Percent(Math.Abs(error))} {(error > 0 ? "high" : "low")}";

    /// <summary>The window in words; of one without a period, how far is looked.</summary>
    internal string WindowText => WindowTextOf(Window);

    /// <summary>The same of a window alone.</summary>
    internal static string WindowTextOf(WindowForecast window) =>
        window.Window is "" or "none" ? "next 30 days" : Names.Window(window.Window);

    /// <summary>When it runs out, in words; empty for not before its end.</summary>
    internal string ExhaustionText => Window.ExhaustionTime is null
        ? Window.EarliestExhaustionTime is null ? "" : $"perhaps from {Amounts.Day(Window.EarliestExhaustionTime)}"
        : Amounts.Day(Window.ExhaustionTime);
}
