namespace AgentBudget.Ledger.Budgets;

/// <summary>What amounts sum up to.</summary>
internal readonly record struct Total(Int128 Nanos, Int128 Tokens)
{
    public static Total Of(in Spend spend) => new(spend.CostNanos, spend.Tokens);

    /// <summary>How far this sum is above another, in each unit; never negative.</summary>
    public Total Above(in Total other) =>
        new(Int128.Max(0, Nanos - other.Nanos), Int128.Max(0, Tokens - other.Tokens));

    public static Total operator +(Total left, Total right) =>
        new(left.Nanos + right.Nanos, left.Tokens + right.Tokens);

    public static Total operator -(Total left, Total right) =>
        new(left.Nanos - right.Nanos, left.Tokens - right.Tokens);
}
