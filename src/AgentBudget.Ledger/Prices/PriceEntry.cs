using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Prices;

/// <summary>Prices of one model from a time on: of every region or one, of every service tier or one.</summary>
internal sealed class PriceEntry
{
    private const long WholePpm = 1_000_000;

    // By service tier; null where nothing is said of a tier that is dearer than the ordinary list.
    private readonly RateCard?[] _cards;
    private readonly (long AboveTokens, RateCard?[] Cards)[] _longer;

    public PriceEntry(Price price)
    {
        Model = price.Model;
        Region = price.Region;
        Tier = price.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : price.ServiceTier;
        EffectiveFromNanos = LogTime.FromTimestamp(price.EffectiveFrom);
        MaxOutputTokens = price.HasMaxOutputTokens ? price.MaxOutputTokens : null;
        CallTokensMax = price is { HasContextTokens: true, HasMaxOutputTokens: true }
            ? price.ContextTokens + price.MaxOutputTokens
            : null;
        PaysOutput = price.Rates is { HasOutput: true, Output: > 0 };
        long?[] multipliersPpm = MultipliersPpm(price);
        _cards = new RateCard?[multipliersPpm.Length];
        LongContext[] contexts = price.LongContext is null ? [] : [price.LongContext, .. price.LongerContexts];
        _longer = [.. contexts.Select(context => (context.AboveTokens, new RateCard?[multipliersPpm.Length]))];
        for (int tier = 0; tier < multipliersPpm.Length; tier++)
        {
            if (multipliersPpm[tier] is not { } multiplierPpm) continue;
            _cards[tier] = new RateCard(price.Rates, fallback: null, multiplierPpm);
            for (int place = 0; place < contexts.Length; place++)
                _longer[place].Cards[tier] = new RateCard(contexts[place].Rates, _cards[tier], multiplierPpm);
        }
    }

    public string Model { get; }

    public string Region { get; }

    /// <summary>The most output tokens of one call; null where the catalog does not say.</summary>
    public long? MaxOutputTokens { get; }

    /// <summary>The most tokens of one call, read and written; null where the catalog does not say both.</summary>
    public long? CallTokensMax { get; }

    /// <summary>Its output costs something.</summary>
    public bool PaysOutput { get; }

    /// <summary>The service tier that its rates are of.</summary>
    public ServiceTier Tier { get; }

    public long EffectiveFromNanos { get; }

    /// <summary>
    /// The rates that a whole request of these tokens is billed by; the ordinary ones for a tier without a price, which
    /// holds ask <see cref="MissingRate"/> about first.
    /// </summary>
    public RateCard CardFor(in Tokens tokens, ServiceTier tier)
    {
        RateCard?[] cards = _cards;
        foreach ((long aboveTokens, RateCard?[] longer) in _longer)
        {
            if (tokens.Prompt > aboveTokens) cards = longer;
        }

        return cards[(int)tier] ?? cards[(int)ServiceTier.Standard]!;
    }

    /// <summary>What is needed and has no rate: a bucket or the service tier; null if everything is there.</summary>
    public string? MissingRate(in Tokens tokens, ServiceTier tier) =>
        _cards[(int)tier] is null ? "priority" : CardFor(tokens, tier).MissingRate(tokens);

    // An entry of one service tier is found for that tier only, so its rates stand as they are.
    private long?[] MultipliersPpm(Price price)
    {
        if (Tier != ServiceTier.Standard) return [WholePpm, WholePpm, WholePpm, WholePpm, WholePpm];
        return
        [
            WholePpm,
            WholePpm,
            price.HasBatchMultiplierPpm ? price.BatchMultiplierPpm : WholePpm,
            price.HasPriorityMultiplierPpm ? price.PriorityMultiplierPpm : null,
            price.HasFlexMultiplierPpm ? price.FlexMultiplierPpm : WholePpm,
        ];
    }
}
