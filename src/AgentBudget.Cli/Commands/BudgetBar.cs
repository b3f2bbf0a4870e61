using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>
/// A budget as a bar: what is settled, what is held, and marks at its tiers. The bar ends at the hard cap.
/// </summary>
internal static class BudgetBar
{
    internal const int Cells = 22; // Five percent each, up to 110.
    private const char Settled = '█';
    private const char Held = '▒';
    private const char Mark = '|';
    private const char Free = '·';
    private const int PercentMin = 100;

    public static string Of(decimal settledShare, decimal heldShare, IReadOnlyList<int> tiers)
    {
        decimal end = Math.Max(PercentMin, tiers.DefaultIfEmpty(PercentMin).Max()) / 100m;
        int settled = CellsOf(settledShare, end);
        int exposed = CellsOf(settledShare + heldShare, end);
        char[] bar = new char[Cells];
        for (int cell = 0; cell < Cells; cell++) bar[cell] = cell < settled ? Settled : cell < exposed ? Held : Free;
        foreach (int tier in tiers)
        {
            int cell = Math.Clamp((int)(tier / 100m / end * Cells), 0, Cells - 1);
            if (bar[cell] == Free) bar[cell] = Mark;
        }

        return new string(bar);
    }

    public static string ColourOf(int tier) => tier switch
    {
        >= 100 => "red",
        >= 80 => "yellow",
        > 0 => "blue",
        _ => "green",
    };

    /// <summary>Shares of the limit in money, or in tokens where there is none; null without a limit.</summary>
    public static (decimal Settled, decimal Held)? SharesOf(GrainBalance balance)
    {
        if (balance.Limit is { } limit && Texts.AmountOf(limit) is > 0 and decimal most)
            return (AmountOf(balance.Settled) / most, AmountOf(balance.Held) / most);
        if (balance.HasLimitTokens && balance.LimitTokens > 0)
        {
            decimal tokens = balance.LimitTokens;
            return (balance.SettledTokens / tokens, balance.HeldTokens / tokens);
        }

        return null;
    }

    // Anything at all shows as one cell.
    private static int CellsOf(decimal share, decimal end) =>
        share <= 0 ? 0 : Math.Clamp((int)Math.Round(share / end * Cells), 1, Cells);

    private static decimal AmountOf(Money? money) => money is null ? 0 : Texts.AmountOf(money);
}
