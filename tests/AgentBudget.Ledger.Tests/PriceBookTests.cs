using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

public sealed class PriceBookTests
{
    private static readonly Timestamp Tomorrow = LedgerFixture.Start.AddDays(1).ToTimestamp();

    [Fact]
    public void An_alias_names_the_model_and_the_hold_says_which()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].Aliases.Add("haiku"));
        long session = fixture.Open();

        ReservationHeld held = fixture.Reserve(session, request => request.Model = "haiku").Event!.ReservationHeld;

        Assert.Equal(LedgerFixture.Haiku, held.Model);
        Assert.Equal(6_000_000, held.CostNanos);
    }

    [Fact]
    public void An_alias_names_the_model_at_every_time_also_where_a_later_price_does_not_repeat_it()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Prices[1].Aliases.Add("haiku");
            Price later = Catalogs.Price(LedgerFixture.Haiku, input: 2, output: 10);
            later.EffectiveFrom = LedgerFixture.Start.AddMinutes(1).ToTimestamp();
            catalog.Prices.Add(later);
        });
        long session = fixture.Open();
        fixture.Advance(60 * LedgerFixture.Second);

        ReservationHeld held = fixture.Reserve(session, request => request.Model = "haiku").Event!.ReservationHeld;

        Assert.Equal(12_000_000, held.CostNanos);
    }

    [Fact]
    public void A_price_is_in_force_from_its_time_on()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            Price later = Catalogs.Price(LedgerFixture.Haiku, input: 2, output: 10);
            later.EffectiveFrom = LedgerFixture.Start.AddMinutes(10).ToTimestamp();
            catalog.Prices.Add(later);
        });
        long session = fixture.Open();
        fixture.Advance((600 * LedgerFixture.Second) - 1);
        ReservationHeld before = fixture.Reserve(session).Event!.ReservationHeld;
        fixture.Advance(1);
        ReservationHeld after = fixture.Reserve(session).Event!.ReservationHeld;

        Assert.Equal(6_000_000, before.CostNanos);
        Assert.Equal(12_000_000, after.CostNanos);
    }

    [Fact]
    public void A_model_whose_first_price_is_not_yet_in_force_is_unknown()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].EffectiveFrom = Tomorrow);

        Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(fixture.Open()));
    }

    [Fact]
    public void A_hold_is_settled_with_the_price_that_it_was_held_with()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Change(catalog => catalog.Prices[1] = Catalogs.Price(LedgerFixture.Haiku, input: 100, output: 500));
        fixture.Restart();

        ReservationSettled settled = fixture.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled;

        Assert.Equal(6_000_000, settled.CostNanos);
        Assert.Equal(1, settled.PriceVersion);
        Assert.Equal(600_000_000, fixture.Reserve(session).Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_hold_over_a_price_change_by_date_is_settled_with_the_price_of_its_own_time()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            Price later = Catalogs.Price(LedgerFixture.Haiku, input: 2, output: 10);
            later.EffectiveFrom = LedgerFixture.Start.AddMinutes(1).ToTimestamp();
            catalog.Prices.Add(later);
        });
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Advance(120 * LedgerFixture.Second);

        Assert.Equal(6_000_000, fixture.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void The_price_version_rises_only_when_prices_change()
    {
        var fixture = new LedgerFixture();
        Assert.Equal(1, fixture.Journal[^1].CatalogApplied.PriceVersion);
        fixture.Change(catalog => catalog.UseCases[0].Class = "other");
        Assert.Equal(1, fixture.Journal[^1].CatalogApplied.PriceVersion);
        fixture.Change(catalog => catalog.Prices[0].Rates.CacheRead = 1);
        Assert.Equal(2, fixture.Journal[^1].CatalogApplied.PriceVersion);
    }

    [Fact]
    public void An_old_price_book_leaves_memory_with_its_last_hold()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long first = fixture.Hold(session);
        fixture.Change(catalog => catalog.Prices[0].Rates.CacheRead = 1);
        long second = fixture.Hold(session);
        fixture.Change(catalog => catalog.Prices[0].Rates.CacheRead = 2);
        Assert.Equal([1L, 2L, 3L], Books(fixture));

        fixture.Commit(session, first, 1, 1);
        Assert.Equal([2L, 3L], Books(fixture));
        fixture.Restart();
        fixture.Commit(session, second, 1, 1);
        Assert.Equal([3L], Books(fixture));
    }

    [Fact]
    public void A_long_context_prices_the_whole_request_again()
    {
        LedgerFixture fixture = WithLongContext();
        long session = fixture.Open();
        long Cost(long input, long cacheRead) => fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate =
                new TokenEstimate { InputTokens = input, CacheReadTokens = cacheRead, MaxOutputTokens = 1000 };
        }).Event!.ReservationHeld.CostNanos;

        Assert.Equal((200_000 * 3000L) + (1000 * 15_000L), Cost(200_000, 0));
        Assert.Equal((200_001 * 6000L) + (1000 * 22_500L), Cost(200_001, 0));
        Assert.Equal((100_000 * 6000L) + (100_001 * 300L) + (1000 * 22_500L), Cost(100_000, 100_001));
    }

    [Fact]
    public void A_long_context_counts_what_was_really_used_when_it_settles()
    {
        LedgerFixture fixture = WithLongContext();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { InputTokens = 200_000, MaxOutputTokens = 1 };
        });

        ReservationSettled settled = fixture.Commit(session, reservation, 200_001, 1).Event!.ReservationSettled;

        Assert.Equal((200_001 * 6000L) + 22_500, settled.CostNanos);
    }

    [Fact]
    public void A_batch_pays_its_share_of_every_rate()
    {
        LedgerFixture fixture = WithLongContext();
        long session = fixture.Open();
        ReservationHeld Held(long input) => fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.ServiceTier = ServiceTier.Batch;
            request.Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = 0 };
        }).Event!.ReservationHeld;

        Assert.Equal(1000 * 1500, Held(1000).CostNanos);
        Assert.Equal(200_001 * 3000, Held(200_001).CostNanos);
        Assert.Equal(ServiceTier.Batch, fixture.Journal[^1].ReservationHeld.ServiceTier);
    }

    [Fact]
    public void A_batch_is_settled_as_a_batch()
    {
        LedgerFixture fixture = WithLongContext();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.ServiceTier = ServiceTier.Batch;
        });

        Assert.Equal(9_000_000, fixture.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void A_batch_without_a_multiplier_pays_the_ordinary_rates()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Reserve(fixture.Open(), request => request.ServiceTier = ServiceTier.Batch);

        Assert.Equal(6_000_000, answer.Event!.ReservationHeld.CostNanos);
    }

    [Theory]
    [InlineData("input")]
    [InlineData("output")]
    [InlineData("cacheRead")]
    [InlineData("cacheWrite5m")]
    [InlineData("cacheWrite1h")]
    [InlineData("reasoning")]
    [InlineData("inputAudio")]
    [InlineData("outputAudio")]
    [InlineData("inputImage")]
    public void A_call_that_needs_a_missing_rate_is_refused_and_the_rate_named(string bucket)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            if (bucket == "input") catalog.Prices[1].Rates.ClearInput();
            if (bucket is "output" or "reasoning") catalog.Prices[1].Rates.ClearOutput();
        });

        ReservationRefused refused = fixture.Reserve(fixture.Open(), request => request.Estimate = new TokenEstimate
        {
            InputTokens = 1,
            MaxOutputTokens = bucket == "output" ? 1 : 0,
            CacheReadTokens = bucket == "cacheRead" ? 1 : 0,
            CacheWrite5MTokens = bucket == "cacheWrite5m" ? 1 : 0,
            CacheWrite1HTokens = bucket == "cacheWrite1h" ? 1 : 0,
            ReasoningTokens = bucket == "reasoning" ? 1 : 0,
            InputAudioTokens = bucket == "inputAudio" ? 1 : 0,
            OutputAudioTokens = bucket == "outputAudio" ? 1 : 0,
            InputImageTokens = bucket == "inputImage" ? 1 : 0,
        }).Event!.ReservationRefused;

        Assert.Equal(Reason.UnknownPrice, refused.Reason);
        Assert.Equal(bucket, refused.Subject);
        Assert.Equal("tenants/acme", refused.Grain);
    }

    [Theory]
    [InlineData(false, ServiceTier.Standard, 5_000_000)]
    [InlineData(false, ServiceTier.Batch, 2_500_000)]
    [InlineData(true, ServiceTier.Standard, 9_000_000)]
    [InlineData(true, ServiceTier.Batch, 4_500_000)]
    public void Reasoning_without_a_rate_of_its_own_is_held_and_charged_as_output(
        bool isLong, ServiceTier tier, long expectedNanos)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            Price price = catalog.Prices[1];
            price.Rates.CacheWrite1H = 100_000_000_000; // What has no rate at all would pay this, the highest.
            price.BatchMultiplierPpm = 500_000;
            price.LongContext = new LongContext
            {
                AboveTokens = isLong ? 0 : 1000,
                Rates = new Rates { Input = 0, Output = 9_000_000_000 },
            };
            price.Rates.Input = 0;
        });
        long session = fixture.Open();

        LedgerEvent held = fixture.Reserve(session, request =>
        {
            request.ServiceTier = tier;
            request.Estimate = new TokenEstimate { InputTokens = 1, ReasoningTokens = 1000, MaxOutputTokens = 0 };
        }).Event!;
        ReservationSettled settled = fixture.Commit(
            session, held.Sequence, 1, 0, request => request.Usage.ReasoningTokens = 1000).Event!.ReservationSettled;

        Assert.Equal((expectedNanos, 1001), (held.ReservationHeld.CostNanos, held.ReservationHeld.Tokens));
        Assert.Equal((expectedNanos, 1000), (settled.CostNanos, settled.Usage.ReasoningTokens));
    }

    [Fact]
    public void Reasoning_with_a_rate_of_its_own_pays_it_also_where_a_long_context_prices_output_anew()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Prices[1].Rates.Reasoning = 2_000_000_000;
            catalog.Prices[1].LongContext = new LongContext
            {
                AboveTokens = 0,
                Rates = new Rates { Output = 9_000_000_000 },
            };
        });

        ReservationHeld held = fixture.Reserve(fixture.Open(), request => request.Estimate = new TokenEstimate
        {
            CacheReadTokens = 0,
            InputTokens = 1000,
            MaxOutputTokens = 0,
            ReasoningTokens = 1000,
        }).Event!.ReservationHeld;

        Assert.Equal(3_000_000, held.CostNanos);
    }

    [Fact]
    public void Every_bucket_has_its_own_rate()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Budget = null;
            catalog.Prices[1].Rates = new Rates
            {
                Input = 1_000_000,
                Output = 10_000_000,
                CacheRead = 100_000_000,
                CacheWrite5M = 1_000_000_000,
                CacheWrite1H = 10_000_000_000,
                Reasoning = 100_000_000_000,
                InputAudio = 1_000_000_000_000,
                OutputAudio = 10_000_000_000_000,
                InputImage = 100_000_000_000_000,
            };
        });

        ReservationHeld held = fixture.Reserve(fixture.Open(), request => request.Estimate = new TokenEstimate
        {
            InputTokens = 1,
            MaxOutputTokens = 2,
            CacheReadTokens = 3,
            CacheWrite5MTokens = 4,
            CacheWrite1HTokens = 5,
            ReasoningTokens = 6,
            InputAudioTokens = 7,
            OutputAudioTokens = 8,
            InputImageTokens = 9,
        }).Event!.ReservationHeld;

        Assert.Equal(987_654_321, held.CostNanos);
        Assert.Equal(45, held.Tokens);
    }

    [Fact]
    public void An_unknown_model_is_refused_and_never_free()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Change(catalog =>
        {
            catalog.Prices.RemoveAt(0);
            catalog.Agents[0].Models.Remove(LedgerFixture.Sonnet);
            catalog.UseCases[0].Downgrade.Clear();
        });

        // Out of the agent's scope wins; the price is looked at after it.
        Assert.Equal(
            Reason.ModelOutOfScope, fixture.RefusalOf(session, request => request.Model = LedgerFixture.Sonnet));
        Assert.Equal(Reason.ModelOutOfScope, fixture.RefusalOf(session, request => request.Model = "gone"));
    }

    [Fact]
    public void A_commit_of_another_known_model_is_priced_as_that_model()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled settled = fixture
            .Commit(session, reservation, 1000, 1000, request => request.Model = LedgerFixture.Sonnet)
            .Event!.ReservationSettled;

        Assert.Equal(18_000_000, settled.CostNanos);
        Assert.Equal(12_000_000, settled.OverrunNanos);
        Assert.Equal(LedgerFixture.Sonnet, settled.Model);
        Assert.Equal("", settled.PricedAs);
    }

    [Fact]
    public void A_commit_of_an_unknown_model_is_charged_as_the_held_model()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled settled = fixture
            .Commit(session, reservation, 1000, 1000, request => request.Model = "brand-new")
            .Event!.ReservationSettled;

        Assert.Equal(6_000_000, settled.CostNanos);
        Assert.Equal("brand-new", settled.Model);
        Assert.Equal(LedgerFixture.Haiku, settled.PricedAs);
    }

    [Fact]
    public void A_commit_with_tokens_that_have_no_rate_pays_the_highest_rate_of_the_model()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled settled = fixture
            .Commit(session, reservation, 0, 0, request => request.Usage.InputImageTokens = 1000)
            .Event!.ReservationSettled;

        Assert.Equal(5_000_000, settled.CostNanos);
    }

    [Fact]
    public void A_price_without_any_rate_is_refused_with_the_catalog()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Prices[0].Rates = new Rates());

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal("prices[0].rates", Assert.Single(answer.Faults!).Field);
    }

    private static LedgerFixture WithLongContext() => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        catalog.Prices[0].Rates.CacheRead = 300_000_000;
        catalog.Prices[0].BatchMultiplierPpm = 500_000;
        catalog.Prices[0].LongContext = new LongContext
        {
            AboveTokens = 200_000,
            Rates = new Rates { Input = 6_000_000_000, Output = 22_500_000_000 },
        };
    });

    private static IEnumerable<long> Books(LedgerFixture fixture) =>
        Protocol.Snapshot.V1.TenantState.Parser.ParseFrom(fixture.Ledger.Snapshot().AsSpan(1))
            .PriceBooks.Select(book => book.Version);
}
