using System.Collections.Frozen;
using AgentBudget.Grains.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Prices;

/// <summary>Prices of one model from a time on.</summary>
internal sealed class PriceEntry
{
    private const long WholePpm = 1_000_000;

    private readonly RateCard _standard;
    private readonly RateCard _standardLong;
    private readonly RateCard _batch;
    private readonly RateCard _batchLong;
    private readonly long _longContextAbove;

    public PriceEntry(Price price)
    {
        Model = price.Model;
        EffectiveFromNanos = LogTime.FromTimestamp(price.EffectiveFrom);
        long batchPpm = price.HasBatchMultiplierPpm ? price.BatchMultiplierPpm : WholePpm;
        _standard = new RateCard(price.Rates, fallback: null, WholePpm);
        _batch = new RateCard(price.Rates, fallback: null, batchPpm);
        _longContextAbove = price.LongContext?.AboveTokens ?? long.MaxValue;
        _standardLong = new RateCard(price.LongContext?.Rates, _standard, WholePpm);
        _batchLong = new RateCard(price.LongContext?.Rates, _batch, batchPpm);
    }

    public string Model { get; }

    public long EffectiveFromNanos { get; }

    /// <summary>The rates that a whole request of these tokens is billed by.</summary>
    public RateCard CardFor(in Tokens tokens, ServiceTier tier)
    {
        bool isLong = tokens.Prompt > _longContextAbove;
        if (tier == ServiceTier.Batch) return isLong ? _batchLong : _batch;
        return isLong ? _standardLong : _standard;
    }
}

/// <summary>
/// All prices of one version. Immutable: a hold keeps the book that it was priced with, and is settled with it.
/// </summary>
internal sealed class PriceBook
{
    private readonly FrozenDictionary<string, PriceEntry[]> _entriesByName;

    public PriceBook(long version, IReadOnlyList<Price> prices)
    {
        Version = version;
        Prices = prices;
        var byName = new Dictionary<string, List<PriceEntry>>(StringComparer.Ordinal);
        foreach (Price price in prices)
        {
            if (!byName.TryGetValue(price.Model, out List<PriceEntry>? entries)) byName[price.Model] = entries = [];
            entries.Add(new PriceEntry(price));
        }

        // An alias names the model, whichever of its prices declares it.
        foreach (Price price in prices)
        {
            foreach (string alias in price.Aliases) byName[alias] = byName[price.Model];
        }

        _entriesByName = byName.ToFrozenDictionary(
            pair => pair.Key,
            pair => pair.Value.OrderByDescending(entry => entry.EffectiveFromNanos).ToArray(),
            StringComparer.Ordinal);
    }

    public long Version { get; }

    public IReadOnlyList<Price> Prices { get; }

    /// <summary>The price in force for a model or alias at a time; null if it is unknown then.</summary>
    public PriceEntry? Find(string nameOrAlias, long atNanos)
    {
        if (!_entriesByName.TryGetValue(nameOrAlias, out PriceEntry[]? entries)) return null;
        foreach (PriceEntry entry in entries)
        {
            if (entry.EffectiveFromNanos <= atNanos) return entry;
        }

        return null;
    }
}
