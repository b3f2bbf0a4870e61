using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Recommendations;

/// <summary>What a use case spent on a model. Products of tokens and rates are in millionths of a nano.</summary>
internal sealed class ModelUse
{
    public long Calls { get; set; }

    public Int128 CostNanos { get; set; }

    /// <summary>Calls with a short output, their cost and tokens.</summary>
    public long ShortCalls { get; set; }

    public Int128 ShortNanos { get; set; }

    public Dictionary<TokenBucket, long> ShortTokens { get; } = [];

    /// <summary>Calls above a threshold of a long context, their cost and tokens.</summary>
    public long LongCalls { get; set; }

    public Int128 LongNanos { get; set; }

    public Dictionary<TokenBucket, long> LongTokens { get; } = [];

    /// <summary>Calls of the ordinary price list for nobody.</summary>
    public long UnattendedCalls { get; set; }

    public Int128 UnattendedNanos { get; set; }

    /// <summary>Read from and written to caches, and what plain input would have cost less or more.</summary>
    public long ReadTokens { get; set; }

    public Int128 ReadSaved { get; set; }

    public long WrittenTokens { get; set; }

    public Int128 WrittenAbove { get; set; }

    /// <summary>Sent again within minutes as plain input, and all plain input of such conversations once.</summary>
    public long RepeatingCalls { get; set; }

    public long RepeatedTokens { get; set; }

    public long ConversationTokens { get; set; }
}

/// <summary>Holds of a use case in the period.</summary>
internal sealed class HoldUse
{
    public const int Millionths = 1_000_000;
    private const int SharesMax = 1_000; // Thousandths of a hold; what settled more than it counts as all of it.

    private readonly long[] _shares = new long[SharesMax + 1];

    public long Holds { get; private set; }

    /// <summary>Held money by seconds.</summary>
    public Int128 HeldNanoSeconds { get; private set; }

    /// <summary>The part of it that was not settled in the end.</summary>
    public Int128 IdleNanoSeconds { get; private set; }

    /// <summary>Calls that were refused for money and would have fitted if nothing had been held.</summary>
    public long RefusedThatFit { get; set; }

    public void Add(long heldNanos, long settledNanos, long seconds)
    {
        Holds++;
        HeldNanoSeconds += (Int128)heldNanos * seconds;
        IdleNanoSeconds += (Int128)Math.Max(0, heldNanos - settledNanos) * seconds;
        if (heldNanos > 0) _shares[(int)Int128.Clamp((Int128)settledNanos * SharesMax / heldNanos, 0, SharesMax)]++;
    }

    /// <summary>The share of a hold that 99 of 100 settle at most, in millionths.</summary>
    public long P99Ppm()
    {
        long all = _shares.Sum();
        long below = 0;
        for (int share = 0; share <= SharesMax; share++)
        {
            below += _shares[share];
            if (below * 100 >= all * 99) return share * (Millionths / SharesMax);
        }

        return Millionths;
    }
}

/// <summary>Runs of a use case that ended in the period, with their models.</summary>
internal sealed record EndedRun(
    string UseCase, Int128 CostNanos, bool HasSucceeded, bool HasFailed, HashSet<string> Models);
