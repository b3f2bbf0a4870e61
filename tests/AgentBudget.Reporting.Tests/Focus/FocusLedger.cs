using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests.Focus;

/// <summary>A ledger by hand that has every kind of row of an export.</summary>
internal static class FocusLedger
{
    public const string Sonnet = "claude-sonnet-4-5";

    public static readonly DateTimeOffset Start = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    /// <summary>The golden charges, of the prices of the example catalog.</summary>
    public static List<LedgerEvent> Golden()
    {
        List<LedgerEvent> events = [Catalog()];
        Add(events, Charge(Line(TokenBucket.Input, 500_000, 3_000_000_000)));
        Add(events, Charge(Line(TokenBucket.CacheWrite5M, 2_000_000, 3_750_000_000)));
        Add(events, Charge(Line(TokenBucket.CacheWrite1H, 250_000, 6_000_000_000)));
        Add(events, Charge(Line(TokenBucket.CacheRead, 8_000_000, 300_000_000)));
        Add(events, Charge(Line(TokenBucket.Output, 1_500_000, 15_000_000_000)));
        ReservationSettled batch = Charge(Line(TokenBucket.Input, 400_000, 1_500_000_000));
        batch.PricedTier = ServiceTier.Batch;
        Add(events, batch);
        ChargeLine longContext = Line(TokenBucket.Input, 250_000, 6_000_000_000);
        longContext.AboveTokens = 200_000;
        Add(events, Charge(longContext));
        Add(events, Cost("search.web", 37, 10_000_000, toolCalls: 37));
        Add(events, Cost("sandbox.minute", 12.5m, 4_000_000, toolCalls: 0));
        for (int call = 0; call < 3; call++)
        {
            ReservationSettled tiny = Charge(Line(TokenBucket.Input, 1, 18_750_000));
            tiny.Model = "tiny";
            tiny.CostNanos = tiny.Lines[0].CostNanos = 19;
            Add(events, tiny);
        }

        return events;
    }

    /// <summary>The golden charges, corrections, reasoning, bills, regions and hostile texts.</summary>
    public static List<LedgerEvent> Everything()
    {
        List<LedgerEvent> events = Golden();
        var correction = new SpendAdjusted { Reservation = 17, SettleTime = At(Start.AddDays(-40)) };
        correction.Lines.Add(new AdjustmentLine { Spender = Writer(), Model = Sonnet, Nanos = -120_000_000 });
        Add(events, correction);
        Add(events, new SpendAdjusted { Lines = { new AdjustmentLine { Spender = new Spender(), Nanos = 7 } } });
        ReservationSettled billed = Charge(Line(TokenBucket.Output, 10, 15_000_000_000));
        (billed.OwnCostNanos, billed.CostNanos, billed.UsageSource) = (billed.CostNanos, 999, UsageSource.Billed);
        billed.PricedRegion = "eu-central-1";
        Add(events, billed);
        ChargeLine reasoning = Line(TokenBucket.Reasoning, 100, 15_000_000_000);
        reasoning.RateOf = TokenBucket.Output;
        Add(events, Charge(reasoning, Line(TokenBucket.Output, 50, 15_000_000_000)));
        // Taken back more than is charged: negative tokens at a price.
        ReservationSettled late = Charge(Line(TokenBucket.InputAudio, 100, 5_000_000_000));
        late.ExpiryCharge = Charge(Line(TokenBucket.InputAudio, 20_100, 5_000_000_000));
        Add(events, late);
        LedgerEvent hostile = Add(events, Cost("=cmd|' /C calc'!A0", 1, 1, toolCalls: 1));
        hostile.Spender.OnBehalfOf = "+\"kim\",\r\nÅsa";
        hostile.CostRecorded.Tags = new Tags { Values = { ["note"] = "=1+1,\"\n\u00e9" } };
        var former = new ReservationSettled { CostNanos = 12_345, Model = Sonnet };
        former.Usage = new TokenUsage { InputTokens = 5 };
        Add(events, former);
        return events;
    }

    public static System.Numerics.BigInteger SettledNanos(IEnumerable<LedgerEvent> events)
    {
        System.Numerics.BigInteger sum = 0;
        foreach (LedgerEvent ledgerEvent in events)
        {
            sum += ledgerEvent.ReservationSettled?.CostNanos ?? 0;
            sum -= ledgerEvent.ReservationSettled?.ExpiryCharge?.CostNanos ?? 0;
            sum += ledgerEvent.CostRecorded?.CostNanos ?? 0;
            sum += ledgerEvent.SpendAdjusted?.Lines.Sum(line => line.Nanos) ?? 0;
        }

        return sum;
    }

    private static LedgerEvent Catalog()
    {
        var catalog = new Catalog { Tenant = Ledgers.Tenant, Currency = "USD", TimeZone = "Europe/Berlin" };
        catalog.Prices.Add(new Price { Model = Sonnet, Provider = "anthropic", Aliases = { "sonnet" } });
        catalog.Prices.Add(new Price { Model = "tiny", Provider = "self" });
        catalog.Skus.Add(new Sku { Id = "sandbox.minute", Unit = "minute" });
        catalog.Tools.Add(new Tool { Id = "search.web" });
        return new LedgerEvent
        {
            Sequence = 1,
            Time = At(Start),
            CatalogApplied = new CatalogApplied { Catalog = catalog },
        };
    }

    private static Timestamp At(DateTimeOffset time) => Timestamp.FromDateTimeOffset(time);

    private static Spender Writer() => new()
    {
        Session = "sessions/s2",
        Agent = "agents/writer",
        UseCase = "useCases/promo",
        BusinessUnit = "businessUnits/marketing",
    };

    private static void Add(List<LedgerEvent> events, ReservationSettled settled) =>
        Add(events, new LedgerEvent { ReservationSettled = settled });

    private static void Add(List<LedgerEvent> events, SpendAdjusted adjusted) =>
        Add(events, new LedgerEvent { SpendAdjusted = adjusted });

    private static LedgerEvent Add(List<LedgerEvent> events, CostRecorded cost) =>
        Add(events, new LedgerEvent { CostRecorded = cost });

    private static LedgerEvent Add(List<LedgerEvent> events, LedgerEvent ledgerEvent)
    {
        ledgerEvent.Sequence = events.Count + 1;
        ledgerEvent.Time = At(Start);
        ledgerEvent.Spender = Writer();
        events.Add(ledgerEvent);
        return ledgerEvent;
    }

    private static ReservationSettled Charge(params ChargeLine[] lines) => new()
    {
        Model = Sonnet,
        PriceVersion = 1,
        UsageSource = UsageSource.Provider,
        CostNanos = lines.Sum(line => line.CostNanos),
        Lines = { lines },
    };

    private static ChargeLine Line(TokenBucket bucket, long tokens, long rate) => new()
    {
        Bucket = bucket,
        Tokens = tokens,
        Rate = rate,
        CostNanos = (long)Math.Round((decimal)tokens * rate / 1_000_000, MidpointRounding.ToEven),
    };

    private static CostRecorded Cost(string sku, decimal quantity, long rate, long toolCalls) => new()
    {
        Sku = sku,
        QuantityMillionths = (long)(quantity * 1_000_000),
        Rate = rate,
        CostNanos = (long)(quantity * rate),
        ToolCalls = toolCalls,
        PriceVersion = 1,
    };
}
