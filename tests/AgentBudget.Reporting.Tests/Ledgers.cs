using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

/// <summary>Ledgers to fold: random ones from a seed, and single events by hand.</summary>
internal static class Ledgers
{
    public const string Tenant = "acme";

    public static DateTimeOffset At(string text) =>
        DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    public static LedgerEvent Catalog(long sequence, DateTimeOffset time, string timeZone) => new()
    {
        Sequence = sequence,
        Time = Timestamp.FromDateTimeOffset(time),
        CatalogApplied = new CatalogApplied
        {
            Catalog = new Catalog { Tenant = Tenant, Currency = "USD", TimeZone = timeZone },
        },
    };

    public static LedgerEvent Settled(
        long sequence, DateTimeOffset time, long costNanos, string session = "sessions/s2") => new()
        {
            Sequence = sequence,
            Time = Timestamp.FromDateTimeOffset(time),
            Spender = new Spender
            {
                Session = session,
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                BusinessUnit = "businessUnits/marketing",
            },
            ReservationSettled = new ReservationSettled { CostNanos = costNanos, Model = "haiku" },
        };

    public static List<LedgerEvent> Random(int seed, int count)
    {
        var random = new Random(seed);
        var time = At("2026-10-20T00:00:00Z");
        var events = new List<LedgerEvent>(count) { Catalog(1, time, "Europe/Berlin") };
        for (long sequence = 2; sequence <= count; sequence++)
        {
            time = time.AddSeconds(random.Next(0, 600)).AddTicks(random.Next(0, 10_000_000));
            events.Add(RandomEvent(random, sequence, time));
        }
        return events;
    }

    private static LedgerEvent RandomEvent(Random random, long sequence, DateTimeOffset time)
    {
        int session = random.Next(0, 40);
        var ledgerEvent = new LedgerEvent
        {
            Sequence = sequence,
            Time = Timestamp.FromDateTimeOffset(time),
            Spender = new Spender
            {
                Session = $"sessions/s{session}",
                Agent = $"agents/a{session % 7}",
                UseCase = $"useCases/u{session % 5}",
                BusinessUnit = $"businessUnits/b{session % 3}",
                OnBehalfOf = session % 4 == 0 ? "" : $"user{session % 4}",
                Run = session % 5 == 0 ? $"sessions/s{session / 5}" : "",
            },
        };
        string model = $"model-{random.Next(0, 3)}";
        string tool = random.Next(0, 4) == 0 ? $"tool.{random.Next(0, 2)}" : "";
        switch (random.Next(0, 8))
        {
            case 0 or 1:
                ledgerEvent.ReservationHeld =
                    new ReservationHeld { Model = model, RequestedModel = "other", CostNanos = 7, Tool = tool };
                break;
            case 2:
                ledgerEvent.ReservationRefused = new ReservationRefused { Model = model, Requested = 9, Tool = tool };
                break;
            case 3 when random.Next(0, 2) == 0:
                var line = new AdjustmentLine { Spender = ledgerEvent.Spender, Model = model };
                line.Nanos = random.Next(-1_000_000, 1_000_000);
                ledgerEvent.SpendAdjusted = new SpendAdjusted { Lines = { line } };
                break;
            case 3:
                ledgerEvent.ReservationReleased = new ReservationReleased { ReleasedNanos = 5 };
                break;
            case 4:
                ledgerEvent.CostRecorded = new CostRecorded
                {
                    Sku = $"sku-{random.Next(0, 2)}",
                    CostNanos = random.Next(0, 1000),
                    QuantityMillionths = random.Next(1, 5_000_000),
                    ToolCalls = random.Next(0, 2),
                };
                if (random.Next(0, 2) == 0) break;
                ledgerEvent.CostRecorded.Rate = random.Next(0, 100) * 1_000_000L;
                ledgerEvent.CostRecorded.CostNanos =
                    ledgerEvent.CostRecorded.Rate / 1_000_000 * ledgerEvent.CostRecorded.QuantityMillionths;
                break;
            default:
                ledgerEvent.ReservationSettled = RandomSettled(random, model);
                AddLines(random, ledgerEvent.ReservationSettled);
                ledgerEvent.ReservationSettled.Tool = tool;
                if (random.Next(0, 3) > 0) break;
                var item = new ItemCost
                {
                    Sku = "web_search",
                    Count = random.Next(1, 9),
                    Tool = random.Next(0, 2) == 0,
                };
                item.CostNanos = item.Count * random.Next(0, 9);
                ledgerEvent.ReservationSettled.CostNanos += item.CostNanos;
                ledgerEvent.ReservationSettled.ItemCosts = new ItemCosts { Items = { item } };
                break;
        }
        return ledgerEvent;
    }

    private static ReservationSettled RandomSettled(Random random, string model) => new()
    {
        Model = model,
        // Now and then an amount near the largest that a whole ledger can still sum.
        CostNanos = random.Next(0, 50) == 0 ? random.NextInt64(1L << 49) : random.NextInt64(10_000_000_000),
        OverrunNanos = random.Next(0, 3) == 0 ? random.NextInt64(1_000_000) : 0,
        Usage = new TokenUsage
        {
            InputTokens = random.Next(0, 100_000),
            OutputTokens = random.Next(0, 100_000),
            CacheReadTokens = random.Next(0, 100_000),
            CacheWrite5MTokens = random.Next(0, 1_000),
            CacheWrite1HTokens = random.Next(0, 1_000),
            ReasoningTokens = random.Next(0, 1_000),
            InputAudioTokens = random.Next(0, 1_000),
            OutputAudioTokens = random.Next(0, 1_000),
            InputImageTokens = random.Next(0, 1_000),
            CacheReadAudioTokens = random.Next(0, 1_000),
            CacheWriteAudioTokens = random.Next(0, 1_000),
            OutputImageTokens = random.Next(0, 1_000),
        },
    };

    // Facts of this release tell their lines. Some charges are bills of another amount than these.
    private static void AddLines(Random random, ReservationSettled settled)
    {
        if (random.Next(0, 3) == 0) return;
        settled.PricedTier = random.Next(0, 4) == 0 ? ServiceTier.Batch : ServiceTier.Unspecified;
        settled.PricedRegion = random.Next(0, 4) == 0 ? "eu" : "";
        settled.Late = random.Next(0, 5) == 0;
        settled.UsageSource = UsageSource.Provider;
        long sum = 0;
        foreach (TokenBucket bucket in TokenBuckets.All)
        {
            long tokens = TokenBuckets.CountOf(settled.Usage, bucket);
            if (tokens == 0) continue;
            // Of even millions the product needs no rounding.
            long rate = random.Next(1, 4) * 1_000_000L * (int)bucket;
            bool isOther = bucket == TokenBucket.Reasoning;
            settled.Lines.Add(new ChargeLine
            {
                Bucket = bucket,
                Tokens = tokens,
                Rate = isOther ? 2_000_000 : rate,
                RateOf = isOther ? TokenBucket.Output : TokenBucket.Unspecified,
                CostNanos = tokens * (isOther ? 2 : rate / 1_000_000),
                AboveTokens = random.Next(0, 6) == 0 ? 200_000 : 0,
            });
            sum += settled.Lines[^1].CostNanos;
        }

        bool isBilled = random.Next(0, 8) == 0;
        settled.CostNanos = isBilled ? settled.CostNanos : sum;
        if (isBilled) (settled.OwnCostNanos, settled.UsageSource) = (sum, UsageSource.Billed);
    }
}
