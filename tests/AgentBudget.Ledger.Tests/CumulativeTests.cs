using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Commits whose counts are of the whole call up to now, as streams report that tell it twice.</summary>
public sealed class CumulativeTests
{
    private const long PerInput = 1_000;
    private const long PerOutput = 5_000;

    [Fact]
    public void A_stream_that_reports_its_usage_twice_is_charged_once()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 1000);

        ReservationSettled first = Commit(fixture, session, reservation, 100, 1, isFinal: false);
        fixture.Restart();
        ReservationSettled second = Commit(fixture, session, reservation, 100, 50);

        long nanos = (100 * PerInput) + (50 * PerOutput);
        Assert.Equal((nanos, 150, 0), (second.CostNanos, second.Tokens, second.OverrunNanos));
        Assert.Equal((first.CostNanos, 101), (second.ExpiryCharge.CostNanos, second.ExpiryCharge.Tokens));
        AssertSettled(fixture, session, nanos, 150);
    }

    [Theory]
    [InlineData(1, 2, 3)]
    [InlineData(50, 50, 50)]
    [InlineData(900, 20, 2000)]
    [InlineData(7, 0, 4)]
    public void Of_any_reports_the_last_is_what_is_settled(int first, int second, int last)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 10);
        Commit(fixture, session, reservation, first, 0, isFinal: false);
        Commit(fixture, session, reservation, second, 1, isFinal: false);
        Assert.Equal(1010 - Math.Max(first, second + 1), fixture.Balance("useCases/promo").HeldTokens);

        Commit(fixture, session, reservation, last, 2);

        AssertSettled(fixture, session, (last * PerInput) + (2 * PerOutput), last + 2);
    }

    [Fact]
    public void A_whole_takes_back_the_parts_that_were_counted_apart()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 1000);
        fixture.Commit(session, reservation, 100, 0, request => request.Final = false);
        fixture.Commit(session, reservation, 0, 7, request => request.Final = false);
        fixture.Commit(
            session, reservation, 10, 0, request => (request.Final, request.Model) = (false, LedgerFixture.Sonnet));
        fixture.Restart();

        ReservationSettled whole = Commit(fixture, session, reservation, 120, 9);

        Assert.Equal(117, whole.ExpiryCharge.Tokens);
        Assert.Equal(2, whole.ExpiryCharge.Parts.Count);
        Assert.Empty(whole.ExpiryCharge.Lines);
        Assert.Equal(117, whole.ExpiryCharge.Parts.Sum(part => part.Lines.Sum(line => line.Tokens)));
        AssertSettled(fixture, session, (120 * PerInput) + (9 * PerOutput), 129);
    }

    [Fact]
    public void What_is_taken_back_tells_one_line_of_a_bucket_at_a_rate()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 1000);
        fixture.Commit(session, reservation, 100, 3, request => request.Final = false);
        fixture.Commit(session, reservation, 20, 4, request => request.Final = false);
        fixture.Restart();

        ReservationSettled whole = Commit(fixture, session, reservation, 121, 9);

        Assert.Equal(
            [(TokenBucket.Input, 120, 120 * PerInput), (TokenBucket.Output, 7, 7 * PerOutput)],
            LinesOf(whole.ExpiryCharge.Lines));
        Assert.Equal(
            [(TokenBucket.Input, 121, 121 * PerInput), (TokenBucket.Output, 9, 9 * PerOutput)],
            LinesOf(whole.Lines));
    }

    [Fact]
    public void A_part_after_a_whole_is_added_to_it()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 1000);
        Commit(fixture, session, reservation, 100, 0, isFinal: false);
        fixture.Commit(session, reservation, 5, 0, request => request.Final = false);

        Commit(fixture, session, reservation, 105, 3);

        AssertSettled(fixture, session, (105 * PerInput) + (3 * PerOutput), 108);
    }

    [Fact]
    public void A_threshold_that_the_whole_passes_prices_all_of_it()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].LongContext = new LongContext
        {
            AboveTokens = 1000,
            Rates = new Rates { Input = 2_000_000_000 },
        });
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 2000, 0);
        Commit(fixture, session, reservation, 800, 0, isFinal: false);

        Commit(fixture, session, reservation, 1600, 0);

        AssertSettled(fixture, session, 1600 * 2 * PerInput, 1600);
    }

    [Fact]
    public void After_a_charged_expiry_the_whole_takes_back_the_parts_and_the_estimate()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 0, request =>
        {
            request.OnExpiry = OnExpiry.Charge;
            request.Ttl = new() { Seconds = 5 };
        });
        Commit(fixture, session, reservation, 100, 0, isFinal: false);
        fixture.Advance(6 * LedgerFixture.Second);
        AssertSettled(fixture, session, 1000 * PerInput, 1000);
        fixture.Restart();

        ReservationSettled late = Commit(fixture, session, reservation, 300, 0);

        Assert.True(late.Late);
        AssertSettled(fixture, session, 300 * PerInput, 300);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, reservation, 1, 0).Outcome);
    }

    [Fact]
    public void A_late_whole_takes_back_the_parts_of_a_hold_that_was_given_back()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 0, request => request.Ttl = new() { Seconds = 5 });
        Commit(fixture, session, reservation, 100, 0, isFinal: false);
        fixture.Advance(6 * LedgerFixture.Second);
        fixture.Restart();
        Commit(fixture, session, reservation, 150, 0, isFinal: false);
        fixture.Restart();

        Commit(fixture, session, reservation, 400, 0);

        AssertSettled(fixture, session, 400 * PerInput, 400);
    }

    [Fact]
    public void Items_and_bills_of_a_whole_are_settled_once()
    {
        var fixture = new LedgerFixture(catalog => catalog.Skus.Add(
            new Sku { Id = "page", Unit = "page", Cost = new Money { CurrencyCode = "USD", Nanos = 10 } }));
        long session = fixture.Open();
        long searched = Hold(fixture, session, 1000, 0);
        long billed = Hold(fixture, session, 1000, 0);
        Commit(fixture, session, searched, 10, 0, isFinal: false, request => AddPages(request, 2));
        Commit(fixture, session, searched, 20, 0, change: request => AddPages(request, 3));
        Commit(fixture, session, billed, 10, 0, isFinal: false, request => request.BilledCost = Nanos(500));
        Commit(fixture, session, billed, 20, 0, change: request => request.BilledCost = Nanos(900));

        AssertSettled(fixture, session, (20 * PerInput) + 30 + 900, 40);
    }

    [Fact]
    public void A_count_below_one_in_dispute_settles_nothing()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 10, 0);
        ReservationSettled lie = Commit(fixture, session, reservation, 100_000, 0, isFinal: false);
        Assert.True(lie.Disputed);

        ReservationSettled lower = Commit(fixture, session, reservation, 10, 0);

        Assert.Equal((0, 0, false), (lower.CostNanos, lower.Tokens, lower.Cumulative));
        Assert.Equal(10 * PerInput, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
        Assert.Equal(100_000 * PerInput, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    [Fact]
    public void The_whole_of_many_reports_is_bound_like_one_call()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 10, 0);
        for (int report = 1; report <= 5; report++)
            Assert.False(Commit(fixture, session, reservation, 300 * report / 2, 0, isFinal: false).Disputed);

        Assert.False(Commit(fixture, session, reservation, 1000, 0).Disputed);
    }

    [Fact]
    public void That_it_is_the_whole_is_content_of_the_request()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = Hold(fixture, session, 1000, 0);
        Commit(fixture, session, reservation, 10, 0, isFinal: false, request => request.RequestId = "one");

        Answer other = fixture.Commit(session, reservation, 10, 0, request =>
        {
            request.RequestId = "one";
            request.Final = false;
        });

        Assert.Equal(Outcome.KeyReused, other.Outcome);
    }

    private static long Hold(
        LedgerFixture fixture, long session, long input, long output, Action<ReserveTokensRequest>? change = null) =>
        fixture.Hold(session, request =>
        {
            request.Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = output };
            change?.Invoke(request);
        });

    private static ReservationSettled Commit(
        LedgerFixture fixture,
        long session,
        long reservation,
        long input,
        long output,
        bool isFinal = true,
        Action<CommitTokensRequest>? change = null)
    {
        Answer answer = fixture.Commit(session, reservation, input, output, request =>
        {
            request.Cumulative = true;
            request.Final = isFinal;
            change?.Invoke(request);
        });
        return answer.Event!.ReservationSettled;
    }

    private static IEnumerable<(TokenBucket Bucket, long Tokens, long Nanos)> LinesOf(IEnumerable<ChargeLine> lines) =>
        lines.Select(line => (line.Bucket, line.Tokens, line.CostNanos));

    private static void AddPages(CommitTokensRequest request, long count) =>
        request.Usage.Items.Add(new CountedItem { Sku = "page", Count = count });

    private static Money Nanos(int nanos) => new() { CurrencyCode = "USD", Nanos = nanos };

    private static void AssertSettled(LedgerFixture fixture, long session, long nanos, long tokens)
    {
        foreach (GrainBalance account in fixture.Path(session))
        {
            Assert.Equal((nanos, tokens), (LedgerFixture.Nanos(account.Settled), account.SettledTokens));
            Assert.Equal(0, LedgerFixture.Nanos(account.Held));
        }
    }
}
