using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Budgets;

/// <summary>The tiers of a budget by rising percent, and where its caps are.</summary>
internal sealed class TierLadder
{
    /// <summary>The most percent that a tier can be at: ten times the limit.</summary>
    internal const int PercentMax = 1000;

    /// <summary>Most tiers of one budget.</summary>
    internal const int TiersMax = 16;

    private const int WholePercent = 100;

    /// <summary>A use case warns at 50 and 80, runs on a cheaper model from 100 on, and stops at 110.</summary>
    public static readonly TierLadder UseCaseDefault = new(
    [
        new Tier { AtPercent = 50, Notify = { "owner" } },
        new Tier { AtPercent = 80, Notify = { "owner", "finance" } },
        new Tier { AtPercent = WholePercent, Action = TierAction.Downgrade },
        new Tier { AtPercent = 110, Action = TierAction.Refuse },
    ]);

    /// <summary>Every other account warns at 50 and 80 and stops at its limit.</summary>
    public static readonly TierLadder Default = new(
    [
        new Tier { AtPercent = 50, Notify = { "owner" } },
        new Tier { AtPercent = 80, Notify = { "owner", "finance" } },
        new Tier { AtPercent = WholePercent, Action = TierAction.Refuse },
    ]);

    /// <summary>A plain limit, such as a session's ceiling.</summary>
    public static readonly TierLadder Plain = new([]);

    private readonly int _softPercent;
    private readonly int _hardPercent;

    public TierLadder(IReadOnlyList<Tier> tiers)
    {
        Tiers = [.. tiers];
        _hardPercent = WholePercent;
        foreach (Tier tier in tiers)
        {
            switch (tier.Action)
            {
                case TierAction.Unspecified:
                    break;
                case TierAction.Downgrade:
                    _softPercent = tier.AtPercent;
                    break;
                case TierAction.Refuse:
                    _hardPercent = tier.AtPercent;
                    break;
            }
        }
    }

    /// <summary>By rising percent. An array, because every settlement walks it and must not allocate.</summary>
    public Tier[] Tiers { get; }

    /// <summary>The amount from which spend is downgraded; unlimited without a downgrade tier.</summary>
    public long SoftCap(long limit) =>
        _softPercent == 0 || limit == Window.Unlimited ? Window.Unlimited : Share(limit, _softPercent);

    /// <summary>The amount beyond which nothing is granted: the refuse tier, or the limit itself.</summary>
    public long HardCap(long limit) => limit == Window.Unlimited ? Window.Unlimited : Share(limit, _hardPercent);

    /// <summary>
    /// Whether an amount has reached this percent of a limit. A limit of zero is never reached, only passed.
    /// </summary>
    public static bool Reaches(Int128 amount, long limit, int percent) =>
        limit != Window.Unlimited && limit > 0 && amount * WholePercent >= (Int128)limit * percent;

    // A cap is rounded down, so it is never above its percentage.
    private static long Share(long limit, int percent) =>
        (long)Int128.Min((Int128)limit * percent / WholePercent, Window.Unlimited - 1);
}
