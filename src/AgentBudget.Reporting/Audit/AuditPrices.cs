using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Audit;

/// <summary>One version of a price book, by the rules of the catalog's proto.</summary>
internal sealed class AuditPrices
{
    private readonly Dictionary<string, List<AuditPrice>> _byName = new(StringComparer.Ordinal);

    public AuditPrices(long version, IEnumerable<Price> prices)
    {
        Version = version;
        foreach (IGrouping<string, Price> model in prices.GroupBy(price => price.Model, StringComparer.Ordinal))
        {
            // An alias names the model, whichever of its prices declares it.
            List<AuditPrice> entries = [.. model.Select(price => new AuditPrice(price))];
            IEnumerable<string> aliases = model.SelectMany(price => price.Aliases);
            foreach (string name in aliases.Prepend(model.Key)) _byName[name] = entries;
        }
    }

    public long Version { get; }

    /// <summary>The latest price of a model or alias that is in force at a time; null if there is none.</summary>
    public AuditPrice? Find(string name, Int128 at)
    {
        AuditPrice? latest = null;
        foreach (AuditPrice price in _byName.GetValueOrDefault(name) ?? [])
        {
            if (price.From <= at && (latest is null || price.From > latest.From)) latest = price;
        }

        return latest;
    }
}

/// <summary>Prices of one model from a time on.</summary>
internal sealed class AuditPrice(Price price)
{
    private const int BucketsCount = 9;
    private const long Million = 1_000_000; // Rates are per million tokens; multipliers are in millionths.

    private readonly Int128?[] _ordinary = RatesOf(price.Rates);
    private readonly Int128?[] _ofLongContext = RatesOf(price.LongContext?.Rates);

    public string Model => price.Model;

    public Int128 From { get; } = price.EffectiveFrom is null ? 0 : AuditNumbers.NanosOf(price.EffectiveFrom);

    /// <summary>What a hold of these tokens costs, each bucket rounded up; null where a rate is missing.</summary>
    public Int128? CostOfHold(AuditTokens tokens, ServiceTier tier)
    {
        Int128 sum = 0;
        for (int bucket = 0; bucket < BucketsCount; bucket++)
        {
            long count = tokens.Buckets[bucket];
            if (count == 0) continue;
            if (RateOf(bucket, tokens, tier) is not { } rate) return null;
            sum += ((count * rate) + Million - 1) / Million;
        }

        return sum;
    }

    /// <summary>
    /// What these tokens are charged, each bucket rounded half to even. A bucket without a rate pays the highest:
    /// what was used is never free. Null without any rate.
    /// </summary>
    public Int128? CostOfCharge(AuditTokens tokens, ServiceTier tier)
    {
        Int128 sum = 0;
        for (int bucket = 0; bucket < BucketsCount; bucket++)
        {
            long count = tokens.Buckets[bucket];
            if (count == 0) continue;
            if ((RateOf(bucket, tokens, tier) ?? HighestRate(tokens, tier)) is not { } rate) return null;
            sum += HalfToEven(count * rate);
        }

        return sum;
    }

    // A long context re-prices the whole request; a batch multiplies each rate, rounded to a whole one.
    private Int128? RateOf(int bucket, AuditTokens tokens, ServiceTier tier)
    {
        bool isLong = price.LongContext is not null && tokens.Prompt > price.LongContext.AboveTokens;
        Int128? rate = isLong ? _ofLongContext[bucket] ?? _ordinary[bucket] : _ordinary[bucket];
        return tier == ServiceTier.Batch && price.HasBatchMultiplierPpm && rate is not null
            ? HalfToEven(rate.Value * price.BatchMultiplierPpm)
            : rate;
    }

    private Int128? HighestRate(AuditTokens tokens, ServiceTier tier) =>
        Enumerable.Range(0, BucketsCount).Select(bucket => RateOf(bucket, tokens, tier)).Max();

    private static Int128 HalfToEven(Int128 millionths)
    {
        (Int128 whole, Int128 rest) = Int128.DivRem(millionths, Million);
        bool isUp = rest * 2 > Million || (rest * 2 == Million && Int128.IsOddInteger(whole));
        return isUp ? whole + 1 : whole;
    }

    private static Int128?[] RatesOf(Rates? rates) => rates is null ? new Int128?[BucketsCount] :
    [
        rates.HasInput ? rates.Input : null,
        rates.HasOutput ? rates.Output : null,
        rates.HasCacheRead ? rates.CacheRead : null,
        rates.HasCacheWrite5M ? rates.CacheWrite5M : null,
        rates.HasCacheWrite1H ? rates.CacheWrite1H : null,
        rates.HasReasoning ? rates.Reasoning : null,
        rates.HasInputAudio ? rates.InputAudio : null,
        rates.HasOutputAudio ? rates.OutputAudio : null,
        rates.HasInputImage ? rates.InputImage : null,
    ];
}
