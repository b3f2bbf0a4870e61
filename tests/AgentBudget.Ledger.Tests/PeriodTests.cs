using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

public sealed class PeriodTests
{
    // Berlin is UTC+1 in winter and UTC+2 from 2026-03-29 01:00 to 2026-10-25 01:00 UTC.
    [Theory]
    [InlineData(Period.Day, "2026-11-18T10:00:00Z", "2026-11-18T23:00:00Z")]
    [InlineData(Period.Day, "2026-11-18T22:59:59.999Z", "2026-11-18T23:00:00Z")]
    [InlineData(Period.Day, "2026-11-18T23:00:00Z", "2026-11-19T23:00:00Z")]
    [InlineData(Period.Day, "2026-07-01T10:00:00Z", "2026-07-01T22:00:00Z")]
    [InlineData(Period.Day, "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]
    [InlineData(Period.Day, "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]
    [InlineData(Period.Day, "2026-10-25T00:30:00Z", "2026-10-25T23:00:00Z")]
    [InlineData(Period.Week, "2026-11-18T10:00:00Z", "2026-11-22T23:00:00Z")]
    [InlineData(Period.Week, "2026-11-22T22:59:59Z", "2026-11-22T23:00:00Z")]
    [InlineData(Period.Week, "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z")]
    [InlineData(Period.Week, "2026-03-25T10:00:00Z", "2026-03-29T22:00:00Z")]
    [InlineData(Period.Week, "2026-12-30T10:00:00Z", "2027-01-03T23:00:00Z")]
    [InlineData(Period.Month, "2026-11-18T10:00:00Z", "2026-11-30T23:00:00Z")]
    [InlineData(Period.Month, "2026-11-30T23:30:00Z", "2026-12-31T23:00:00Z")]
    [InlineData(Period.Month, "2026-03-10T00:00:00Z", "2026-03-31T22:00:00Z")]
    [InlineData(Period.Month, "2028-02-10T00:00:00Z", "2028-02-29T23:00:00Z")]
    [InlineData(Period.Quarter, "2026-11-18T10:00:00Z", "2026-12-31T23:00:00Z")]
    [InlineData(Period.Quarter, "2026-01-01T00:00:00Z", "2026-03-31T22:00:00Z")]
    [InlineData(Period.Quarter, "2026-04-15T00:00:00Z", "2026-06-30T22:00:00Z")]
    [InlineData(Period.Quarter, "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z")]
    [InlineData(Period.Year, "2026-11-18T10:00:00Z", "2026-12-31T23:00:00Z")]
    [InlineData(Period.Year, "2026-12-31T22:59:59Z", "2026-12-31T23:00:00Z")]
    [InlineData(Period.Year, "2026-12-31T23:00:00Z", "2027-12-31T23:00:00Z")]
    public void A_period_ends_at_midnight_in_the_tenants_time_zone(Period period, string at, string end) =>
        Assert.Equal(Nanos(end), PeriodCalendar.EndAfter(new() { Period = period }, Zone("Europe/Berlin"), Nanos(at)));

    // Sao Paulo skipped the midnight of 2018-11-04; Havana had that of 2025-11-02 twice.
    [Theory]
    [InlineData("America/Sao_Paulo", "2018-11-03T12:00:00Z", "2018-11-04T03:00:00Z")]
    [InlineData("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")]
    [InlineData("America/Havana", "2025-11-01T12:00:00Z", "2025-11-02T04:00:00Z")]
    [InlineData("America/Havana", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z")]
    [InlineData("Asia/Kolkata", "2026-11-18T10:00:00Z", "2026-11-18T18:30:00Z")]
    [InlineData("UTC", "2026-11-18T10:00:00Z", "2026-11-19T00:00:00Z")]
    public void A_day_ends_once_where_its_midnight_is_skipped_or_comes_twice(string zone, string at, string end) =>
        Assert.Equal(Nanos(end), PeriodCalendar.EndAfter(new() { Period = Period.Day }, Zone(zone), Nanos(at)));

    [Theory]
    [InlineData(Period.None)]
    [InlineData(Period.Unspecified)]
    public void A_budget_without_a_period_never_starts_again(Period period)
    {
        LedgerFixture fixture = WithAgentBudget(period);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);

        fixture.Advance(800 * LedgerFixture.Day);

        Assert.DoesNotContain(fixture.Journal, entry => entry.PeriodEnded?.Grain == "agents/writer");
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        Assert.Null(fixture.Balance("agents/writer").ResetTime);
    }

    [Fact]
    public void The_end_of_a_period_is_an_event_that_says_what_was_settled()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);

        fixture.Advance(LedgerFixture.Day);

        LedgerEvent ended = fixture.Journal.Single(entry => entry.PeriodEnded is not null);
        Assert.Equal("agents/writer", ended.PeriodEnded.Grain);
        Assert.Equal(6_000_000, ended.PeriodEnded.SettledNanos);
        Assert.Equal(2000, ended.PeriodEnded.SettledTokens);
        Assert.Equal(Nanos("2026-11-18T23:00:00Z"), LogTime.FromTimestamp(ended.PeriodEnded.EndTime));
        Assert.Equal(Nanos("2026-11-19T23:00:00Z"), LogTime.FromTimestamp(ended.PeriodEnded.NextEndTime));
        Assert.Equal(ended.PeriodEnded.EndTime, ended.Time);
        Assert.Equal("", ended.RequestId);
    }

    [Fact]
    public void A_new_period_starts_with_nothing_settled_and_with_the_holds_that_stand()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day, limit: 0.012m);
        long session = OpenForTwoDays(fixture);
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 86_400 });
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));

        fixture.Advance((13 * 3600 * LedgerFixture.Second) - 1);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));
        fixture.Advance(1);

        GrainBalance agent = fixture.Balance("agents/writer");
        Assert.Equal(0, LedgerFixture.Nanos(agent.Settled));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(agent.Held));
        fixture.Hold(session);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));
    }

    [Fact]
    public void A_hold_is_charged_to_the_period_in_which_it_is_settled()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day);
        long session = OpenForTwoDays(fixture);
        long reservation = fixture.Hold(session, request => request.Ttl = new() { Seconds = 86_400 });

        fixture.Advance(14 * 3600 * LedgerFixture.Second);
        fixture.Commit(session, reservation, 1000, 1000);
        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(
            [0L, 6_000_000L],
            fixture.Journal.Where(
                entry => entry.PeriodEnded is not null).Select(entry => entry.PeriodEnded.SettledNanos));
    }

    [Fact]
    public void The_sum_of_all_periods_is_what_was_settled_over_the_life_of_the_account()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day);
        long charged = 0;
        for (int day = 0; day < 5; day++)
        {
            long session = fixture.Open();
            charged += fixture.Commit(session, fixture.Hold(session), 1000 * day, 3000 - (100 * day))
                .Event!.ReservationSettled.CostNanos;
            fixture.Advance(LedgerFixture.Day);
        }

        Assert.Equal(
            charged,
            fixture.Journal.Where(entry => entry.PeriodEnded is not null).Sum(entry => entry.PeriodEnded.SettledNanos));
        Assert.Equal(charged, LedgerFixture.Nanos(fixture.Balance("tenants/acme").Settled));
    }

    [Fact]
    public void Periods_that_passed_while_nothing_happened_each_end_at_their_own_time()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Day);

        fixture.Advance(400 * LedgerFixture.Day);

        LedgerEvent[] ends = [.. fixture.Journal.Where(entry => entry.PeriodEnded is not null)];
        Assert.Equal(400, ends.Length);
        Assert.All(ends, end => Assert.Equal(end.PeriodEnded.EndTime, end.Time));
    }

    [Fact]
    public void A_catalog_that_keeps_the_period_keeps_its_end()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Month);
        Timestamp before = fixture.Balance("agents/writer").ResetTime;
        fixture.Advance(LedgerFixture.Day);

        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(2));

        Assert.Equal(before, fixture.Balance("agents/writer").ResetTime);
    }

    [Fact]
    public void A_catalog_with_another_period_or_time_zone_moves_the_end_and_keeps_usage()
    {
        LedgerFixture fixture = WithAgentBudget(Period.Month);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);

        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.Day);
        Assert.Equal(Nanos("2026-11-18T23:00:00Z"), LogTime.FromTimestamp(fixture.Balance("agents/writer").ResetTime));
        fixture.Change(catalog => catalog.TimeZone = "UTC");
        Assert.Equal(Nanos("2026-11-19T00:00:00Z"), LogTime.FromTimestamp(fixture.Balance("agents/writer").ResetTime));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        fixture.Change(catalog => catalog.Agents[0].Budget.Period = Period.None);
        Assert.Null(fixture.Balance("agents/writer").ResetTime);
        fixture.Advance(3 * LedgerFixture.Day);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    private static LedgerFixture WithAgentBudget(Period period, decimal limit = 1) => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        catalog.Agents[0].SessionTtl = new() { Seconds = 2 * 86_400 };
        catalog.Agents[0].SessionLifetime = new() { Seconds = 2 * 86_400 };
        catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(limit), Period = period };
    });

    private static long OpenForTwoDays(LedgerFixture fixture) =>
        fixture.Open(request => request.Ttl = new() { Seconds = 2 * 86_400 });

    private static TimeZoneInfo Zone(string name) => TimeZoneInfo.FindSystemTimeZoneById(name);

    private static long Nanos(string time) =>
        LogTime.FromTimestamp(
            DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture).ToTimestamp());
}
