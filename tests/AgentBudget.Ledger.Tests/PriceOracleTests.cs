using System.Globalization;
using System.Numerics;
using AgentBudget.Ledger.Catalogs;
using AgentBudget.Ledger.Prices;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// A price book with every combination of fields, priced against an oracle that is written in whole numbers without
/// bounds, so that no decimal is lost, from the words of the catalog's proto alone.
/// </summary>
public sealed partial class PriceOracleTests
{
    // Change it to price other usage; a failure names it.
    private const int Seed = 20261129;
    private const int Usages = 10_000;
    private const int Holds = 1_000;
    private const int Buckets = 12;

    private static readonly int[] Contexts = [0, 1, 2, CatalogRules.ContextsMax];
    private static readonly string[] Zones = ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"];
    private static readonly string[] Regions = ["", "eu", "own", "nowhere"];
    private static readonly string[] Skus =
    [
        "second", "input_image", "output_image", "pixel", "character", "query", "page", "credit", "request",
        "web_search",
    ];

    private static readonly BigInteger SearchMillionths = 10_000_000_000_000; // A cent, in millionths of a nano.

    [Fact]
    public void Every_combination_of_price_fields_is_taken_and_priced_as_the_oracle_does()
    {
        var random = new Random(Seed);
        Catalog catalog = Make(random);
        Assert.Empty(CatalogRules.Check(catalog));
        var book = new PriceBook(1, Catalog.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteArray(catalog)));
        string[] models = [.. catalog.Prices.Select(price => price.Model).Distinct()];
        int priced = 0;
        int refused = 0;
        for (int usage = 0; usage < Usages; usage++)
        {
            string model = models[usage % models.Length];
            long[] counts = Counts(random);
            var tier = (ServiceTier)random.Next(1, 5);
            string region = Regions[random.Next(Regions.Length)];
            long at = LogTime.FromTimestamp(LedgerFixture.Start.AddMinutes(random.Next(0, 2_000_000)).ToTimestamp());
            string told = FormattableString.Invariant(
                $"seed {Seed}, usage {usage}: {model} {tier} '{region}' {at}: {string.Join(' ', counts)}");

            (BigInteger? hold, BigInteger? charge) = Oracle(catalog, model, region, tier, at, counts);
            PriceEntry entry = book.Find(NameOf(random, catalog, model), region, tier, at)!;
            Tokens tokens = TokensOf(counts);

            bool isMissing = entry.MissingRate(tokens, tier, at) is not null;
            Assert.True(isMissing == hold is null, told);
            RateCard card = entry.CardFor(tokens, tier, at);
            if (hold is not null)
            {
                Assert.True(card.TryPrice(tokens, Rounding.Up, out long held) == hold <= long.MaxValue, told);
                if (hold <= long.MaxValue) Assert.True(held == hold, told);
            }

            Assert.True(charge is not null, told);
            Assert.True(card.TryPrice(tokens, Rounding.HalfToEven, out long settled) == charge <= long.MaxValue, told);
            if (charge <= long.MaxValue) Assert.True(settled == charge, told);
            CheckItems(random, book, new ItemsCase(catalog, entry, model, region, tier, at, tokens.Prompt), told);
            if (isMissing) refused++;
            else priced++;
        }

        Assert.InRange(priced, Usages / 5, Usages);
        Assert.InRange(refused, Usages / 10, Usages);
    }

    // What a call can use is held where it does not say: the model's greatest output.
    [Fact]
    public void A_hold_without_a_maximum_output_costs_what_the_oracle_says_of_the_models()
    {
        var random = new Random(Seed);
        Catalog catalog = Make(random);
        LedgerFixture ledger = new(prices => prices.MergeFrom(Beside(catalog, prices)), comparesEachTurn: false);
        long session = ledger.Open();
        string[] models = [.. catalog.Prices.Select(price => price.Model).Distinct()];
        int[] seen = new int[3];
        for (int number = 0; number < Holds; number++)
        {
            string model = models[number % models.Length];
            long[] counts = Counts(random);
            (counts[0], counts[1]) = (counts[0] + 1, 0);
            var request = new ReserveTokensRequest
            {
                RequestId = FormattableString.Invariant($"q{number}"),
                DryRun = true,
                Model = NameOf(random, catalog, model),
                ServiceTier = (ServiceTier)random.Next(1, 5),
                Region = Regions[random.Next(Regions.Length)],
                Estimate = new TokenEstimate(),
            };
            TokensOf(counts).WriteTo(request.Estimate);
            request.Estimate.ClearMaxOutputTokens();
            string told = FormattableString.Invariant($"seed {Seed}, hold {number}: {request}");

            Answer answer = ledger.Send(new ReserveCommand(session, request));

            Price price = PriceOf(catalog, model, request.Region, request.ServiceTier, ledger.Now);
            bool isPaid = RatesIn(price).Any(rates => rates is { HasOutput: true, Output: > 0 });
            bool isKnown = !isPaid || price.HasMaxOutputTokens;
            Assert.True((answer.Outcome == Outcome.EstimateIncomplete) == !isKnown, told);
            seen[isPaid ? isKnown ? 0 : 1 : 2]++;
            if (!isKnown) continue;
            if (isPaid) counts[1] = price.MaxOutputTokens;
            (BigInteger? hold, _) = Oracle(catalog, model, request.Region, request.ServiceTier, ledger.Now, counts);
            ItemsCase call = new(
                catalog, null!, model, request.Region, request.ServiceTier, ledger.Now, TokensOf(counts).Prompt);
            hold += OracleOf(call, [], hasFee: true).Aggregate(BigInteger.Zero, (sum, fee) => sum + (fee.Hold ?? 0));
            if (hold > long.MaxValue) Assert.True(answer.Outcome == Outcome.AmountOverflow, told);
            else Assert.True(answer.Event?.ReservationHeld?.CostNanos == (long?)hold, told);
        }

        Assert.All(seen, count => Assert.InRange(count, 10, Holds));
    }

    // What the fixture's own catalog does not have.
    private static Catalog Beside(Catalog catalog, Catalog present)
    {
        var more = new Catalog { Skus = { catalog.Skus }, RegionalMultipliers = { catalog.RegionalMultipliers } };
        more.Prices.Add(catalog.Prices.Where(price => present.Prices.All(other => other.Model != price.Model)));
        present.Agents[0].Models.Add("*");
        present.UseCases[0].Budget = null;
        return more;
    }

    private static string NameOf(Random random, Catalog catalog, string model)
    {
        RepeatedField<string> aliases = catalog.Prices.First(price => price.Model == model).Aliases;
        return aliases.Count > 0 && random.Next(3) == 0 ? aliases[0] : model;
    }

    private static IEnumerable<Rates?> RatesIn(Price price) =>
    [
        price.Rates, price.LongContext?.Rates, .. price.LongerContexts.Select(context => context.Rates),
        .. (price.Hours?.Spans ?? []).Select(span => span.Rates),
    ];

    private sealed record ItemsCase(
        Catalog Catalog, PriceEntry Entry, string Model, string Region, ServiceTier Tier, long At, long Prompt);

    // Items of the call beside its tokens, some of which the model prices, some the book, some nobody.
    private static void CheckItems(Random random, PriceBook book, ItemsCase call, string told)
    {
        RepeatedField<CountedItem> items = [];
        foreach (string sku in Skus.Where(_ => random.Next(3) == 0))
            items.Add(new CountedItem { Sku = sku, Count = random.NextInt64(1, 1L << random.Next(1, 41)) });
        bool hasFee = random.Next(2) == 0;
        ItemPrices prices = new(book, call.Entry, call.Prompt, hasFee);
        (string Sku, BigInteger? Hold, BigInteger? Charge)[] oracle = [.. OracleOf(call, items, hasFee)];

        Check(Rounding.Up, oracle.Aggregate(BigInteger.Zero, (sum, item) => sum + (item.Hold ?? 0)));
        Check(Rounding.HalfToEven, oracle.Aggregate(BigInteger.Zero, (sum, item) => sum + (item.Charge ?? 0)));
        RepeatedField<string> unpriced = [];
        prices.AddUnpriced(items, unpriced);
        Assert.Equal(oracle.Where(item => item.Charge is null).Select(item => item.Sku), unpriced);
        if (oracle.Length > 0 && prices.CostsOf(items, long.MaxValue) is { } costs)
        {
            Assert.Equal(
                oracle.Select(item => (item.Sku, item.Charge ?? 0)),
                costs.Items.Select(item => (item.Sku, (BigInteger)item.CostNanos)));
        }

        void Check(Rounding rounding, BigInteger should)
        {
            long nanos = 0;
            Assert.True(prices.TryPrice(items, rounding, ref nanos) == should <= long.MaxValue, told);
            if (should <= long.MaxValue) Assert.True(nanos == should, told);
        }
    }

    private static IEnumerable<(string Sku, BigInteger? Hold, BigInteger? Charge)> OracleOf(
        ItemsCase call, RepeatedField<CountedItem> items, bool hasFee)
    {
        Price price = PriceOf(call.Catalog, call.Model, call.Region, call.Tier, call.At);
        Dictionary<string, BigInteger> rates = [];
        foreach (UnitRate unit in price.Units) rates[unit.Unit] = unit.Rate;
        LongContext? longer = price.LongerContexts.Prepend(price.LongContext)
            .LastOrDefault(context => context is not null && call.Prompt > context.AboveTokens);
        foreach (UnitRate unit in longer?.Units ?? []) rates[unit.Unit] = unit.Rate;
        foreach (CountedItem item in items)
        {
            if (rates.TryGetValue(item.Sku, out BigInteger rate)) yield return Of(item.Sku, rate * item.Count);
            else if (item.Sku == "web_search") yield return Of(item.Sku, SearchMillionths * item.Count);
            else if (item.Sku == "request") yield return (item.Sku, 0, 0);
            else yield return (item.Sku, null, null);
        }

        if (hasFee && rates.TryGetValue("request", out BigInteger fee) && items.All(item => item.Sku != "request"))
            yield return Of("request", fee);

        static (string, BigInteger?, BigInteger?) Of(string sku, BigInteger millionths) =>
            (sku, (millionths + 999_999) / 1_000_000, HalfToEven(millionths, 1_000_000));
    }

    private static (BigInteger? Hold, BigInteger? Charge) Oracle(
        Catalog catalog, string model, string region, ServiceTier tier, long at, long[] counts)
    {
        DateTimeOffset time = DateTimeOffset.UnixEpoch.AddTicks(at / 100);
        BigInteger regionPpm = RegionPpm(catalog, model, region);
        Price price = PriceOf(catalog, model, region, tier, at);
        BigInteger tierPpm = 1_000_000;
        bool isPriceless = false;
        if (IsStandard(price))
        {
            if (tier == ServiceTier.Batch && price.HasBatchMultiplierPpm) tierPpm = price.BatchMultiplierPpm;
            if (tier == ServiceTier.Flex && price.HasFlexMultiplierPpm) tierPpm = price.FlexMultiplierPpm;
            if (tier == ServiceTier.Priority && price.HasPriorityMultiplierPpm) tierPpm = price.PriorityMultiplierPpm;
            isPriceless = tier == ServiceTier.Priority && !price.HasPriorityMultiplierPpm;
        }

        PriceSpan? span = SpanAt(price, time);
        BigInteger hoursPpm = span is { HasMultiplierPpm: true } ? span.MultiplierPpm : 1_000_000;
        // A prompt is all that is not output: 1 output, 5 reasoning, 7 audio and 11 images out.
        BigInteger prompt = counts.Where((_, bucket) => bucket is not (1 or 5 or 7 or 11)).Aggregate(
            BigInteger.Zero, (sum, count) => sum + count);
        Rates? longer = price.LongerContexts.Prepend(price.LongContext)
            .LastOrDefault(context => context is not null && prompt > context.AboveTokens)?.Rates;

        BigInteger?[] rates = new BigInteger?[Buckets];
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            BigInteger? raw = Raw(bucket) ?? (bucket switch
            {
                5 or 11 => Raw(1),
                9 => Raw(2),
                10 => Raw(3),
                _ => null,
            });
            rates[bucket] = raw is null
                ? null
                : HalfToEven(raw.Value * tierPpm * regionPpm * hoursPpm, BigInteger.Pow(10, 18));
        }

        BigInteger highest = rates.Max() ?? 0;
        BigInteger hold = 0;
        BigInteger charge = 0;
        bool isMissing = isPriceless;
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            if (counts[bucket] == 0) continue;
            isMissing |= rates[bucket] is null;
            BigInteger product = (rates[bucket] ?? highest) * counts[bucket];
            hold += (product + 999_999) / 1_000_000;
            charge += HalfToEven(product, 1_000_000);
        }

        return (isMissing ? null : hold, charge);

        BigInteger? Raw(int bucket) =>
            RateOf(longer, bucket) ?? RateOf(span?.Rates, bucket) ?? RateOf(price.Rates, bucket);
    }

    // The first rule of the region that the model is of, where the model has no price of that region.
    private static BigInteger RegionPpm(Catalog catalog, string model, string region)
    {
        Price[] prices = [.. catalog.Prices.Where(price => price.Model == model)];
        if (region == "" || prices.Any(price => price.Region == region)) return 1_000_000;
        return catalog.RegionalMultipliers.FirstOrDefault(rule => rule.Region == region
            && (rule.Provider == "" || rule.Provider == prices[0].Provider)
            && (rule.Models.EndsWith('*')
                ? model.StartsWith(rule.Models.TrimEnd('*'), StringComparison.Ordinal)
                : rule.Models == model))?.MultiplierPpm ?? 1_000_000;
    }

    // The entry in force: of the region before of all, of the tier before the standard one, the latest.
    private static Price PriceOf(Catalog catalog, string model, string region, ServiceTier tier, long at)
    {
        DateTimeOffset time = DateTimeOffset.UnixEpoch.AddTicks(at / 100);
        Price[] ofModel = [.. catalog.Prices.Where(price => price.Model == model)];
        bool hasRegion = ofModel.Any(price => price.Region == region && region != "");
        return ofModel
            .Where(one => one.EffectiveFrom.ToDateTimeOffset() <= time)
            .Where(one => one.Region == (hasRegion ? region : ""))
            .Where(one => one.ServiceTier == tier || IsStandard(one))
            .OrderBy(one => IsStandard(one) ? 1 : 0)
            .ThenByDescending(one => one.EffectiveFrom.ToDateTimeOffset())
            .First();
    }

    private static bool IsStandard(Price price) =>
        price.ServiceTier is ServiceTier.Unspecified or ServiceTier.Standard;

    private static BigInteger HalfToEven(BigInteger parts, BigInteger of)
    {
        BigInteger whole = BigInteger.DivRem(parts, of, out BigInteger rest);
        int half = (rest * 2).CompareTo(of);
        return half > 0 || (half == 0 && !whole.IsEven) ? whole + 1 : whole;
    }

    private static PriceSpan? SpanAt(Price price, DateTimeOffset time)
    {
        if (price.Hours is null) return null;
        DateTimeOffset local =
            TimeZoneInfo.ConvertTime(time, TimeZoneInfo.FindSystemTimeZoneById(price.Hours.TimeZone));
        int minute = (local.Hour * 60) + local.Minute;
        string today = local.ToString("dddd", CultureInfo.InvariantCulture);
        string yesterday = local.AddDays(-1).ToString("dddd", CultureInfo.InvariantCulture);
        return price.Hours.Spans.FirstOrDefault(span => span.FromMinute < span.ToMinute
            ? IsOn(span, today) && minute >= span.FromMinute && minute < span.ToMinute
            : (IsOn(span, today) && minute >= span.FromMinute) || (IsOn(span, yesterday) && minute < span.ToMinute));

        static bool IsOn(PriceSpan span, string day)
        {
            string[] days =
                ["", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
            return span.Weekdays.Count == 0 || span.Weekdays.Any(number => days[number] == day);
        }
    }

    // Fields by their place in the message, which is that of the bucket.
    private static BigInteger? RateOf(Rates? rates, int bucket)
    {
        if (rates is null) return null;
        var field = Rates.Descriptor.FindFieldByNumber(bucket + 1);
        return field.Accessor.HasValue(rates) ? new BigInteger((long)field.Accessor.GetValue(rates)) : null;
    }

    private static Tokens TokensOf(long[] counts) => new(
        counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6], counts[7], counts[8], counts[9],
        counts[10], counts[11]);

    private static long[] Counts(Random random)
    {
        var counts = new long[Buckets];
        int used = random.Next(1, 5);
        for (int bucket = 0; bucket < used; bucket++)
        {
            counts[random.Next(Buckets)] = random.Next(40) == 0
                ? random.NextInt64(Tokens.PerBucketMax)
                : random.NextInt64(1, 1L << random.Next(1, 22));
        }

        return counts;
    }
}
