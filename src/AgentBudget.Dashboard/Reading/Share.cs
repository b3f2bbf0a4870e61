using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Reading;

/// <summary>How much of a limit is used.</summary>
/// <param name="Settled">Spent, of the limit.</param>
/// <param name="Held">Held, of the limit.</param>
public readonly record struct Share(decimal Settled, decimal Held)
{
    /// <summary>Both.</summary>
    public decimal Used => Settled + Held;

    /// <summary>Of money, or of tokens where there is no limit of money; null without a limit.</summary>
    internal static Share? Of(GrainBalance balance)
    {
        if (Amounts.Of(balance.Limit) is > 0 and decimal limit)
            return new Share(Amounts.Of(balance.Settled) / limit, Amounts.Of(balance.Held) / limit);
        if (balance.HasLimitTokens && balance.LimitTokens > 0)
        {
            decimal tokens = balance.LimitTokens;
            return new Share(balance.SettledTokens / tokens, balance.HeldTokens / tokens);
        }

        return null;
    }

    /// <summary>All windows of a balance, itself first.</summary>
    internal static IEnumerable<GrainBalance> WindowsOf(GrainBalance balance) => [balance, .. balance.Windows];

    /// <summary>The window that is the most used of all, or the first where none has a limit.</summary>
    internal static GrainBalance TightestOf(GrainBalance balance) =>
        WindowsOf(balance).MaxBy(window => Of(window)?.Used ?? -1)!;
}
