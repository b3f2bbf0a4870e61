using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Ledger.Tests.LedgerFixture;

namespace AgentBudget.Ledger.Tests;

/// <summary>Prices by region and service tier. The usual call is 6,000,000 with Haiku.</summary>
public sealed class ServiceTierTests
{
    [Fact]
    public void Each_service_tier_pays_its_share_of_every_rate()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            catalog.Prices[1].BatchMultiplierPpm = 500_000;
            catalog.Prices[1].PriorityMultiplierPpm = 1_750_000;
            catalog.Prices[1].FlexMultiplierPpm = 250_000;
        });
        long session = ledger.Open();

        Assert.Equal(6_000_000, CostOf(ledger, session, ServiceTier.Standard));
        Assert.Equal(3_000_000, CostOf(ledger, session, ServiceTier.Batch));
        Assert.Equal(10_500_000, CostOf(ledger, session, ServiceTier.Priority));
        Assert.Equal(1_500_000, CostOf(ledger, session, ServiceTier.Flex));
    }

    [Fact]
    public void Flex_without_a_multiplier_pays_the_ordinary_rates()
    {
        var ledger = new LedgerFixture();

        Assert.Equal(6_000_000, CostOf(ledger, ledger.Open(), ServiceTier.Flex));
    }

    [Fact]
    public void Priority_without_a_price_is_refused_and_never_charged_too_little()
    {
        var ledger = new LedgerFixture();

        ReservationRefused refused = ledger.Reserve(
            ledger.Open(), request => request.ServiceTier = ServiceTier.Priority).Event!.ReservationRefused;

        Assert.Equal((Reason.UnknownPrice, "priority"), (refused.Reason, refused.Subject));
    }

    [Fact]
    public void Another_model_without_a_price_for_the_tier_is_charged_its_ordinary_rates()
    {
        var ledger = new LedgerFixture(catalog => catalog.Prices[1].PriorityMultiplierPpm = 2_000_000);
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.ServiceTier = ServiceTier.Priority);

        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 1000, request => request.Model = Sonnet).Event!.ReservationSettled;

        Assert.Equal((Sonnet, 18_000_000L), (settled.Model, settled.CostNanos));
    }

    [Fact]
    public void A_service_tier_can_have_rates_of_its_own()
    {
        var ledger = new LedgerFixture(catalog => catalog.Prices.Add(PriceOf("", ServiceTier.Priority, 3)));
        long session = ledger.Open();

        Assert.Equal(18_000_000, CostOf(ledger, session, ServiceTier.Priority));
        Assert.Equal(6_000_000, CostOf(ledger, session, ServiceTier.Standard));
    }

    [Fact]
    public void A_region_has_prices_of_its_own_and_every_other_the_general_ones()
    {
        var ledger = new LedgerFixture(catalog => catalog.Prices.Add(PriceOf("eu", ServiceTier.Standard, 2)));
        long session = ledger.Open();

        Assert.Equal(12_000_000, CostOf(ledger, session, ServiceTier.Standard, "eu"));
        Assert.Equal(6_000_000, CostOf(ledger, session, ServiceTier.Standard, "us"));
        Assert.Equal(6_000_000, CostOf(ledger, session, ServiceTier.Standard));
    }

    [Fact]
    public void The_region_wins_over_the_service_tier_and_that_over_a_later_price()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            catalog.Prices.Add(PriceOf("eu", ServiceTier.Standard, 2));
            catalog.Prices.Add(PriceOf("", ServiceTier.Batch, 3));
            Price later = PriceOf("", ServiceTier.Standard, 4);
            later.EffectiveFrom = Start.AddHours(-1).ToTimestamp();
            catalog.Prices.Add(later);
        });
        long session = ledger.Open();

        Assert.Equal(12_000_000, CostOf(ledger, session, ServiceTier.Batch, "eu"));
        Assert.Equal(18_000_000, CostOf(ledger, session, ServiceTier.Batch));
        Assert.Equal(24_000_000, CostOf(ledger, session, ServiceTier.Standard));
    }

    [Fact]
    public void A_hold_is_settled_at_the_price_of_its_region_and_service_tier()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            Price price = PriceOf("eu", ServiceTier.Standard, 2);
            price.FlexMultiplierPpm = 500_000;
            catalog.Prices.Add(price);
        });
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request =>
        {
            request.Region = "eu";
            request.ServiceTier = ServiceTier.Flex;
        });
        ledger.Restart();

        Assert.Equal(6_000_000, ledger.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void Two_prices_of_one_region_service_tier_and_time_are_a_fault_and_so_is_a_tier_of_a_tier()
    {
        var ledger = new LedgerFixture();

        Answer answer = ledger.Change(catalog =>
        {
            catalog.Prices.Add(PriceOf("eu", ServiceTier.Flex, 2));
            catalog.Prices.Add(PriceOf("eu", ServiceTier.Flex, 3));
            catalog.Prices[2].BatchMultiplierPpm = 1;
        });

        Assert.Equal(
            ["prices[2].batch.multiplier", "prices[3].effectiveFrom"], answer.Faults!.Select(fault => fault.Field));
    }

    [Theory]
    [InlineData(ServiceTier.Unspecified, 87_500_000)]
    [InlineData(ServiceTier.Standard, 35_000_000)]
    [InlineData(ServiceTier.Batch, 17_500_000)]
    [InlineData(ServiceTier.Priority, 87_500_000)]
    [InlineData(ServiceTier.Flex, 35_000_000)]
    public void A_call_is_settled_by_the_price_list_that_served_it(ServiceTier served, long costNanos)
    {
        LedgerFixture ledger = WithPriority();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.ServiceTier = ServiceTier.Priority);

        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 1000, request => request.ServiceTier = served).Event!.ReservationSettled;

        Assert.Equal(costNanos, settled.CostNanos);
        bool isOther = served is not (ServiceTier.Unspecified or ServiceTier.Priority);
        Assert.Equal(isOther ? served : ServiceTier.Unspecified, settled.ServiceTier);
    }

    [Fact]
    public void A_report_may_say_which_price_list_served_but_takes_no_batch_from_its_own()
    {
        LedgerFixture ledger = WithPriority();
        long session = ledger.Open();

        Assert.Equal(35_000_000, Cost(ServiceTier.Priority, ServiceTier.Standard));
        Assert.Equal(87_500_000, Cost(ServiceTier.Standard, ServiceTier.Priority));
        Assert.Equal(17_500_000, Cost(ServiceTier.Batch, ServiceTier.Standard));
        Assert.Equal(87_500_000, Cost(ServiceTier.Batch, ServiceTier.Priority));

        long Cost(ServiceTier held, ServiceTier reported)
        {
            long reservation = ledger.Hold(session, request => request.ServiceTier = held);
            var request = new CommitTokensRequest
            {
                RequestId = ledger.NextRequestId(),
                Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 1000 },
            };
            var reading = new UsageReading { ServiceTier = reported };
            return ledger.Send(new CommitCommand(session, reservation, request, reading))
                .Event!.ReservationSettled.CostNanos;
        }
    }

    [Fact]
    public void A_call_is_settled_by_the_prices_of_the_region_that_served_it()
    {
        var ledger = new LedgerFixture(catalog =>
            catalog.Prices.Add(PriceOf("eu", ServiceTier.Unspecified, 2)));
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 1000, request => request.Region = "eu").Event!.ReservationSettled;

        Assert.Equal((12_000_000, "eu"), (settled.CostNanos, settled.Region));
        var reading = new UsageReading { Region = "us" };
        var request = new CommitTokensRequest
        {
            RequestId = ledger.NextRequestId(),
            Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 1000 },
        };
        reservation = ledger.Hold(session, held => held.Region = "eu");
        settled = ledger.Send(new CommitCommand(session, reservation, request, reading)).Event!.ReservationSettled;
        Assert.Equal((12_000_000, ""), (settled.CostNanos, settled.Region));
    }

    private static LedgerFixture WithPriority() => new(catalog =>
    {
        catalog.Prices[1] = Catalogs.Price(Haiku, input: 5, output: 30);
        catalog.Prices[1].PriorityMultiplierPpm = 2_500_000;
        catalog.Prices[1].BatchMultiplierPpm = 500_000;
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(50);
    });

    private static long CostOf(LedgerFixture ledger, long session, ServiceTier tier, string region = "") =>
        ledger.Reserve(session, request =>
        {
            request.ServiceTier = tier;
            request.Region = region;
        }).Event!.ReservationHeld.CostNanos;

    private static Price PriceOf(string region, ServiceTier tier, int times)
    {
        Price price = Catalogs.Price(Haiku, input: times, output: 5 * times);
        price.Region = region;
        price.ServiceTier = tier;
        return price;
    }
}
