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
                break;
            default:
                ledgerEvent.ReservationSettled = RandomSettled(random, model);
                ledgerEvent.ReservationSettled.Tool = tool;
                if (random.Next(0, 3) > 0) break;
                var item = new ItemCost
                {
                    Sku = "web_search",
                    Count = random.Next(1, 9),
                    CostNanos = random.Next(0, 9),
                    Tool = random.Next(0, 2) == 0,
                };
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
}
