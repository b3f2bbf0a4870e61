using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Prices that rise with the length of the context, at several thresholds.</summary>
public sealed class ContextTests
{
    [Theory]
    [InlineData(32_000, 32_000 * 1_200)]
    [InlineData(32_001, 32_001 * 2_400)]
    [InlineData(128_000, 128_000 * 2_400)]
    [InlineData(128_001, 128_001 * 3_000)]
    [InlineData(252_001, 252_001L * 3_000)]
    public void A_request_pays_the_rates_of_the_highest_threshold_that_it_is_above(long input, long costNanos)
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        ReservationHeld held = ledger.Reserve(
            session, request => request.Estimate = Catalogs.Input(input)).Event!.ReservationHeld;
        ReservationSettled settled = ledger.Commit(
            session, ledger.Hold(session), input, 0).Event!.ReservationSettled;

        Assert.Equal((costNanos, costNanos), (held.CostNanos, settled.CostNanos));
    }

    [Theory]
    [InlineData(1000, 6_000)]
    [InlineData(40_000, 6_000)]
    [InlineData(130_000, 15_000)]
    public void A_rate_that_a_threshold_does_not_name_is_the_ordinary_one(long input, long outputNanos)
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        long one = ledger.Commit(session, ledger.Hold(session), input, 1000).Event!.ReservationSettled.CostNanos;
        long other = ledger.Commit(session, ledger.Hold(session), input, 2000).Event!.ReservationSettled.CostNanos;

        Assert.Equal(outputNanos * 1000, other - one);
    }

    [Fact]
    public void A_threshold_that_is_not_above_the_one_before_is_refused_by_name()
    {
        LedgerFixture ledger = Make();

        Answer refused = ledger.Change(catalog => catalog.Prices[1].LongerContexts[0].AboveTokens = 32_000);

        Assert.Equal("prices[1].longContext[1].above", Assert.Single(refused.Faults!).Field);
    }

    [Fact]
    public void Another_threshold_is_another_version_of_the_prices()
    {
        LedgerFixture ledger = Make();

        Answer applied = ledger.Change(catalog => catalog.Prices[1].LongerContexts.RemoveAt(0));

        Assert.Equal(2, applied.Event!.CatalogApplied.PriceVersion);
    }

    private static LedgerFixture Make() => new(catalog =>
    {
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(50);
        Price price = Catalogs.Price(LedgerFixture.Haiku, input: 1.2m, output: 6);
        price.LongContext = Above(32_000, new Rates { Input = 2_400_000_000 });
        price.LongerContexts.Add(Above(128_000, new Rates { Input = 3_000_000_000, Output = 15_000_000_000 }));
        catalog.Prices[1] = price;
    });

    private static LongContext Above(long tokens, Rates rates) => new() { AboveTokens = tokens, Rates = rates };
}
