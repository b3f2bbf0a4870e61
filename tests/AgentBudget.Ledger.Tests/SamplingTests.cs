using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Calls of several samplings, money that was billed, and buckets that share a rate.</summary>
public sealed class SamplingTests
{
    private const string Haiku = LedgerFixture.Haiku;
    private const string Sonnet = LedgerFixture.Sonnet;

    [Fact]
    public void Samplings_of_a_compacted_call_are_summed()
    {
        LedgerFixture ledger = Make(5, 25);
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, parts: [Part(180_000, 3500), Part(23_000, 1000)]).ReservationSettled;

        Assert.Equal(1_127_500_000, settled.CostNanos);
        Assert.Equal((203_000, 4500), (settled.Usage.InputTokens, settled.Usage.OutputTokens));
        Assert.Equal([987_500_000, 140_000_000], settled.Parts.Select(part => part.CostNanos));
        Assert.Equal(207_500, settled.Tokens);
    }

    [Fact]
    public void Each_sampling_pays_the_price_of_the_model_that_ran_it()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, parts: [Part(1000, 1000), Part(1000, 1000, Sonnet), Part(1000, 1000, "unheard-of")])
            .ReservationSettled;

        Assert.Equal([6_000_000, 18_000_000, 6_000_000], settled.Parts.Select(part => part.CostNanos));
        Assert.Equal([Haiku, Sonnet, "unheard-of"], settled.Parts.Select(part => part.Model));
        Assert.Equal(["", "", Haiku], settled.Parts.Select(part => part.PricedAs));
        Assert.Equal(30_000_000, settled.CostNanos);
    }

    [Fact]
    public void A_long_sampling_does_not_make_the_others_dear()
    {
        LedgerFixture ledger = Make(1, 5, price => price.LongContext = new LongContext
        {
            AboveTokens = 1000,
            Rates = new Rates { Input = 2_000_000_000 },
        });
        long session = ledger.Open();

        ReservationSettled settled = Commit(ledger, session, parts: [Part(1001, 0), Part(1000, 0)]).ReservationSettled;

        Assert.Equal(2_002_000 + 1_000_000, settled.CostNanos);
    }

    [Fact]
    public void Usage_beside_samplings_is_one_more()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, new TokenUsage { InputTokens = 500 }, [Part(1000, 0, Sonnet)]).ReservationSettled;

        Assert.Equal([500_000, 3_000_000], settled.Parts.Select(part => part.CostNanos));
        Assert.Equal(Haiku, settled.Model);
    }

    [Fact]
    public void What_was_billed_is_charged_beside_the_own_price()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, new TokenUsage { InputTokens = 1000, OutputTokens = 1000 }, [],
            request => request.BilledCost = Catalogs.Dollars(0.0071m)).ReservationSettled;

        Assert.Equal(
            (7_100_000, 6_000_000, UsageSource.Billed),
            (settled.CostNanos, settled.OwnCostNanos, settled.UsageSource));
        Assert.Equal(1_100_000, settled.OverrunNanos);
        Assert.Equal(7_100_000, LedgerFixture.Nanos(ledger.Balance("useCases/promo").Settled));
    }

    [Fact]
    public void Nothing_that_was_billed_is_charged_as_nothing_and_told_with_the_own_price()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, new TokenUsage { InputTokens = 1000 }, [],
            request => request.BilledCost = Catalogs.Dollars(0)).ReservationSettled;

        Assert.Equal((0, 1_000_000), (settled.CostNanos, settled.OwnCostNanos));
        Assert.True(settled.HasOwnCostNanos);
    }

    [Fact]
    public void A_billed_cost_in_another_currency_is_refused_and_a_reported_one_is_left_out()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        var euro = new Money { CurrencyCode = "EUR", Units = 1 };

        Answer refused = ledger.Commit(session, reservation, 1000, 0, request => request.BilledCost = euro);
        var request = new CommitTokensRequest
        {
            RequestId = ledger.NextRequestId(),
            Usage = new TokenUsage { InputTokens = 1000 },
        };
        var reading = new UsageReading { Cost = euro, Unread = { "odd" } };
        ReservationSettled settled = ledger.Send(new CommitCommand(session, reservation, request, reading))
            .Event!.ReservationSettled;

        Assert.Equal("billed_cost.currencyCode", Assert.Single(refused.Faults!).Field);
        Assert.Equal((1_000_000, UsageSource.Provider), (settled.CostNanos, settled.UsageSource));
        Assert.Equal(["odd", "cost"], settled.Unread);
    }

    [Fact]
    public void A_commit_with_other_samplings_terms_or_cost_is_other_content()
    {
        LedgerFixture ledger = Make(1, 5);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        var request = new CommitTokensRequest { RequestId = "c", Usage = new TokenUsage { InputTokens = 1 } };
        Assert.Equal(Outcome.Done, ledger.Send(new CommitCommand(session, reservation, request)).Outcome);

        Action<CommitTokensRequest>[] changes =
        [
            other => other.Parts.Add(Part(1, 1)),
            other => other.BilledCost = Catalogs.Dollars(0),
            other => other.ServiceTier = ServiceTier.Standard,
            other => other.Region = "eu",
            other => other.Usage.CacheReadAudioTokens = 1,
        ];
        foreach (Action<CommitTokensRequest> change in changes)
        {
            CommitTokensRequest other = request.Clone();
            change(other);
            Assert.Equal(Outcome.KeyReused, ledger.Send(new CommitCommand(session, reservation, other)).Outcome);
        }
    }

    [Theory]
    [InlineData(null, 1000 * 100)]
    [InlineData(300L, 1000 * 300)]
    [InlineData(0L, 0)]
    public void Cached_audio_has_a_rate_or_is_cached_input(long? rate, long costNanos)
    {
        LedgerFixture ledger = Make(1, 5, price =>
        {
            price.Rates.CacheRead = 100_000_000;
            if (rate is not null) price.Rates.CacheReadAudio = rate.Value * 1_000_000;
        });
        long session = ledger.Open();

        ReservationSettled settled = Commit(
            ledger, session, new TokenUsage { CacheReadAudioTokens = 1000 }, []).ReservationSettled;

        Assert.Equal(costNanos, settled.CostNanos);
    }

    [Fact]
    public void Cached_audio_audio_and_text_each_pay_their_own_rate()
    {
        LedgerFixture ledger = Make(0.60m, 2.40m, price =>
        {
            price.Rates.CacheReadAudio = 300_000_000;
            price.Rates.InputAudio = 10_000_000_000;
        });
        long session = ledger.Open();
        var usage = new TokenUsage { CacheReadAudioTokens = 1000, InputAudioTokens = 200, InputTokens = 100 };

        Assert.Equal(2_360_000, Commit(ledger, session, usage, []).ReservationSettled.CostNanos);
    }

    private static LedgerFixture Make(decimal input, decimal output, Action<Price>? change = null) => new(catalog =>
    {
        catalog.Prices[1] = Catalogs.Price(Haiku, input, output);
        change?.Invoke(catalog.Prices[1]);
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(50);
    });

    private static UsagePart Part(long input, long output, string model = "") => new()
    {
        Model = model,
        Usage = new TokenUsage { InputTokens = input, OutputTokens = output },
    };

    private static LedgerEvent Commit(
        LedgerFixture ledger,
        long session,
        TokenUsage? usage = null,
        IEnumerable<UsagePart>? parts = null,
        Action<CommitTokensRequest>? change = null)
    {
        long reservation = ledger.Hold(session);
        var request = new CommitTokensRequest { RequestId = ledger.NextRequestId(), Usage = usage ?? new TokenUsage() };
        request.Parts.Add(parts ?? []);
        change?.Invoke(request);
        return ledger.Send(new CommitCommand(session, reservation, request)).Event!;
    }
}
