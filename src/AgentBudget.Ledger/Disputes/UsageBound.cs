using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Prices;

namespace AgentBudget.Ledger.Disputes;

/// <summary>
/// Whether a commit says more than its call can have used: more tokens than the model reads and writes in one call,
/// where its price says so, else 100 times the hold; items and billed money 100 times the hold. What was settled of the
/// same hold before counts too. A struct, because every commit makes one.
/// </summary>
internal struct UsageBound
{
    /// <summary>Usage this many times above its hold is no mistake of an estimate.</summary>
    private const int HoldsMax = 100;

    private Int128 _tokensMax;
    private Int128 _tokens;
    private bool _isUnknown;
    private bool _isPassed;

    /// <summary>One sampling of the call, with the price of the model that ran it.</summary>
    public void Add(PriceEntry? entry, in Tokens tokens)
    {
        _tokens += tokens.Total;
        if (entry?.CallTokensMax is not { } most)
        {
            _isUnknown |= tokens.Total > 0;
            return;
        }

        _tokensMax += most;
        _isPassed |= tokens.Total > most;
    }

    /// <summary>Whether the whole of it is beyond what the call can have used.</summary>
    /// <param name="granted">What was held for the call at most.</param>
    /// <param name="settledTokens">What was settled of the hold before.</param>
    /// <param name="ownNanos">What the usage costs by the price book.</param>
    /// <param name="itemsNanos">The part of it that counted items cost.</param>
    /// <param name="billedNanos">What was billed instead; null for nothing.</param>
    public readonly bool IsPassed(
        in Spend granted, long settledTokens, long ownNanos, long itemsNanos, long? billedNanos)
    {
        if (_isPassed) return true;
        // A hold that a former release gave back left no word of its size.
        if (granted.CostNanos < 0) return false;
        Int128 costMax = (Int128)granted.CostNanos * HoldsMax;
        Int128 tokens = _tokens + settledTokens;
        if (_isUnknown)
        {
            // Items alone were held without a token; then what their tokens cost is compared.
            bool isBeyond = granted.Tokens > 0
                ? tokens > (Int128)granted.Tokens * HoldsMax
                : ownNanos - itemsNanos > costMax;
            if (isBeyond) return true;
        }
        else if (settledTokens > 0 && tokens > _tokensMax) return true;

        if (itemsNanos > costMax && itemsNanos > 0) return true;
        return billedNanos > Int128.Max(costMax, (Int128)ownNanos * HoldsMax);
    }
}
