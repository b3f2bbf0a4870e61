using AgentBudget.Ledger.Prices;

namespace AgentBudget.Ledger.Budgets;

/// <summary>An amount that a spend asks of every account on its path.</summary>
internal readonly record struct Spend(long CostNanos, long Tokens)
{
    /// <summary>
    /// Stands for an amount that is not asked for at all: below everything that a cap can leave, so an account above
    /// its cap agrees.
    /// </summary>
    internal const long NotAsked = long.MinValue;

    /// <summary>What this amount asks beyond another that is held already.</summary>
    public Spend Beyond(in Spend held) =>
        new(Growth(CostNanos, held.CostNanos), Growth(Tokens, held.Tokens));

    /// <summary>The sum of both, or the greatest number where it is more.</summary>
    public Spend Plus(in Spend other) => new(
        WideSum.Capped((Int128)CostNanos + other.CostNanos), WideSum.Capped((Int128)Tokens + other.Tokens));

    /// <summary>How far this amount is above another, in each unit; never negative.</summary>
    public Spend Above(in Spend other) =>
        new(Math.Max(0, CostNanos - other.CostNanos), Math.Max(0, Tokens - other.Tokens));

    /// <summary>This amount less a part of it.</summary>
    public Spend Without(in Spend part) => new(CostNanos - part.CostNanos, Tokens - part.Tokens);

    private static long Growth(long amount, long held) => amount > held ? amount - held : NotAsked;
}
