using AgentBudget.Ledger.Catalogs;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Google.Protobuf.Reflection;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

// The catalog that is priced, and that nothing which a price can say is missing from it.
public sealed partial class PriceOracleTests
{
    // What of a price is no price: a name that nothing else has.
    private static readonly string[] AlwaysThere = ["model", "effective_from", "region", "unit"];

    [Fact]
    public void The_catalog_of_the_oracle_says_and_leaves_out_every_field_of_a_price()
    {
        Catalog catalog = Make(new Random(Seed));
        IMessage[] messages =
        [
            .. catalog.Prices.SelectMany(MessagesOf), .. catalog.RegionalMultipliers.SelectMany(MessagesOf),
        ];

        foreach (IGrouping<string, IMessage> kind in messages.GroupBy(message => message.Descriptor.Name))
        {
            foreach (FieldDescriptor field in kind.First().Descriptor.Fields.InDeclarationOrder())
            {
                Assert.True(kind.Any(message => Says(message, field)), $"no {kind.Key} says {field.Name}");
                if (!field.HasPresence || AlwaysThere.Contains(field.Name)) continue;
                Assert.True(
                    kind.Any(message => !Says(message, field)), $"every {kind.Key} says {field.Name}");
            }
        }
    }

    private static bool Says(IMessage message, FieldDescriptor field) => field switch
    {
        { IsRepeated: true } => ((System.Collections.IList)field.Accessor.GetValue(message)).Count > 0,
        { HasPresence: true } => field.Accessor.HasValue(message),
        _ => field.Accessor.GetValue(message) is not (null or "" or 0L or 0 or ServiceTier.Unspecified),
    };

    private static IEnumerable<IMessage> MessagesOf(IMessage message)
    {
        if (message is Timestamp) yield break;
        yield return message;
        foreach (FieldDescriptor field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.FieldType != FieldType.Message) continue;
            object? value = field.Accessor.GetValue(message);
            IEnumerable<IMessage> below = value switch
            {
                IMessage one => [one],
                System.Collections.IList list => list.Cast<IMessage>(),
                _ => [],
            };
            foreach (IMessage found in below.SelectMany(MessagesOf)) yield return found;
        }
    }

    private static Catalog Make(Random random)
    {
        Catalog catalog = Catalogs.Acme();
        foreach (int contexts in Contexts)
        {
            for (int flags = 0; flags < 1 << 8; flags++)
            {
                string model = FormattableString.Invariant($"m{contexts}-{flags}");
                Price price = PriceOf(random, model, contexts, flags);
                catalog.Prices.Add(price);
                if ((flags & 32) != 0) catalog.Prices.Add(Other(random, price, one => one.Region = "own"));
                if ((flags & 64) != 0)
                    catalog.Prices.Add(Other(random, price, one => one.ServiceTier = (ServiceTier)random.Next(2, 5)));
                if ((flags & 128) != 0)
                {
                    DateTime later = LedgerFixture.Start.AddDays(random.Next(1, 1000));
                    catalog.Prices.Add(Other(random, price, one => one.EffectiveFrom = later.ToTimestamp()));
                }
            }
        }

        catalog.Skus.Add(new Sku { Id = "web_search", Cost = Catalogs.Dollars(0.01m) });
        catalog.RegionalMultipliers.Add(
            new RegionalMultiplier { Region = "eu", Models = "m1-7", MultiplierPpm = 0 });
        catalog.RegionalMultipliers.Add(
            new RegionalMultiplier { Region = "eu", Models = "m2-*", Provider = "two", MultiplierPpm = 1_234_567 });
        catalog.RegionalMultipliers.Add(
            new RegionalMultiplier { Region = "eu", Models = "m1-*", MultiplierPpm = 1_100_000 });
        catalog.RegionalMultipliers.Add(
            new RegionalMultiplier { Region = "eu", Models = "*", MultiplierPpm = 333_333 });
        catalog.RegionalMultipliers.Add(
            new RegionalMultiplier { Region = "own", Models = "*", MultiplierPpm = 10_000_000 });
        return catalog;
    }

    private static string AliasOf(string model) => $"{model}-latest";

    private static Price Other(Random random, Price price, Action<Price> change)
    {
        Price other = price.Clone();
        other.Rates = RatesOf(random);
        change(other);
        if (IsStandard(other)) return other;
        other.ClearBatchMultiplierPpm();
        other.ClearPriorityMultiplierPpm();
        other.ClearFlexMultiplierPpm();
        return other;
    }

    private static Price PriceOf(Random random, string model, int contexts, int flags)
    {
        var price = new Price
        {
            Model = model,
            EffectiveFrom = new Timestamp { Seconds = 1_700_000_000 },
            Provider = random.Next(2) == 0 ? "one" : "two",
            Aliases = { AliasOf(model) },
            Rates = RatesOf(random),
        };
        AddUnits(random, price.Units);
        // Some models are billed by units alone.
        if (price.Units.Count > 0 && random.Next(10) == 0) price.Rates = null;
        if (random.Next(2) == 0) price.MaxOutputTokens = random.NextInt64(1L << random.Next(1, 20));
        if (random.Next(2) == 0) price.ContextTokens = random.NextInt64(1L << random.Next(1, 22));
        for (int context = 1; context <= contexts; context++)
        {
            var longer = new LongContext { AboveTokens = context * random.Next(1, 2) * 30_000L };
            if (random.Next(6) > 0) longer.Rates = RatesOf(random);
            AddUnits(random, longer.Units);
            if (context == 1) price.LongContext = longer;
            else price.LongerContexts.Add(longer);
        }

        if ((flags & 1) != 0) price.BatchMultiplierPpm = random.Next(0, 10_000_001);
        if ((flags & 2) != 0) price.PriorityMultiplierPpm = random.Next(0, 10_000_001);
        if ((flags & 4) != 0) price.FlexMultiplierPpm = random.Next(0, 10_000_001);
        if ((flags & 24) == 0) return price;
        price.Hours = new PriceHours { TimeZone = Zones[random.Next(Zones.Length)] };
        PriceSpan[] spans =
        [
            new() { Weekdays = { 1, 3 }, FromMinute = 0, ToMinute = 1440 },
            new() { Weekdays = { 4, 5, 6 }, FromMinute = 22 * 60, ToMinute = 6 * 60 },
            new() { Weekdays = { 7 }, FromMinute = 6 * 60, ToMinute = 18 * 60 },
        ];
        foreach (PriceSpan span in spans)
        {
            if ((flags & 8) != 0) span.MultiplierPpm = random.Next(0, 10_000_001);
            if ((flags & 16) != 0) span.Rates = RatesOf(random);
            price.Hours.Spans.Add(span);
        }

        return price;
    }

    private static void AddUnits(Random random, RepeatedField<UnitRate> units)
    {
        foreach (string unit in Skus.Where(_ => random.Next(3) == 0))
            units.Add(new UnitRate { Unit = unit, Rate = random.NextInt64(1L << random.Next(0, 60)) });
    }

    // At least one rate; of the others any, zeros and the highest among them.
    private static Rates RatesOf(Random random)
    {
        var rates = new Rates();
        for (int bucket = 0; bucket < Buckets; bucket++)
        {
            if (random.Next(4) == 0) continue;
            long rate = random.Next(12) switch
            {
                0 => 0,
                1 => random.Next(20) == 0 ? CatalogRules.RateMax : 1,
                _ => random.NextInt64(1L << random.Next(1, 40)),
            };
            Rates.Descriptor.FindFieldByNumber(bucket + 1).Accessor.SetValue(rates, rate);
        }

        if (rates.Equals(new Rates())) rates.Input = random.Next(1, 1_000_000);
        return rates;
    }
}
