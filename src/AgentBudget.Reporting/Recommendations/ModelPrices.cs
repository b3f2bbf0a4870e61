using System.Collections.Frozen;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Reflection;

namespace AgentBudget.Reporting.Recommendations;

/// <summary>Ordinary rates of models by a catalog at one time: of every region and the standard tier.</summary>
internal sealed class ModelPrices
{
    private static readonly FrozenDictionary<TokenBucket, FieldDescriptor> Fields = TokenBuckets.All.ToFrozenDictionary(
        bucket => bucket,
        bucket => Rates.Descriptor.FindFieldByName(TokenBuckets.NameOf(bucket))
            ?? throw new InvalidOperationException($"rates have no field for {bucket}"));

    // What a price list that has no rate of a bucket is charged by: see Rates in the contract.
    private static readonly Dictionary<TokenBucket, TokenBucket> Fallbacks = new()
    {
        [TokenBucket.Reasoning] = TokenBucket.Output,
        [TokenBucket.OutputImage] = TokenBucket.Output,
        [TokenBucket.CacheReadAudio] = TokenBucket.CacheRead,
        [TokenBucket.CacheWriteAudio] = TokenBucket.CacheWrite5M,
    };

    private readonly Dictionary<string, Price> _prices = new(StringComparer.Ordinal);

    /// <param name="catalog">The catalog.</param>
    /// <param name="time">When the prices are in force.</param>
    public ModelPrices(Catalog catalog, DateTimeOffset time)
    {
        IEnumerable<Price> ordinary = catalog.Prices.Where(price => price.Region.Length == 0
            && price.ServiceTier is ServiceTier.Unspecified or ServiceTier.Standard
            && (price.EffectiveFrom is null || price.EffectiveFrom.ToDateTimeOffset() <= time));
        foreach (Price price in ordinary.OrderBy(price => price.EffectiveFrom?.Seconds ?? 0))
        {
            _prices[price.Model] = price;
            foreach (string alias in price.Aliases) _prices[alias] = price;
        }
    }

    /// <summary>Nanos per million tokens; null where the catalog has no such rate.</summary>
    public long? RateOf(string model, TokenBucket bucket)
    {
        if (!_prices.TryGetValue(model, out Price? price) || price.Rates is null) return null;
        FieldDescriptor field = Fields[bucket];
        if (field.Accessor.HasValue(price.Rates)) return (long)field.Accessor.GetValue(price.Rates);
        return Fallbacks.TryGetValue(bucket, out TokenBucket other) ? RateOf(model, other) : null;
    }

    /// <summary>What a batch pays, in millionths of the ordinary rate; null where it pays the same.</summary>
    public long? BatchMultiplierPpmOf(string model) =>
        _prices.TryGetValue(model, out Price? price) && price.HasBatchMultiplierPpm ? price.BatchMultiplierPpm : null;
}
