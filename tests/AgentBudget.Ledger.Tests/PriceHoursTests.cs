using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Prices by the hour of the week in a zone, and by the region for many models at once.</summary>
public sealed class PriceHoursTests
{
    private const long Haiku = 6_000_000; // 1,000 tokens in and 1,000 out.

    [Theory]
    [InlineData("2026-11-19T00:59:59Z", 1)] // Thursday, 08:59:59 in Shanghai.
    [InlineData("2026-11-19T01:00:00Z", 2)]
    [InlineData("2026-11-19T09:59:59Z", 2)]
    [InlineData("2026-11-19T10:00:00Z", 1)]
    [InlineData("2026-11-21T03:00:00Z", 1)] // Saturday.
    [InlineData("2026-11-22T17:00:00Z", 1)] // Monday, 01:00 in Shanghai.
    [InlineData("2026-11-23T01:00:00Z", 2)]
    public void A_model_costs_double_on_working_hours_of_its_providers_zone(string time, int factor)
    {
        LedgerFixture fixture = Fixture(WorkingHours());
        fixture.Now = At(time);
        long session = fixture.Open();

        Assert.Equal(factor * Haiku, fixture.Reserve(session).Event!.ReservationHeld.CostNanos);
    }

    [Theory]
    [InlineData("2027-03-14T06:30:00Z", 2)] // 01:30 in New York, where 02:00 to 03:00 does not come.
    [InlineData("2027-03-14T07:30:00Z", 1)] // 03:30.
    [InlineData("2027-11-07T05:30:00Z", 2)] // 01:30, the first time ...
    [InlineData("2027-11-07T06:30:00Z", 2)] // ... and the second.
    [InlineData("2027-11-07T08:00:00Z", 1)]
    public void Hours_are_those_of_the_wall_clock_also_where_it_changes(string time, int factor)
    {
        var hours = new PriceHours { TimeZone = "America/New_York" };
        hours.Spans.Add(new PriceSpan { FromMinute = 60, ToMinute = 180, MultiplierPpm = 2_000_000 });
        var fixture = new LedgerFixture(catalog => catalog.Prices[1].Hours = hours);
        fixture.Now = At(time);

        Assert.Equal(factor * Haiku, fixture.Reserve(fixture.Open()).Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_span_past_midnight_belongs_to_the_day_that_it_begins_on()
    {
        var hours = new PriceHours { TimeZone = "UTC" };
        hours.Spans.Add(new PriceSpan { Weekdays = { 7 }, FromMinute = 22 * 60, ToMinute = 120, MultiplierPpm = 0 });
        LedgerFixture fixture = Fixture(hours);
        fixture.Now = At("2026-11-22T21:59:59Z"); // Sunday.
        Assert.Equal(Haiku, Cost(fixture));
        fixture.Now = At("2026-11-23T01:59:00Z");
        Assert.Equal(0, Cost(fixture));
        fixture.Now = At("2026-11-23T02:00:00Z");
        Assert.Equal(Haiku, Cost(fixture));
        fixture.Now = At("2026-11-23T23:00:00Z");
        Assert.Equal(Haiku, Cost(fixture));
    }

    [Fact]
    public void A_call_is_settled_by_the_hour_that_it_was_held_in()
    {
        LedgerFixture fixture = Fixture(WorkingHours());
        fixture.Now = At("2026-11-19T09:59:59Z");
        long session = fixture.Open();
        long dear = fixture.Hold(session);
        fixture.Advance(2 * LedgerFixture.Second);
        long cheap = fixture.Hold(session);

        Assert.Equal(2 * Haiku, fixture.Commit(session, dear, 1000, 1000).Event!.ReservationSettled.CostNanos);
        Assert.Equal(Haiku, fixture.Commit(session, cheap, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void Rates_of_an_hour_stand_in_for_the_ordinary_ones_and_all_multipliers_make_one_product()
    {
        var hours = new PriceHours { TimeZone = "UTC" };
        hours.Spans.Add(new PriceSpan
        {
            ToMinute = 1440,
            MultiplierPpm = 1_500_000,
            Rates = new Rates { Input = 3 },
        });
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Prices[1].Hours = hours;
            catalog.Prices[1].BatchMultiplierPpm = 500_000;
            catalog.Prices[1].Rates.Output = 7;
            catalog.RegionalMultipliers.Add(Region("eu", "claude-*", 1_100_000));
        });
        long session = fixture.Open();

        long cost = fixture.Reserve(session, request =>
        {
            request.Region = "eu";
            request.ServiceTier = ServiceTier.Batch;
            request.Estimate = new TokenEstimate { InputTokens = 1_000_000, MaxOutputTokens = 1_000_000 };
        }).Event!.ReservationHeld.CostNanos;

        // 3 × 1.5 × 0.5 × 1.1 = 2.475 and 7 × 0.825 = 5.775, each to a whole rate once.
        Assert.Equal(2 + 6, cost);
    }

    [Theory]
    [InlineData("eu", 1_100_000)]
    [InlineData("us", 1_000_000)]
    [InlineData("", 1_000_000)]
    [InlineData("own", 2_000_000)]
    public void A_region_pays_its_multiplier_where_the_model_has_no_price_of_it(string region, long ppm)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            Price own = catalog.Prices[1].Clone();
            own.Region = "own";
            own.Rates.Input *= 2;
            own.Rates.Output *= 2;
            catalog.Prices.Add(own);
            catalog.RegionalMultipliers.Add(Region("eu", LedgerFixture.Haiku, 1_100_000));
            catalog.RegionalMultipliers.Add(Region("eu", "*", 9_000_000));
            catalog.RegionalMultipliers.Add(Region("own", "*", 9_000_000));
            catalog.RegionalMultipliers.Add(Region("us", "gpt-*", 9_000_000));
        });
        long session = fixture.Open();

        Answer held = fixture.Reserve(session, request => request.Region = region);
        fixture.Restart();

        Assert.Equal(Haiku * ppm / 1_000_000, held.Event!.ReservationHeld.CostNanos);
        Answer again = fixture.Reserve(session, request => request.Region = region);
        Assert.Equal(held.Event.ReservationHeld.CostNanos, again.Event!.ReservationHeld.CostNanos);
    }

    [Fact]
    public void A_change_of_a_multiplier_or_of_an_hour_is_a_new_version_of_the_book()
    {
        var fixture = new LedgerFixture();
        Assert.Equal(2, Version(catalog => catalog.RegionalMultipliers.Add(Region("eu", "*", 1_000_000))));
        Assert.Equal(3, Version(catalog => catalog.Prices[0].Hours = WorkingHours()));
        Assert.Equal(3, Version(catalog => catalog.UseCases[0].Class = "other"));

        long Version(Action<Catalog> change) => fixture.Change(change).Event!.CatalogApplied.PriceVersion;
    }

    [Fact]
    public void Hours_that_overlap_are_refused_with_both_places()
    {
        PriceHours hours = WorkingHours();
        hours.Spans.Add(new PriceSpan { Weekdays = { 2 }, FromMinute = 17 * 60, ToMinute = 600, MultiplierPpm = 1 });

        Fault fault = Assert.Single(Faults(hours));

        Assert.Equal("prices[1].hours.spans[1]", fault.Field);
        Assert.Contains("spans[0]", fault.Description, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("zone", "Mars/Olympus", 0, 60, 1, 1L)]
    [InlineData("spans[0].from", "UTC", -1, 60, 1, 1L)]
    [InlineData("spans[0].from", "UTC", 0, 1441, 1, 1L)]
    [InlineData("spans[0].days", "UTC", 0, 60, 8, 1L)]
    [InlineData("spans[0].multiplier", "UTC", 0, 60, 1, 10_000_001L)]
    [InlineData("spans[0].multiplier", "UTC", 0, 60, 1, -1L)]
    public void Hours_that_are_none_are_refused_with_their_place(
        string place, string zone, int from, int to, int day, long ppm)
    {
        var hours = new PriceHours { TimeZone = zone };
        hours.Spans.Add(
            new PriceSpan { Weekdays = { day }, FromMinute = from, ToMinute = to, MultiplierPpm = ppm });

        Assert.Equal("prices[1].hours." + place, Assert.Single(Faults(hours)).Field);
    }

    private static IReadOnlyList<Fault> Faults(PriceHours hours)
    {
        Answer answer = new LedgerFixture().Change(catalog => catalog.Prices[1].Hours = hours);
        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        return answer.Faults!;
    }

    private static LedgerFixture Fixture(PriceHours hours) => new(catalog => catalog.Prices[1].Hours = hours);

    private static PriceHours WorkingHours()
    {
        var hours = new PriceHours { TimeZone = "Asia/Shanghai" };
        hours.Spans.Add(new PriceSpan
        {
            Weekdays = { 1, 2, 3, 4, 5 },
            FromMinute = 9 * 60,
            ToMinute = 18 * 60,
            MultiplierPpm = 2_000_000,
        });
        return hours;
    }

    private static RegionalMultiplier Region(string region, string models, long ppm) =>
        new() { Region = region, Models = models, MultiplierPpm = ppm };

    private static long Cost(LedgerFixture fixture) =>
        fixture.Reserve(fixture.Open()).Event!.ReservationHeld.CostNanos;

    private static long At(string time) => Tenants.LogTime.FromTimestamp(
        Google.Protobuf.WellKnownTypes.Timestamp.FromDateTimeOffset(
            DateTimeOffset.Parse(time, System.Globalization.CultureInfo.InvariantCulture)));
}
