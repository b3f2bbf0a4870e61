using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Sums are of 128 bits: nobody's spend, however great, ends an account.</summary>
public sealed class WideSumTests
{
    // A hundredth of what 64 bits of nanos hold, in a currency of small units.
    private const long Rent = 92_000_000;

    [Fact]
    public void Ten_years_of_spend_in_rupiah_are_counted_and_the_next_spend_is_granted()
    {
        var fixture = new LedgerFixture(
            catalog =>
            {
                Unlimited(catalog);
                catalog.Currency = catalog.Skus[^1].Cost.CurrencyCode = "IDR";
            },
            comparesEachTurn: false);
        for (int month = 0; month < 120; month++)
        {
            long session = fixture.Open();
            for (int call = 0; call < 3; call++) Pay(fixture, session);
            fixture.End(session);
            fixture.Advance(30 * LedgerFixture.Day);
        }

        Int128 spent = (Int128)360 * Rent * MoneyMath.NanosPerUnit;
        Assert.True(spent > long.MaxValue);
        fixture.Compare();
        fixture.Restart();
        Money settled = fixture.Balance("tenants/acme").Settled;
        Assert.Equal("IDR", settled.CurrencyCode);
        Assert.Equal(spent, ((Int128)settled.Units * MoneyMath.NanosPerUnit) + settled.Nanos);
        long next = fixture.Open();
        fixture.Commit(next, fixture.Hold(next), 1, 1);
    }

    [Fact]
    public void A_period_and_a_session_that_settle_more_than_64_bits_say_so_in_their_records()
    {
        var fixture = new LedgerFixture(
            catalog =>
            {
                Unlimited(catalog);
                catalog.BusinessUnits[0].Budget = new Protocol.V1.Budget { Period = Period.Day, Tokens = 1_000_000 };
                catalog.Skus[0].Cost = new Money { CurrencyCode = "USD", Units = 9_000_000_000 };
            });
        long session = fixture.Open();
        for (int call = 0; call < 3; call++) Pay(fixture, session);
        fixture.End(session);
        fixture.Advance(LedgerFixture.Day);

        Int128 spent = (Int128)27_000_000_000 * MoneyMath.NanosPerUnit;
        PeriodEnded ended = fixture.Journal.Single(e => e.PeriodEnded is not null).PeriodEnded;
        Assert.Equal(spent, WideSum.Of(ended.SettledNanos, ended.SettledNanosHigh));
        SessionClosed closed = fixture.Journal.Single(e => e.SessionClosed is not null).SessionClosed;
        Assert.Equal(spent, WideSum.Of(closed.SettledNanos, closed.SettledNanosHigh));
    }

    [Fact]
    public void A_rolling_window_forgets_exactly_what_it_counted_beyond_64_bits()
    {
        var fixture = new LedgerFixture(
            catalog =>
            {
                Unlimited(catalog);
                catalog.Budget = new Protocol.V1.Budget
                {
                    Tokens = 1_000_000,
                    Period = Period.Rolling,
                    Rolling = new() { Seconds = 3600 },
                };
                catalog.Skus[0].Cost = new Money { CurrencyCode = "USD", Units = 9_000_000_000 };
            });
        long session = fixture.Open();
        for (int call = 0; call < 3; call++) Pay(fixture, session);
        Assert.Equal(27_000_000_000, fixture.Balance("tenants/acme").Settled.Units);
        fixture.Restart();
        fixture.Advance(2 * 3600 * LedgerFixture.Second);

        Assert.Equal(0, fixture.Balance("tenants/acme").Settled.Units);
    }

    [Fact]
    public void What_is_held_by_one_leaves_room_for_everybody_elses_holds()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            Unlimited(catalog);
            catalog.Prices[1].Rates.Input = 1_000_000_000_000_000;
        });
        long session = fixture.Open();
        for (int call = 0; call < 4; call++)
            fixture.Hold(session, request => request.Estimate = Catalogs.Input(9_000_000_000));

        Assert.Equal(36_000_000_000, fixture.Balance("tenants/acme").Held.Units);
        fixture.Hold(fixture.Open());
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(long.MaxValue, 0)]
    [InlineData(0, 1)]
    [InlineData(5, 7)]
    public void A_sum_in_two_fields_is_the_sum(long low, long high)
    {
        Int128 sum = WideSum.Of(low, high);

        Assert.Equal((low, high), (WideSum.Low(sum), WideSum.High(sum)));
        Assert.Equal(sum, low + (high * ((Int128)long.MaxValue + 1)));
    }

    private static void Unlimited(Catalog catalog)
    {
        catalog.UseCases[0].Budget = null;
        catalog.Skus.Add(new Sku
        {
            Id = "rent",
            Unit = "month",
            Cost = new Money { CurrencyCode = "USD", Units = Rent },
        });
    }

    private static void Pay(LedgerFixture fixture, long session)
    {
        var request = new RecordCostRequest { RequestId = fixture.NextRequestId(), Sku = "rent" };
        Assert.NotNull(fixture.Send(new RecordCostCommand(session, request)).Event!.CostRecorded);
    }
}
