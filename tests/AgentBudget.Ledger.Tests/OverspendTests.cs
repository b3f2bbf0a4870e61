using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>What a period spends above its limit is taken from the next, where the catalog says so.</summary>
public sealed class OverspendTests
{
    private const string Agent = "agents/writer";

    [Fact]
    public void Fifteen_of_ten_today_leave_five_tomorrow()
    {
        LedgerFixture fixture = TenADay();
        Overspend(fixture, 15);

        fixture.Advance(LedgerFixture.Day);

        GrainBalance balance = fixture.Balance(Agent);
        Assert.Equal((5, 5, -5), (Dollars(balance.Limit), Dollars(balance.Available), Dollars(balance.Carried)));
        Assert.Equal(-5_000_000_000, fixture.Journal.Last(e => e.PeriodEnded?.Grain == Agent).PeriodEnded.CarriedNanos);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(fixture.Open(), Asks(6)));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(fixture.Open(), Asks(5)));
    }

    [Fact]
    public void An_overspend_above_the_next_limit_is_taken_until_nothing_is_left_of_it()
    {
        LedgerFixture fixture = TenADay();
        Overspend(fixture, 38);

        long[] limits = new long[5];
        for (int day = 0; day < limits.Length; day++)
        {
            fixture.Advance(LedgerFixture.Day);
            limits[day] = Dollars(fixture.Balance(Agent).Limit);
            fixture.Restart();
        }

        Assert.Equal([0, 0, 2, 10, 10], limits);
    }

    [Fact]
    public void Without_the_rule_nothing_is_taken_and_ending_it_forgives()
    {
        LedgerFixture fixture = TenADay();
        Overspend(fixture, 15);
        fixture.Advance(LedgerFixture.Day);

        fixture.Change(catalog => catalog.Agents[0].Budget.CarryOverspend = false);

        Assert.Equal(10, Dollars(fixture.Balance(Agent).Limit));
        Overspend(fixture, 15);
        fixture.Advance(LedgerFixture.Day);
        Assert.Equal(10, Dollars(fixture.Balance(Agent).Limit));
    }

    [Theory]
    [InlineData(15, 5)]
    [InlineData(10, 10)]
    [InlineData(4, 16)]
    public void Unused_and_overspent_are_carried_side_by_side(long spent, long limit)
    {
        LedgerFixture fixture = TenADay(budget => budget.Rollover = new Rollover());
        Overspend(fixture, spent);

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(limit, Dollars(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void What_an_extension_allowed_is_no_overspend()
    {
        LedgerFixture fixture = TenADay();
        fixture.Extend(Agent, amount: 3);
        Overspend(fixture, 15);

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(8, Dollars(fixture.Balance(Agent).Limit));
    }

    [Theory]
    [InlineData(0, 10)]
    [InlineData(2, 8)]
    public void A_limit_that_was_lowered_under_what_was_spent_is_owed_as_far_as_it_was_spent(long spent, long limit)
    {
        LedgerFixture fixture = TenADay();
        Overspend(fixture, spent);
        fixture.Extend(Agent, limit: 0);
        fixture.Extend(Agent, amount: 1);
        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(1));
        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(10));
        fixture.Extend(Agent, limit: 0);

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(limit, Dollars(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void Tokens_above_their_limit_are_taken_too()
    {
        LedgerFixture fixture = TenADay(budget =>
        {
            budget.Limit = null;
            budget.Tokens = 10_000;
        });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 14_000, 0);

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal((6_000, -4_000), (fixture.Balance(Agent).LimitTokens, fixture.Balance(Agent).CarriedTokens));
    }

    [Theory]
    [InlineData(Period.None)]
    [InlineData(Period.Rolling)]
    public void Overspend_needs_a_period_that_ends(Period period)
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Agents[0].Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(1),
            Period = period,
            Rolling = period == Period.Rolling ? new() { Seconds = 3600 } : null,
            CarryOverspend = true,
        });

        Assert.Equal("agents[0].budget.carry", Assert.Single(answer.Faults!).Field);
    }

    private static LedgerFixture TenADay(Action<Protocol.V1.Budget>? change = null) => new(catalog =>
    {
        catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(1000);
        var budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(10),
            Period = Period.Day,
            CarryOverspend = true,
        };
        change?.Invoke(budget);
        catalog.Agents[0].Budget = budget;
    });

    // Holds little and uses more: the money is spent.
    private static void Overspend(LedgerFixture fixture, long dollars)
    {
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Asks(1)), dollars * 1_000_000, 0);
    }

    private static Action<ReserveTokensRequest> Asks(long dollars) =>
        request => request.Estimate = Catalogs.Input(dollars * 1_000_000);

    private static long Dollars(Money money) => LedgerFixture.Nanos(money) / 1_000_000_000;
}
