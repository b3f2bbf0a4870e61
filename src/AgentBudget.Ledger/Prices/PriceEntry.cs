using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Prices;

/// <summary>Prices of one model from a time on: of every region or one, of every service tier or one.</summary>
internal sealed class PriceEntry
{
    private const long WholePpm = 1_000_000;

    // By service tier null where nothing is said of a tier that is dearer than the ordinary list.
    private readonly Cards _cards;
    private readonly Cards[] _spans = [];
    private readonly PriceClock? _clock;
    private readonly Price _price;
    private readonly bool _hasUnits;

    public PriceEntry(Price price)
        : this(price, price.Region, WholePpm)
    {
    }

    private PriceEntry(Price price, string region, long regionPpm)
    {
        _price = price;
        _hasUnits = price.Units.Count > 0 || price.LongContext is { Units.Count: > 0 }
            || price.LongerContexts.Any(context => context.Units.Count > 0);
        Model = price.Model;
        Region = region;
        Tier = price.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : price.ServiceTier;
        EffectiveFromNanos = LogTime.FromTimestamp(price.EffectiveFrom);
        MaxOutputTokens = price.HasMaxOutputTokens ? price.MaxOutputTokens : null;
        CallTokensMax = price is { HasContextTokens: true, HasMaxOutputTokens: true }
            ? price.ContextTokens + price.MaxOutputTokens
            : null;
        PaysOutput = PaysOutputIn(price.Rates) || PaysOutputIn(price.LongContext?.Rates)
            || price.LongerContexts.Any(context => PaysOutputIn(context.Rates));
        long?[] tiersPpm = MultipliersPpm(price);
        _cards = new Cards(price, span: null, tiersPpm, regionPpm);
        if (price.Hours is not { } hours) return;
        _clock = new PriceClock(hours);
        _spans = [.. hours.Spans.Select(span => new Cards(price, span, tiersPpm, regionPpm))];
        PaysOutput |= hours.Spans.Any(span => PaysOutputIn(span.Rates));

        static bool PaysOutputIn(Rates? rates) => rates is { HasOutput: true, Output: > 0 };
    }

    // The rates of one time: by service tier, and above each threshold.
    private sealed class Cards
    {
        public Cards(Price price, PriceSpan? span, long?[] tiersPpm, long regionPpm)
        {
            ByTier = new RateCard?[tiersPpm.Length];
            LongContext[] contexts = price.LongContext is null ? [] : [price.LongContext, .. price.LongerContexts];
            Longer = [.. contexts.Select(context => (context.AboveTokens, new RateCard?[tiersPpm.Length]))];
            long hoursPpm = span is { HasMultiplierPpm: true } ? span.MultiplierPpm : WholePpm;
            for (int tier = 0; tier < tiersPpm.Length; tier++)
            {
                if (tiersPpm[tier] is not { } tierPpm) continue;
                // Most lists have one price for all tiers, and so one card.
                int same = Array.IndexOf(tiersPpm, tierPpm);
                if (same < tier)
                {
                    ByTier[tier] = ByTier[same];
                    foreach ((_, RateCard?[] longer) in Longer) longer[tier] = longer[same];
                    continue;
                }

                ReadOnlySpan<long> paid = [tierPpm, regionPpm, hoursPpm];
                RateCard card = new(price.Rates, fallback: null, paid);
                if (span?.Rates is not null) card = new RateCard(span.Rates, card, paid);
                ByTier[tier] = card;
                for (int place = 0; place < contexts.Length; place++)
                {
                    Longer[place].ByTier[tier] =
                        new RateCard(contexts[place].Rates, card, paid) { AboveTokens = contexts[place].AboveTokens };
                }
            }
        }

        public RateCard?[] ByTier { get; }

        public (long AboveTokens, RateCard?[] ByTier)[] Longer { get; }
    }

    /// <summary>Whether a regional multiplier is for it.</summary>
    public bool IsOf(RegionalMultiplier rule) =>
        (rule.Provider.Length == 0 || rule.Provider == _price.Provider)
        && (rule.Models.EndsWith('*')
            ? Model.AsSpan().StartsWith(rule.Models.AsSpan(0, rule.Models.Length - 1))
            : Model == rule.Models);

    /// <summary>The same as a region pays it.</summary>
    public PriceEntry In(RegionalMultiplier rule) => new(_price, rule.Region, rule.MultiplierPpm);

    public string Model { get; }

    public string Region { get; }

    /// <summary>The most output tokens of one call; null where the catalog does not say.</summary>
    public long? MaxOutputTokens { get; }

    /// <summary>The most tokens of one call, read and written; null where the catalog does not say both.</summary>
    public long? CallTokensMax { get; }

    /// <summary>Its output costs something, at some time or above some threshold.</summary>
    public bool PaysOutput { get; }

    /// <summary>The service tier that its rates are of.</summary>
    public ServiceTier Tier { get; }

    public long EffectiveFromNanos { get; }

    /// <summary>
    /// The rates that a whole request of these tokens is billed by at a time; the ordinary ones for a tier without a
    /// price, which holds ask <see cref="MissingRate"/> about first.
    /// </summary>
    public RateCard CardFor(in Tokens tokens, ServiceTier tier, long atNanos)
    {
        int span = _clock?.SpanAt(atNanos) ?? -1;
        Cards now = span < 0 ? _cards : _spans[span];
        RateCard?[] cards = now.ByTier;
        foreach ((long aboveTokens, RateCard?[] longer) in now.Longer)
        {
            if (tokens.Prompt > aboveTokens) cards = longer;
        }

        return cards[(int)tier] ?? cards[(int)ServiceTier.Standard]!;
    }

    /// <summary>
    /// Nanos per million of a unit that is not tokens, in a call of so many tokens of prompt; null where the model has
    /// no rate of it.
    /// </summary>
    public long? UnitRate(string unit, long promptTokens)
    {
        if (!_hasUnits) return null;
        RepeatedField<UnitRate>? longer = null;
        if (_price.LongContext is { } first && promptTokens > first.AboveTokens) longer = first.Units;
        for (int place = 0; place < _price.LongerContexts.Count; place++)
        {
            LongContext context = _price.LongerContexts[place];
            if (promptTokens > context.AboveTokens) longer = context.Units;
        }

        return RateOf(longer, unit) ?? RateOf(_price.Units, unit);
    }

    private static long? RateOf(RepeatedField<UnitRate>? units, string unit)
    {
        for (int index = 0; index < (units?.Count ?? 0); index++)
        {
            if (units![index].Unit == unit) return units[index].Rate;
        }

        return null;
    }

    /// <summary>What is needed and has no rate: a bucket or the service tier; null if everything is there.</summary>
    public string? MissingRate(in Tokens tokens, ServiceTier tier, long atNanos) =>
        _cards.ByTier[(int)tier] is null ? "priority" : CardFor(tokens, tier, atNanos).MissingRate(tokens);

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
