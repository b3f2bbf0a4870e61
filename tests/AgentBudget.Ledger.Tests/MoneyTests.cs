using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class MoneyTests
{
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(1, 0, 1_000_000_000)]
    [InlineData(0, 18_750_000, 18_750_000)]
    [InlineData(-2, -5, -2_000_000_005)]
    [InlineData(9_223_372_036, 854_775_807, long.MaxValue)]
    public void Money_is_nanos_of_one_currency(long units, int nanos, long expected)
    {
        Assert.True(MoneyMath.TryToNanos(new Money { Units = units, Nanos = nanos }, out long actual));
        Assert.Equal(expected, actual);
        Assert.Equal(
            new Money { CurrencyCode = "USD", Units = units, Nanos = nanos }, MoneyMath.ToMoney(expected, "USD"));
    }

    [Theory]
    [InlineData(0, 1_000_000_000)]
    [InlineData(0, -1_000_000_000)]
    [InlineData(0, int.MinValue)]
    [InlineData(1, -1)]
    [InlineData(-1, 1)]
    [InlineData(9_223_372_036, 854_775_808)]
    [InlineData(long.MaxValue, 0)]
    [InlineData(long.MinValue, 0)]
    public void Money_that_does_not_fit_or_has_two_signs_is_unreadable(long units, int nanos) =>
        Assert.False(MoneyMath.TryToNanos(new Money { Units = units, Nanos = nanos }, out _));

    // A rate of 1 is one nano per million tokens.
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(1, 999_999, 1)]
    [InlineData(1, 1_000_000, 1)]
    [InlineData(1, 1_000_001, 2)]
    [InlineData(18_750_000, 1, 19)]
    [InlineData(0, 1_000_000_000_000, 0)]
    public void Holds_round_up(long rate, long count, long expected) =>
        Assert.Equal(expected, Price(rate, count, Rounding.Up));

    // 0.01875 per million tokens.
    [Theory]
    [InlineData(1_000_000, 18_750_000)]
    [InlineData(160_000_000, 3_000_000_000)]
    [InlineData(800, 15_000)]
    public void A_price_is_nanos_per_million_units(long count, long expected)
    {
        Assert.Equal(expected, Price(18_750_000, count, Rounding.Up));
        Assert.Equal(expected, Price(18_750_000, count, Rounding.HalfToEven));
    }

    [Theory]
    [InlineData(1, 499_999, 0)]
    [InlineData(1, 500_000, 0)]
    [InlineData(1, 500_001, 1)]
    [InlineData(1, 1_500_000, 2)]
    [InlineData(1, 2_500_000, 2)]
    [InlineData(1, 2_500_001, 3)]
    [InlineData(1, 3_500_000, 4)]
    public void Settlements_round_half_to_even(long rate, long count, long expected) =>
        Assert.Equal(expected, Price(rate, count, Rounding.HalfToEven));

    [Fact]
    public void Every_line_is_rounded_on_its_own()
    {
        var card = new RateCard(new Rates { Input = 1, Output = 1, CacheRead = 1 }, fallback: null, 1_000_000);
        Tokens tokens = new Tokens() with { Input = 1, Output = 1, CacheRead = 1 };

        Assert.True(card.TryPrice(tokens, Rounding.Up, out long up));
        Assert.True(card.TryPrice(tokens, Rounding.HalfToEven, out long half));

        Assert.Equal(3, up);
        Assert.Equal(0, half);
    }

    // 10^12 tokens at 9,000,000 nanos per million: the product needs 63 bits and more, the line fits.
    [Theory]
    [InlineData(9_000_000, 1_000_000_000_000, 9_000_000_000_000)]
    [InlineData(9_223_372, 1_000_000_000_000, 9_223_372_000_000)]
    [InlineData(9_223_373, 1_000_000_000_000, 9_223_373_000_000)]
    [InlineData(1_000_000_000_000_000, 9_223_372_036, 9_223_372_036_000_000_000)]
    [InlineData(999_999_999_999_999, 9_223_372_036, 9_223_372_035_999_990_777)]
    public void Products_beyond_64_bits_are_exact(long rate, long count, long expected)
    {
        Int128 product = (Int128)rate * count;

        Assert.Equal(expected, Price(rate, count, Rounding.HalfToEven));
        Assert.Equal((long)((product + 999_999) / 1_000_000), Price(rate, count, Rounding.Up));
    }

    [Fact]
    public void Both_ways_of_multiplying_agree_around_63_bits()
    {
        // 3,037,000,500 is the root of 2^63: counts around it take the one way or the other.
        for (long count = 3_037_000_490; count < 3_037_000_510; count++)
        {
            Int128 product = (Int128)count * count;
            (Int128 whole, Int128 rest) = Int128.DivRem(product, 1_000_000);
            bool isUp = rest > 500_000 || (rest == 500_000 && Int128.IsOddInteger(whole));

            Assert.Equal((long)whole + (isUp ? 1 : 0), Price(count, count, Rounding.HalfToEven));
            Assert.Equal((long)whole + (rest > 0 ? 1 : 0), Price(count, count, Rounding.Up));
        }
    }

    [Fact]
    public void A_line_or_a_sum_beyond_64_bits_has_no_price()
    {
        const long Highest = 1_000_000_000_000_000;
        var card = new RateCard(new Rates { Input = Highest, Output = Highest }, fallback: null, 1_000_000);
        Tokens line = new Tokens() with { Input = 9_223_372_037 };
        Tokens sum = new Tokens() with { Input = 5_000_000_000, Output = 5_000_000_000 };

        Assert.False(card.TryPrice(line, Rounding.Up, out _));
        Assert.False(card.TryPrice(sum, Rounding.HalfToEven, out _));
    }

    [Fact]
    public void An_overflow_refuses_before_any_change()
    {
        var fixture = new LedgerFixture(catalog => catalog.Prices[0].Rates.Output = 1_000_000_000_000_000);
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.Model = LedgerFixture.Haiku);
        byte[] before = fixture.Ledger.Snapshot();

        Answer reserved = fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { MaxOutputTokens = 10_000_000_000 };
        });
        Answer committed = fixture.Commit(
            session, reservation, 0, 10_000_000_000, request => request.Model = LedgerFixture.Sonnet);

        Assert.Equal(Outcome.AmountOverflow, reserved.Outcome);
        Assert.Equal(Outcome.AmountOverflow, committed.Outcome);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_charge_beyond_64_bits_by_itself_is_refused_before_any_change()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Budget = null;
            catalog.Prices[0].Rates.Output = 1_000_000_000_000_000;
            catalog.Skus.Add(new Sku { Id = "planet", Cost = Catalogs.Dollars(900_000_000) });
        });
        long session = fixture.Open();
        long[] reservations = [fixture.Hold(session), fixture.Hold(session)];
        Answer Commit(long reservation) => fixture.Commit(
            session, reservation, 0, 10_000_000_000, request => request.Model = LedgerFixture.Sonnet);
        Answer Record(double quantity) => fixture.Send(new RecordCostCommand(
            session,
            new RecordCostRequest { RequestId = fixture.NextRequestId(), Sku = "planet", Quantity = quantity }));
        Assert.Equal(Outcome.Done, Record(1).Outcome);
        byte[] before = fixture.Ledger.Snapshot();

        Assert.Equal(Outcome.AmountOverflow, Commit(reservations[1]).Outcome);
        Assert.Equal(Outcome.AmountOverflow, Record(1_000_000_000).Outcome);
        Assert.Equal(Outcome.AmountOverflow, fixture.Amend(session, reservations[1], request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { MaxOutputTokens = 10_000_000_000 };
        }).Outcome);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Theory]
    [InlineData(1_000_001, 10_000_010_500_000)]
    [InlineData(1_000_003, 10_000_030_500_002)]
    public void Halves_of_products_beyond_63_bits_go_to_the_even_neighbour(long count, long expected) =>
        Assert.Equal(expected, Price(rate: 10_000_000_500_000, count, Rounding.HalfToEven));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(1_000_000_001)]
    [InlineData(0.0000001)]
    [InlineData(1.0000001)]
    public void A_quantity_is_above_0_has_a_bound_and_at_most_six_decimals(double quantity) =>
        Assert.False(QuantityMath.TryToMillionths(quantity, out _));

    [Fact]
    public void A_quantity_is_counted_in_millionths()
    {
        Assert.True(QuantityMath.TryToMillionths(0.000001, out long least));
        Assert.True(QuantityMath.TryToMillionths(1_000_000_000, out long most));
        Assert.Equal((1, 1_000_000_000_000_000), (least, most));
    }

    private static long Price(long rate, long count, Rounding rounding)
    {
        var card = new RateCard(new Rates { Input = rate }, fallback: null, 1_000_000);
        Assert.True(card.TryPrice(new Tokens() with { Input = count }, rounding, out long nanos));
        return nanos;
    }
}
