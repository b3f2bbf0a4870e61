using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Audit;

/// <summary>One version of a price book, by the rules of the catalog's proto.</summary>
internal sealed class AuditPrices
{
    private readonly Dictionary<string, List<AuditPrice>> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Int128> _units = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tools = new(StringComparer.Ordinal);
    private readonly byte[] _bytes;

    public AuditPrices(long version, Catalog catalog)
    {
        Version = version;
        _bytes = BytesOf(catalog);
        foreach (Sku sku in catalog.Skus) _units[sku.Id] = AuditNumbers.OptionalNanosOf(sku.Cost) ?? 0;
        foreach (Tool tool in catalog.Tools.Where(tool => tool.CostPerCall is not null))
        {
            _units[tool.Id] = AuditNumbers.NanosOf(tool.CostPerCall);
            _tools.Add(tool.Id);
        }

        foreach (IGrouping<string, Price> model in catalog.Prices.GroupBy(price => price.Model, StringComparer.Ordinal))
        {
            // An alias names the model, whichever of its prices declares it.
            List<AuditPrice> entries = [.. model.Select(price => new AuditPrice(price))];
            entries.AddRange(InRegions(model, catalog));
            IEnumerable<string> aliases = model.SelectMany(price => price.Aliases);
            foreach (string name in aliases.Prepend(model.Key)) _byName[name] = entries;
        }
    }

    // Of each price of no region one for every region that the model has none of: by the first multiplier that fits.
    private static IEnumerable<AuditPrice> InRegions(IGrouping<string, Price> model, Catalog catalog) =>
        from price in model
        where price.Region.Length == 0
        from rules in catalog.RegionalMultipliers.GroupBy(rule => rule.Region, StringComparer.Ordinal)
        where model.All(other => other.Region != rules.Key)
        let first = rules.FirstOrDefault(
            rule => (rule.Provider.Length == 0 || rule.Provider == price.Provider)
                && (rule.Models is [.. string beginning, '*']
                    ? price.Model.StartsWith(beginning, StringComparison.Ordinal)
                    : rule.Models == price.Model))
        where first is not null
        select new AuditPrice(price) { Region = first.Region, RegionPpm = first.MultiplierPpm };

    public long Version { get; }

    /// <summary>
    /// The price of a model or alias that is in force at a time: of the region before of all, of the tier before the
    /// standard one, the latest; null if there is none.
    /// </summary>
    public AuditPrice? Find(string name, string region, ServiceTier tier, Int128 at) =>
        (_byName.GetValueOrDefault(name) ?? [])
            .Where(price => price.From <= at && (price.Region.Length == 0 || price.Region == region))
            .Where(price => price.Tier is ServiceTier.Standard || price.Tier == tier)
            .OrderByDescending(price => price.Region.Length > 0)
            .ThenByDescending(price => price.Tier != ServiceTier.Standard)
            .ThenByDescending(price => price.From)
            .FirstOrDefault();

    /// <summary>Whether a catalog has these very prices. Its bytes tell a zero from what is absent.</summary>
    public bool AreOf(Catalog catalog) => _bytes.AsSpan().SequenceEqual(BytesOf(catalog));

    private static byte[] BytesOf(Catalog catalog) =>
        new Catalog
        {
            Prices = { catalog.Prices },
            Skus = { catalog.Skus },
            Tools = { catalog.Tools },
            RegionalMultipliers = { catalog.RegionalMultipliers },
        }.ToByteArray();

    public bool IsTool(string sku) => _tools.Contains(sku);

    /// <summary>Money for one of a SKU, or one call of a tool; null where the book has none.</summary>
    public Int128? UnitOf(string sku) => _units.TryGetValue(sku, out Int128 unit) ? unit : null;

    /// <summary>
    /// What an item of a call costs: by the rate of its model where that has one, which holds round up and charges half
    /// to even, else by the book; null where neither has it. Of requests every call is one, and where nobody is paid
    /// for them they cost nothing.
    /// </summary>
    public Int128? CostOf(CountedItem item, AuditPrice? model, AuditTokens tokens, bool isHold) =>
        model?.CostOfUnit(item, tokens, isHold)
            ?? UnitOf(item.Sku) * item.Count
            ?? (item.Sku == AuditPrice.Request ? 0 : null);

    /// <summary>The items of a call, with its request where that costs something and is not among them.</summary>
    public static IEnumerable<CountedItem> ItemsOf(
        IEnumerable<CountedItem>? items, AuditPrice? model, AuditTokens tokens, bool hasFee)
    {
        CountedItem[] said = [.. items ?? []];
        var request = new CountedItem { Sku = AuditPrice.Request, Count = 1 };
        bool isPaid = hasFee && model?.CostOfUnit(request, tokens, isHold: true) is not null;
        return isPaid && said.All(item => item.Sku != AuditPrice.Request) ? [.. said, request] : said;
    }

    /// <summary>Calls of tools among items.</summary>
    public Int128 ToolCallsOf(IEnumerable<CountedItem>? items)
    {
        Int128 calls = 0;
        foreach (CountedItem item in items ?? [])
        {
            if (IsTool(item.Sku)) calls += item.Count;
        }

        return calls;
    }
}

/// <summary>Prices of one model from a time on.</summary>
internal sealed class AuditPrice(Price price)
{
    /// <summary>The unit of which every call is one.</summary>
    public const string Request = "request";

    private const int BucketsCount = 12;
    private const long Million = 1_000_000; // Rates are per million tokens; multipliers are in millionths.

    // What a bucket without a rate of its own is billed as: reasoning and images as output, cached audio as cached.
    private static readonly Dictionary<int, int> Others = new() { [5] = 1, [9] = 2, [10] = 3, [11] = 1 };

    private readonly Int128?[] _ordinary = RatesOf(price.Rates);
    private readonly (long Above, Int128?[] Rates)[] _longer =
    [
        .. price.LongerContexts.Prepend(price.LongContext)
            .Where(context => context is not null)
            .Select(context => (context.AboveTokens, RatesOf(context.Rates))),
    ];


    public string Model => price.Model;

    public string Region { get; init; } = price.Region;

    /// <summary>What its region pays of its rates, in millionths.</summary>
    public Int128 RegionPpm { get; init; } = Million;

    /// <summary>The service tier that it is for.</summary>
    public ServiceTier Tier =>
        price.ServiceTier == ServiceTier.Unspecified ? ServiceTier.Standard : price.ServiceTier;

    public Int128 From { get; } = price.EffectiveFrom is null ? 0 : AuditNumbers.NanosOf(price.EffectiveFrom);

    /// <summary>A hold that does not say how much output there can be counts this much.</summary>
    public bool KnowsMaxOutput => price.HasMaxOutputTokens
        && (price.Hours?.Spans ?? []).Select(span => span.Rates)
            .Concat(price.LongerContexts.Prepend(price.LongContext).Select(context => context?.Rates))
            .Append(price.Rates)
            .Any(rates => rates is { HasOutput: true, Output: > 0 });

    /// <summary>The most tokens of one call, read and written; null where the catalog does not say both.</summary>
    public Int128? CallTokens => price is { HasContextTokens: true, HasMaxOutputTokens: true }
        ? (Int128)price.ContextTokens + price.MaxOutputTokens
        : null;

    /// <summary>What a hold of these tokens costs, each bucket rounded up; null where a rate is missing.</summary>
    public Int128? CostOfHold(AuditTokens tokens, ServiceTier tier, Int128 at)
    {
        Int128 sum = 0;
        PriceSpan? span = SpanAt(at);
        if (tier == ServiceTier.Priority && Tier != tier && !price.HasPriorityMultiplierPpm) return null;
        for (int bucket = 0; bucket < BucketsCount; bucket++)
        {
            long count = tokens.Buckets[bucket];
            if (count == 0) continue;
            if (RateOf(bucket, tokens, tier, span) is not { } rate) return null;
            sum += ((count * rate) + Million - 1) / Million;
        }

        return sum;
    }

    /// <summary>
    /// What these tokens are charged, each bucket rounded half to even. A bucket without a rate pays the highest:
    /// what was used is never free. A model that has rates of units alone charges nothing for tokens.
    /// </summary>
    public Int128 CostOfCharge(AuditTokens tokens, ServiceTier tier, Int128 at)
    {
        Int128 sum = 0;
        PriceSpan? span = SpanAt(at);
        for (int bucket = 0; bucket < BucketsCount; bucket++)
        {
            long count = tokens.Buckets[bucket];
            if (count == 0) continue;
            sum += HalfToEven(count * (RateOf(bucket, tokens, tier, span) ?? HighestRate(tokens, tier, span)));
        }

        return sum;
    }

    /// <summary>Whether input costs more than output: so tokens that nobody says more of are input.</summary>
    public bool IsInputDearer(AuditTokens tokens, ServiceTier tier, Int128 at)
    {
        const int input = 0;
        const int output = 1;
        PriceSpan? span = SpanAt(at);
        return RateOf(output, tokens, tier, span) is { } rate && RateOf(input, tokens, tier, span) > rate;
    }

    /// <summary>What a unit costs that is not tokens; null where the model has no rate of it.</summary>
    public Int128? CostOfUnit(CountedItem item, AuditTokens tokens, bool isHold)
    {
        IEnumerable<UnitRate> longer = price.LongerContexts.Prepend(price.LongContext)
            .LastOrDefault(context => context is not null && tokens.Prompt > context.AboveTokens)?.Units ?? [];
        UnitRate? rate = longer.Concat(price.Units).FirstOrDefault(unit => unit.Unit == item.Sku);
        if (rate is null) return null;
        Int128 millionths = (Int128)rate.Rate * item.Count;
        return isHold ? (millionths + Million - 1) / Million : HalfToEven(millionths);
    }

    /// <summary>The same bucket by bucket, as a charge tells it.</summary>
    public IEnumerable<ChargeLine> LinesOf(AuditTokens tokens, ServiceTier tier, Int128 at)
    {
        PriceSpan? span = SpanAt(at);
        long above = _longer.LastOrDefault(context => tokens.Prompt > context.Above).Above;
        for (int bucket = 0; bucket < BucketsCount; bucket++)
        {
            long count = tokens.Buckets[bucket];
            if (count == 0) continue;
            Int128? own = RateOf(bucket, tokens, tier, span);
            Int128 rate = own ?? HighestRate(tokens, tier, span);
            int of = own is null
                ? Enumerable.Range(0, BucketsCount)
                    .FirstOrDefault(its => RateOf(its, tokens, tier, span) == rate, defaultValue: -1)
                : Others.TryGetValue(bucket, out int other) && !HasOwn(bucket, tokens, span) ? other : -1;
            yield return new ChargeLine
            {
                Bucket = (TokenBucket)(bucket + 1),
                Tokens = count,
                CostNanos = (long)HalfToEven(count * rate),
                Rate = (long)rate,
                RateOf = (TokenBucket)(of + 1),
                AboveTokens = above,
            };
        }
    }

    private bool HasOwn(int bucket, AuditTokens tokens, PriceSpan? span) =>
        (_longer.LastOrDefault(context => tokens.Prompt > context.Above).Rates?[bucket]
            ?? RatesOf(span?.Rates)[bucket] ?? _ordinary[bucket]) is not null;

    // The hours that a time is in, by the wall clock: those that begin on its day, or that began the day before.
    private PriceSpan? SpanAt(Int128 at)
    {
        if (price.Hours is not { } hours) return null;
        DateTimeOffset time = DateTimeOffset.UnixEpoch.AddTicks((long)(at / 100));
        DateTime local = TimeZoneInfo.ConvertTime(time, TimeZoneInfo.FindSystemTimeZoneById(hours.TimeZone)).DateTime;
        return hours.Spans.FirstOrDefault(
            span => Covers(span, local, daysBefore: 0) || Covers(span, local, daysBefore: 1));
    }

    private static bool Covers(PriceSpan span, DateTime local, int daysBefore)
    {
        DateTime day = local.Date.AddDays(-daysBefore);
        int weekday = day.DayOfWeek == DayOfWeek.Sunday ? 7 : (int)day.DayOfWeek;
        if (span.Weekdays.Count > 0 && !span.Weekdays.Contains(weekday)) return false;
        DateTime to = day.AddMinutes(span.ToMinute);
        if (span.ToMinute <= span.FromMinute) to = to.AddDays(1);
        return local >= day.AddMinutes(span.FromMinute) && local < to;
    }

    // A long context re-prices the whole request; multipliers make each rate together, rounded to a whole one.
    private Int128? RateOf(int bucket, AuditTokens tokens, ServiceTier tier, PriceSpan? span)
    {
        Int128? rate = _longer.LastOrDefault(context => tokens.Prompt > context.Above).Rates?[bucket]
            ?? RatesOf(span?.Rates)[bucket] ?? _ordinary[bucket];
        if (rate is null && Others.TryGetValue(bucket, out int other)) return RateOf(other, tokens, tier, span);
        if (rate is null) return null;
        Int128 hours = span is { HasMultiplierPpm: true } ? span.MultiplierPpm : Million;
        Int128 product = rate.Value * (MultiplierOf(tier) ?? Million) * RegionPpm * hours;
        return HalfToEven(product, (Int128)Million * Million * Million);
    }

    private long? MultiplierOf(ServiceTier tier) => tier switch
    {
        ServiceTier.Unspecified or ServiceTier.Standard => null,
        ServiceTier.Batch => price.HasBatchMultiplierPpm ? price.BatchMultiplierPpm : null,
        ServiceTier.Priority => price.HasPriorityMultiplierPpm ? price.PriorityMultiplierPpm : null,
        ServiceTier.Flex => price.HasFlexMultiplierPpm ? price.FlexMultiplierPpm : null,
    };

    private Int128 HighestRate(AuditTokens tokens, ServiceTier tier, PriceSpan? span) =>
        Enumerable.Range(0, BucketsCount).Select(bucket => RateOf(bucket, tokens, tier, span)).Max() ?? 0;

    private static Int128 HalfToEven(Int128 millionths) => HalfToEven(millionths, Million);

    private static Int128 HalfToEven(Int128 parts, Int128 partsOfOne)
    {
        (Int128 whole, Int128 rest) = Int128.DivRem(parts, partsOfOne);
        bool isUp = rest * 2 > partsOfOne || (rest * 2 == partsOfOne && Int128.IsOddInteger(whole));
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
        rates.HasCacheReadAudio ? rates.CacheReadAudio : null,
        rates.HasCacheWriteAudio ? rates.CacheWriteAudio : null,
        rates.HasOutputImage ? rates.OutputImage : null,
    ];
}
