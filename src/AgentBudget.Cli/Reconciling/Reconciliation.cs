namespace AgentBudget.Cli.Reconciling;

/// <summary>What a line of the ledger's spend and one of a provider's are compared by.</summary>
internal readonly record struct ReconciledKey(DateOnly Day, string Model, string Bucket, string Tier);

/// <summary>How the two compare.</summary>
internal enum ReconciledAs
{
    /// <summary>The same, within the tolerance.</summary>
    Matched,

    /// <summary>The same together with the days before and after: a call around midnight is of either.</summary>
    MatchedOverDays,

    /// <summary>The provider counts what the ledger does not know: spend past the gateway.</summary>
    MissingHere,

    /// <summary>The ledger knows what the provider does not count.</summary>
    MissingThere,

    /// <summary>Both know it, and differ.</summary>
    Differs,
}

/// <summary>One comparison.</summary>
/// <param name="Key">Of what.</param>
/// <param name="As">How it compares.</param>
/// <param name="Tokens">The ledger's.</param>
/// <param name="TheirTokens">The provider's; null where its export has money alone.</param>
/// <param name="Cost">The ledger's.</param>
/// <param name="TheirCost">The provider's; null where its export has tokens alone.</param>
/// <param name="ByQuantity">Of the difference in money, what other tokens cost at the ledger's rate; null where the
/// ledger has no rate, or the provider no tokens.</param>
/// <param name="ByPrice">The rest of it: another rate. Null where the provider tells no money.</param>
internal sealed record ReconciledLine(
    ReconciledKey Key,
    ReconciledAs As,
    decimal Tokens,
    decimal? TheirTokens,
    decimal Cost,
    decimal? TheirCost,
    decimal? ByQuantity,
    decimal? ByPrice)
{
    /// <summary>What the provider bills above the ledger, as far as that is known.</summary>
    public decimal Difference => TheirCost is { } cost ? cost - Cost : ByQuantity ?? 0;
}

/// <summary>Compares a provider's export with the ledger's spend, each summed by the same key.</summary>
internal static class Reconciliation
{
    private const decimal TokensShare = 0.005m;
    private const decimal TokensLeast = 1_000;
    private const decimal CostShare = 0.01m;
    private const decimal CostLeast = 0.01m;
    private const int MoneyDecimals = 9; // Nanos.

    /// <param name="ours">The ledger's spend, with every key's tokens and cost.</param>
    /// <param name="theirs">The provider's lines, models named as the ledger names them.</param>
    public static List<ReconciledLine> Compare(
        IEnumerable<ProviderLine> ours, IReadOnlyList<ProviderLine> theirs)
    {
        // What the export does not tell apart is not told apart here either.
        bool hasTier = theirs.Any(line => line.Tier.Length > 0);
        bool hasBucket = theirs.Any(line => line.Bucket.Length > 0);
        bool hasTokens = theirs.Any(line => line.Tokens is not null);
        bool hasCost = theirs.Any(line => line.Cost is not null);
        var sums = new SortedDictionary<ReconciledKey, Sum>(Comparer<ReconciledKey>.Create(
            (one, other) => (one.Day, one.Model, one.Bucket, one.Tier).CompareTo(
                (other.Day, other.Model, other.Bucket, other.Tier))));
        foreach (ProviderLine line in ours)
        {
            Sum sum = SumOf(line);
            sum.Tokens += line.Tokens ?? 0;
            sum.Cost += line.Cost ?? 0;
        }

        foreach (ProviderLine line in theirs)
        {
            Sum sum = SumOf(line);
            sum.TheirTokens += line.Tokens ?? 0;
            sum.TheirCost += line.Cost ?? 0;
        }

        return [.. sums.Where(pair => !pair.Value.IsNothing).Select(pair => LineOf(pair.Key, pair.Value))];

        Sum SumOf(ProviderLine line)
        {
            var key = new ReconciledKey(
                line.Day, line.Model, hasBucket ? line.Bucket : "", hasTier ? line.Tier : "");
            if (!sums.TryGetValue(key, out Sum? sum)) sums.Add(key, sum = new Sum());
            return sum;
        }

        ReconciledLine LineOf(ReconciledKey key, Sum sum)
        {
            ReconciledAs compared = Matches(sum) ? ReconciledAs.Matched
                : Matches(Around(key)) ? ReconciledAs.MatchedOverDays
                : sum is { Tokens: 0, Cost: 0 } ? ReconciledAs.MissingHere
                : sum is { TheirTokens: 0, TheirCost: 0 } ? ReconciledAs.MissingThere
                : ReconciledAs.Differs;
            decimal? byQuantity = hasTokens && sum.Tokens > 0
                ? decimal.Round((sum.TheirTokens - sum.Tokens) * sum.Cost / sum.Tokens, MoneyDecimals)
                : null;
            decimal? byPrice = hasCost ? sum.TheirCost - sum.Cost - (byQuantity ?? 0) : null;
            return new ReconciledLine(
                key, compared, sum.Tokens, hasTokens ? sum.TheirTokens : null, sum.Cost,
                hasCost ? sum.TheirCost : null, byQuantity, byPrice);
        }

        bool Matches(Sum sum) =>
            (!hasTokens || IsNear(sum.Tokens, sum.TheirTokens, TokensShare, TokensLeast))
            && (!hasCost || IsNear(sum.Cost, sum.TheirCost, CostShare, CostLeast));

        Sum Around(ReconciledKey key)
        {
            var around = new Sum();
            for (int day = -1; day <= 1; day++)
            {
                if (!sums.TryGetValue(key with { Day = key.Day.AddDays(day) }, out Sum? sum)) continue;
                around.Tokens += sum.Tokens;
                around.Cost += sum.Cost;
                around.TheirTokens += sum.TheirTokens;
                around.TheirCost += sum.TheirCost;
            }

            return around;
        }
    }

    private static bool IsNear(decimal one, decimal other, decimal share, decimal least) =>
        Math.Abs(one - other) <= Math.Max(least, share * Math.Max(one, other));

    private sealed class Sum
    {
        public decimal Tokens { get; set; }

        public decimal TheirTokens { get; set; }

        public decimal Cost { get; set; }

        public decimal TheirCost { get; set; }

        public bool IsNothing => this is { Tokens: 0, TheirTokens: 0, Cost: 0, TheirCost: 0 };
    }
}
