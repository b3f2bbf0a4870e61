using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>A window whose period is new counts what its account settled since that period began.</summary>
public sealed class PeriodChangeTests
{
    private const string Agent = "agents/writer";
    private const long Hour = 3600 * LedgerFixture.Second;

    [Fact]
    public void A_budget_without_a_period_that_becomes_daily_counts_the_spend_of_today()
    {
        LedgerFixture fixture = WithAgentBudget(Period.None, dollars: 10);
        long session = LongSession(fixture);
        Spend(fixture, session, 8);
        fixture.Advance(3 * LedgerFixture.Day);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session, Asks(5)));

        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.Day);

        Assert.Equal(0, Settled(fixture));
        fixture.Restart();
        fixture.Commit(session, fixture.Hold(session, Asks(5)), 5_000_000, 0);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session, Asks(6)));
    }

    // Berlin is an hour ahead in November. The ledger starts at 11:00 there, on Wednesday the 18th.
    [Theory]
    [InlineData(Period.Hour, 1)]
    [InlineData(Period.Day, 3)]
    [InlineData(Period.Week, 7)]
    [InlineData(Period.Month, 15)]
    [InlineData(Period.Quarter, 31)]
    [InlineData(Period.Year, 63)]
    [InlineData(Period.None, 63)]
    public void A_changed_period_counts_what_was_settled_in_it(Period period, long counted)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(1_000_000);
            catalog.Agents[0].Budget = new Protocol.V1.Budget
            {
                Limit = Catalogs.Dollars(1_000_000),
                Period = Period.Rolling,
                Rolling = new Duration { Seconds = 60 },
            };
        });
        Spend(fixture, fixture.Open(), 32);                                         // 18 November, 11:00.
        At(fixture, "2027-02-10T10:00:00Z", dollars: 16);
        At(fixture, "2027-04-06T10:00:00Z", dollars: 8);
        At(fixture, "2027-04-12T10:00:00Z", dollars: 4);
        At(fixture, "2027-04-14T07:30:00Z", dollars: 2);
        At(fixture, "2027-04-14T08:50:00Z", dollars: 1);

        fixture.Change(catalog => catalog.Agents[0].Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(1_000_000),
            Period = period,
        });

        // The 31 of the quarter and of the year are without what was spent before them.
        long known = period switch
        {
            Period.Quarter => 15,
            Period.Year => 31,
            _ => counted,
        };
        Assert.Equal(known, Settled(fixture));
    }

    [Theory]
    [InlineData("UTC", "2026-12-01T00:30:00Z", "2026-11-30T23:50:00Z", 0)]
    [InlineData("Europe/Berlin", "2026-12-01T00:30:00Z", "2026-11-30T23:50:00Z", 8)]
    [InlineData("Europe/Berlin", "2026-12-20T00:30:00Z", "2026-11-30T22:50:00Z", 0)]
    [InlineData("Asia/Kolkata", "2026-12-01T20:00:00Z", "2026-11-30T18:20:00Z", 0)]
    [InlineData("Asia/Kolkata", "2026-12-01T20:00:00Z", "2026-11-30T18:31:00Z", 8)]
    [InlineData("America/New_York", "2026-12-01T20:00:00Z", "2026-12-01T04:59:00Z", 0)]
    public void Day_to_month_counts_this_month_in_the_tenants_zone(string zone, string now, string spent, long counted)
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day, 100, catalog => catalog.TimeZone = zone);
        At(fixture, spent, dollars: 8);
        Advance(fixture, now);

        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.Month);

        Assert.Equal(counted, Settled(fixture));
    }

    [Fact]
    public void A_window_beside_another_counts_what_the_ledger_knows()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Month, 100);
        Spend(fixture, fixture.Open(), 8);
        fixture.Advance(2 * LedgerFixture.Day);
        Spend(fixture, fixture.Open(), 3);

        fixture.Change(catalog => catalog.Agents[0].FurtherBudgets.Add(new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(5),
            Period = Period.Day,
        }));

        GrainBalance day = Assert.Single(fixture.Balance(Agent).Windows);
        Assert.Equal(3_000_000_000, LedgerFixture.Nanos(day.Settled));
        Assert.Equal(11, Settled(fixture));
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(fixture.Open(), Asks(3)));
    }

    [Fact]
    public void An_account_that_gets_its_first_budget_counts_what_it_spent_without_one()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(1000));
        Spend(fixture, fixture.Open(), 8);
        fixture.Advance(2 * LedgerFixture.Day);
        Spend(fixture, fixture.Open(), 3);

        fixture.Change(catalog => catalog.Agents[0].Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(5),
            Period = Period.Day,
        });

        Assert.Equal(3, Settled(fixture));
    }

    [Fact]
    public void A_window_that_begins_to_roll_counts_its_length_and_loses_it_in_time()
    {
        LedgerFixture fixture = WithAgentBudget(Period.None, 100);
        Spend(fixture, fixture.Open(), 8);
        fixture.Advance(3 * LedgerFixture.Day);
        Spend(fixture, fixture.Open(), 3);
        fixture.Advance(2 * Hour);

        fixture.Change(catalog =>
        {
            catalog.Agents[0].Budget.Period = Period.Rolling;
            catalog.Agents[0].Budget.Rolling = new Duration { Seconds = 86_400 };
        });

        Assert.Equal(3, Settled(fixture));
        fixture.Advance(21 * Hour);
        Assert.Equal(3, Settled(fixture));
        fixture.Restart();
        fixture.Advance(3 * Hour);
        Assert.Equal(0, Settled(fixture));
    }

    [Fact]
    public void A_window_that_keeps_its_name_keeps_what_it_counted()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day, 100);
        Spend(fixture, fixture.Open(), 8);

        Answer applied = fixture.Change(catalog =>
        {
            catalog.Agents[0].Budget.Limit = Catalogs.Dollars(9);
            catalog.TimeZone = "Asia/Tokyo";
        });

        Assert.Equal(8, Settled(fixture));
        Assert.All(applied.Event!.CatalogApplied.PeriodEnds, end => Assert.Null(end.StartTime));
    }

    [Fact]
    public void What_was_taken_back_is_not_counted()
    {
        LedgerFixture fixture = WithAgentBudget(Period.None, 100);
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request =>
        {
            Asks(8)(request);
            request.OnExpiry = OnExpiry.Charge;
            request.Ttl = new Duration { Seconds = 1 };
        });
        fixture.Advance(2 * Hour / 3);
        fixture.Commit(session, reservation, 2_000_000, 0);

        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.Day);

        Assert.Equal(2, Settled(fixture));
    }

    [Fact]
    public void A_limit_that_is_reached_by_what_a_new_period_counts_blocks_and_makes_no_overrun()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day, 10);
        Spend(fixture, fixture.Open(), 9);
        fixture.Advance(LedgerFixture.Day);
        Spend(fixture, fixture.Open(), 9);

        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.Month);

        Assert.Equal(18, Settled(fixture));
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(fixture.Open(), Asks(1)));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Agent).Overrun));
    }

    private static LedgerFixture WithAgentBudget(Period period, long dollars, Action<Catalog>? change = null) =>
        new(catalog =>
        {
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(1_000_000);
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(dollars), Period = period };
            catalog.Agents[0].SessionLifetime = catalog.Agents[0].SessionTtl = new Duration { Seconds = 5 * 86_400 };
            change?.Invoke(catalog);
        });

    private static long LongSession(LedgerFixture fixture) =>
        fixture.Open(request => request.Ttl = new Duration { Seconds = 5 * 86_400 });

    // A dollar is a million tokens of input.
    private static Action<ReserveTokensRequest> Asks(long dollars) =>
        request => request.Estimate = Catalogs.Input(dollars * 1_000_000);

    private static void Spend(LedgerFixture fixture, long session, long dollars) =>
        fixture.Commit(session, fixture.Hold(session, Asks(dollars)), dollars * 1_000_000, 0);

    private static void At(LedgerFixture fixture, string time, long dollars)
    {
        Advance(fixture, time);
        Spend(fixture, fixture.Open(), dollars);
    }

    private static void Advance(LedgerFixture fixture, string time) =>
        fixture.Advance(LogTime.FromTimestamp(DateTimeOffset.Parse(time).ToTimestamp()) - fixture.Now);

    private static long Settled(LedgerFixture fixture) =>
        LedgerFixture.Nanos(fixture.Balance(Agent).Settled) / 1_000_000_000;
}
