using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>Periods that begin at a day or time of their own, and hours.</summary>
public sealed class AnchoredPeriodTests
{
    private static readonly PeriodAnchor Fifteenth = new() { Day = 15 };
    private static readonly PeriodAnchor LastDay = new() { Day = 31 };
    private static readonly PeriodAnchor Afternoon = new() { Minute = (13 * 60) + 40 };
    private static readonly PeriodAnchor Skipped = new() { Minute = (2 * 60) + 30 };
    private static readonly PeriodAnchor Wednesday = new() { Weekday = 3 };
    private static readonly PeriodAnchor April = new() { Month = 4, Day = 6 };
    private static readonly PeriodAnchor LeapDay = new() { Month = 2, Day = 29 };

    // Berlin is UTC+1 in winter and UTC+2 from 2026-03-29 01:00 to 2026-10-25 01:00 UTC.
    public static TheoryData<Period, PeriodAnchor?, string, string, string, string> Periods() => new()
    {
        { Period.Month, Fifteenth, "UTC", "2026-11-18T10:00:00Z", "2026-11-15T00:00:00Z", "2026-12-15T00:00:00Z" },
        { Period.Month, Fifteenth, "UTC", "2026-11-14T23:59:59Z", "2026-10-15T00:00:00Z", "2026-11-15T00:00:00Z" },
        {
            Period.Month, Fifteenth, "Asia/Tokyo",
            "2026-11-14T15:00:00Z", "2026-11-14T15:00:00Z", "2026-12-14T15:00:00Z"
        },
        { Period.Month, LastDay, "UTC", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z" },
        { Period.Month, LastDay, "UTC", "2026-02-27T12:00:00Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z" },
        { Period.Month, LastDay, "UTC", "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z" },
        { Period.Month, LastDay, "UTC", "2026-04-30T12:00:00Z", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z" },
        { Period.Day, Afternoon, "UTC", "2026-11-18T13:39:59Z", "2026-11-17T13:40:00Z", "2026-11-18T13:40:00Z" },
        { Period.Day, Afternoon, "UTC", "2026-11-18T13:40:00Z", "2026-11-18T13:40:00Z", "2026-11-19T13:40:00Z" },
        {
            Period.Day, Afternoon, "Europe/Berlin",
            "2026-03-29T10:00:00Z", "2026-03-28T12:40:00Z", "2026-03-29T11:40:00Z"
        },
        {
            Period.Day, Afternoon, "Asia/Kathmandu",
            "2026-11-18T08:00:00Z", "2026-11-18T07:55:00Z", "2026-11-19T07:55:00Z"
        },
        {
            Period.Day, Skipped, "Europe/Berlin",
            "2026-03-29T01:10:00Z", "2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z"
        },
        {
            Period.Day, Skipped, "Europe/Berlin",
            "2026-03-29T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"
        },
        {
            Period.Day, Skipped, "Europe/Berlin",
            "2026-10-25T00:10:00Z", "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z"
        },
        {
            Period.Day, Skipped, "Europe/Berlin",
            "2026-10-25T01:10:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"
        },
        { Period.Week, Wednesday, "UTC", "2026-11-18T00:00:00Z", "2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z" },
        { Period.Week, Wednesday, "UTC", "2026-11-17T23:00:00Z", "2026-11-11T00:00:00Z", "2026-11-18T00:00:00Z" },
        {
            Period.Week, Wednesday, "Europe/Berlin",
            "2026-10-24T10:00:00Z", "2026-10-20T22:00:00Z", "2026-10-27T23:00:00Z"
        },
        {
            Period.Week, new PeriodAnchor { Weekday = 7 }, "UTC",
            "2026-11-18T00:00:00Z", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"
        },
        { Period.Year, April, "UTC", "2026-11-18T00:00:00Z", "2026-04-06T00:00:00Z", "2027-04-06T00:00:00Z" },
        { Period.Year, April, "Europe/London", "2026-04-05T22:59:59Z", "2025-04-05T23:00:00Z", "2026-04-05T23:00:00Z" },
        { Period.Year, LeapDay, "UTC", "2027-03-01T00:00:00Z", "2027-02-28T00:00:00Z", "2028-02-29T00:00:00Z" },
        { Period.Hour, null, "UTC", "2026-11-18T10:59:59Z", "2026-11-18T10:00:00Z", "2026-11-18T11:00:00Z" },
        { Period.Hour, null, "Asia/Kathmandu", "2026-11-18T10:20:00Z", "2026-11-18T10:15:00Z", "2026-11-18T11:15:00Z" },
        { Period.Hour, null, "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z" },
        { Period.Quarter, null, "UTC", "2026-11-18T10:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z" },
    };

    [Theory]
    [MemberData(nameof(Periods))]
    public void A_period_begins_and_ends_at_its_own_time(
        Period period, PeriodAnchor? anchor, string zone, string at, string start, string end)
    {
        var rule = new Protocol.V1.Budget { Period = period, Anchor = anchor };
        TimeZoneInfo place = TimeZoneInfo.FindSystemTimeZoneById(zone);

        Assert.Equal(Nanos(end), PeriodCalendar.EndAfter(rule, place, Nanos(at)));
        Assert.Equal(Nanos(start), PeriodCalendar.StartOf(rule, place, Nanos(at)));
    }

    [Theory]
    [MemberData(nameof(Periods))]
    public void Periods_follow_each_other_without_a_gap_for_two_years(
        Period period, PeriodAnchor? anchor, string zone, string at, string start, string end)
    {
        var rule = new Protocol.V1.Budget { Period = period, Anchor = anchor };
        TimeZoneInfo place = TimeZoneInfo.FindSystemTimeZoneById(zone);
        Assert.True(Nanos(start) <= Nanos(at) && Nanos(at) < Nanos(end));
        long last = Nanos(end) + (2 * 366 * LedgerFixture.Day);
        for (long now = Nanos(end); now < last;)
        {
            long next = PeriodCalendar.EndAfter(rule, place, now);
            Assert.True(next > now);
            Assert.Equal(now, PeriodCalendar.StartOf(rule, place, now));
            Assert.Equal(now, PeriodCalendar.StartOf(rule, place, next - 100));
            Assert.Equal(next, PeriodCalendar.EndAfter(rule, place, next - 100));
            now = next;
        }
    }

    [Fact]
    public void A_budget_of_an_hour_starts_again_with_the_hour()
    {
        LedgerFixture fixture = WithAgentBudget(new() { Period = Period.Hour });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        Assert.Equal(
            Reason.AgentBudget, fixture.RefusalOf(session, request => request.Estimate = Catalogs.Input(5000)));

        fixture.Advance(3599 * LedgerFixture.Second);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        fixture.Advance(LedgerFixture.Second);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
        Assert.Equal("hour", fixture.Balance("agents/writer").Window);
    }

    [Fact]
    public void An_anchored_budget_is_named_by_its_anchor_and_ends_there()
    {
        LedgerFixture fixture = WithAgentBudget(new() { Period = Period.Month, Anchor = Fifteenth });
        GrainBalance balance = fixture.Balance("agents/writer");

        Assert.Equal("month:15", balance.Window);
        Assert.Equal(Nanos("2026-12-14T23:00:00Z"), LogTime.FromTimestamp(balance.ResetTime));
        fixture.Advance(Nanos("2026-12-14T23:00:00Z") - fixture.Now);
        Assert.Equal(
            Nanos("2027-01-14T23:00:00Z"), LogTime.FromTimestamp(fixture.Balance("agents/writer").ResetTime));
    }

    [Theory]
    [InlineData(Period.Day, 0, 0, 0, 820, "day:13:40")]
    [InlineData(Period.Day, 0, 0, 0, 5, "day:00:05")]
    [InlineData(Period.Week, 0, 0, 3, 0, "week:wednesday")]
    [InlineData(Period.Month, 0, 15, 0, 0, "month:15")]
    [InlineData(Period.Year, 4, 6, 0, 0, "year:04-06")]
    [InlineData(Period.Hour, 0, 0, 0, 0, null)]
    [InlineData(Period.Quarter, 0, 15, 0, 0, null)]
    [InlineData(Period.None, 0, 1, 0, 0, null)]
    [InlineData(Period.Month, 0, 32, 0, 0, null)]
    [InlineData(Period.Month, 1, 15, 0, 0, null)]
    [InlineData(Period.Week, 0, 0, 8, 0, null)]
    [InlineData(Period.Day, 0, 0, 0, 1440, null)]
    [InlineData(Period.Year, 2, 30, 0, 0, null)]
    [InlineData(Period.Year, 13, 1, 0, 0, null)]
    public void An_anchor_is_of_its_periods_kind(
        Period period, int month, int day, int weekday, int minute, string? name)
    {
        var anchor = new PeriodAnchor { Month = month, Day = day, Weekday = weekday, Minute = minute };
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Agents[0].Budget =
            new Protocol.V1.Budget { Limit = Catalogs.Dollars(1), Period = period, Anchor = anchor });

        Assert.Equal(name is null ? Outcome.CatalogInvalid : Outcome.Done, answer.Outcome);
        if (name is not null) Assert.Equal(name, fixture.Balance("agents/writer").Window);
        else Assert.Equal("agents[0].budget.period", Assert.Single(answer.Faults!).Field);
    }

    private static LedgerFixture WithAgentBudget(Protocol.V1.Budget budget) => new(catalog =>
    {
        budget.Limit = Catalogs.Dollars(0.01m);
        catalog.Agents[0].Budget = budget;
    });

    private static long Nanos(string time) => LogTime.FromTimestamp(DateTimeOffset.Parse(time).ToTimestamp());
}
