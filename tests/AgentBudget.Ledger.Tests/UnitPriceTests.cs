using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using static AgentBudget.Ledger.Tests.LedgerFixture;

namespace AgentBudget.Ledger.Tests;

/// <summary>Models that are billed by seconds, images, pixels, characters, queries and requests.</summary>
public sealed class UnitPriceTests
{
    private const long MillionthsOfOne = 1_000_000; // A rate of so many nanos per million is a nano for one.

    [Theory]
    [InlineData("second", 100_000, 90, 61)]
    [InlineData("input_image", 1_315_000, 3, 2)]
    [InlineData("pixel", 19, 1_048_576, 786_432)]
    [InlineData("character", 125, 4_000, 4_100)]
    [InlineData("query", 2_000_000, 1, 1)]
    [InlineData("web_search", 0, 5, 5)]
    public void A_unit_of_a_model_is_held_and_charged_at_its_rate(string unit, long nanos, long held, long used)
    {
        LedgerFixture ledger = Make((unit, nanos * MillionthsOfOne));
        long session = ledger.Open();

        ReservationHeld hold = Hold(ledger, session, unit, held);
        ReservationSettled settled = Commit(ledger, session, hold, unit, used);

        Assert.Equal(nanos * held, hold.CostNanos);
        Assert.Equal(nanos * used, settled.CostNanos);
        Assert.Equal(new ItemCost { Sku = unit, Count = used, CostNanos = nanos * used }, settled.ItemCosts.Items[0]);
        Assert.Empty(settled.UnpricedItems);
    }

    [Fact]
    public void A_part_of_a_nano_is_held_as_a_whole_one_and_charged_half_to_even()
    {
        LedgerFixture ledger = Make(("pixel", 500_000));
        long session = ledger.Open();

        ReservationHeld hold = Hold(ledger, session, "pixel", 5);

        Assert.Equal(3, hold.CostNanos);
        Assert.Equal(2, Commit(ledger, session, hold, "pixel", 5).CostNanos);
        Assert.Equal(2, Commit(ledger, session, Hold(ledger, session, "pixel", 3), "pixel", 3).CostNanos);
    }

    [Fact]
    public void Above_a_threshold_a_unit_costs_what_that_says_of_it_and_else_the_ordinary()
    {
        LedgerFixture ledger = Make(("image", 100 * MillionthsOfOne), ("second", 10 * MillionthsOfOne));
        ledger.Change(catalog => catalog.Prices[1].LongContext = new LongContext
        {
            AboveTokens = 128_000,
            Rates = new Rates { Input = 0 },
            Units = { new UnitRate { Unit = "image", Rate = 200 * MillionthsOfOne } },
        });
        ledger.Change(catalog => catalog.Prices[1].Rates.Input = 0);
        long session = ledger.Open();

        Assert.Equal(1_000 + 100, CostOf(128_000));
        Assert.Equal(2_000 + 100, CostOf(128_001));

        long CostOf(long input) => ledger.Commit(
            session, ledger.Hold(session), input, 0, request => request.Usage.Items.Add(
                [Item("image", 10), Item("second", 10)])).Event!.ReservationSettled.CostNanos;
    }

    [Fact]
    public void A_models_own_rate_stands_before_the_sku_of_that_name()
    {
        LedgerFixture ledger = Make(("web_search", 25_000_000 * MillionthsOfOne));
        ledger.Change(catalog => catalog.Skus.Add(new Sku { Id = "web_search", Cost = Catalogs.Dollars(0.01m) }));
        long session = ledger.Open();

        long own = Commit(ledger, session, Hold(ledger, session, "web_search", 2), "web_search", 2).CostNanos;
        ReservationHeld other = ledger.Reserve(session, request =>
        {
            request.Model = Sonnet;
            request.Estimate = new TokenEstimate { MaxOutputTokens = 0, Items = { Item("web_search", 2) } };
        }).Event!.ReservationHeld;

        Assert.Equal((50_000_000L, 20_000_000L), (own, other.CostNanos));
    }

    [Fact]
    public void Every_call_of_a_model_with_a_fee_is_one_request_charged_once()
    {
        LedgerFixture ledger = Make(("request", 5_000_000 * MillionthsOfOne));
        long session = ledger.Open();

        LedgerEvent hold = ledger.Reserve(session).Event!;
        ReservationSettled first = Part(1000, 0, isFinal: false);
        ReservationSettled second = Part(0, 500, isFinal: false);
        ReservationSettled last = Part(0, 500, isFinal: true);

        Assert.Equal(11_000_000, hold.ReservationHeld.CostNanos);
        Assert.Equal(6_000_000, first.CostNanos);
        Assert.Equal(
            new ItemCost { Sku = "request", Count = 1, CostNanos = 5_000_000 }, Assert.Single(first.ItemCosts.Items));
        Assert.Equal((2_500_000L, 2_500_000L), (second.CostNanos, last.CostNanos));
        Assert.Null(last.ItemCosts);

        ReservationSettled Part(long input, long output, bool isFinal) => ledger.Commit(
            session, hold.Sequence, input, output, request => request.Final = isFinal).Event!.ReservationSettled;
    }

    [Fact]
    public void A_call_that_used_nothing_was_made_all_the_same_and_one_that_says_its_requests_pays_those()
    {
        LedgerFixture ledger = Make(("request", 5_000_000 * MillionthsOfOne));
        long session = ledger.Open();

        Assert.Equal(5_000_000, ledger.Commit(session, ledger.Hold(session), 0, 0).Event!.ReservationSettled.CostNanos);
        Assert.Equal(15_000_000, ledger.Commit(
            session, ledger.Hold(session), 0, 0, request => request.Usage.Items.Add(Item("request", 3)))
            .Event!.ReservationSettled.CostNanos);
        ledger.Release(session, ledger.Hold(session));
        Assert.Equal(20_000_000, ledger.Journal.Sum(recorded => recorded.ReservationSettled?.CostNanos ?? 0));
    }

    [Fact]
    public void A_cumulative_commit_takes_the_fee_back_with_the_rest_and_charges_it_again()
    {
        LedgerFixture ledger = Make(("request", 5_000_000 * MillionthsOfOne));
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Commit(session, reservation, 1000, 0, request => request.Final = false);

        ReservationSettled whole = ledger.Commit(
            session, reservation, 1000, 1000, request => request.Cumulative = true).Event!.ReservationSettled;

        Assert.Equal((11_000_000L, 6_000_000L), (whole.CostNanos, whole.ExpiryCharge.CostNanos));
    }

    [Fact]
    public void An_estimate_whose_time_ran_out_has_its_units_and_its_fee_and_the_commit_takes_them_back()
    {
        LedgerFixture ledger = Make(("request", 5_000_000 * MillionthsOfOne), ("second", 1000 * MillionthsOfOne));
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request =>
        {
            request.Estimate = new TokenEstimate { MaxOutputTokens = 0, Items = { Item("second", 60) } };
            request.OnExpiry = OnExpiry.Charge;
        });
        ledger.Advance(700 * Second);
        ReservationSettled expired = ledger.Journal[^1].ReservationSettled;

        ReservationSettled late = ledger.Commit(
            session, reservation, 0, 0, request => request.Usage.Items.Add(Item("second", 30)))
            .Event!.ReservationSettled;

        Assert.Equal(5_060_000, expired.CostNanos);
        Assert.Equal(["second", "request"], expired.ItemCosts.Items.Select(item => item.Sku));
        Assert.Equal((5_030_000L, 5_060_000L), (late.CostNanos, late.ExpiryCharge.CostNanos));
    }

    [Fact]
    public void A_hold_that_moves_to_another_model_has_that_ones_units()
    {
        LedgerFixture ledger = Make(("request", 5_000_000 * MillionthsOfOne));
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        ReservationAmended amended =
            ledger.Amend(session, reservation, request => request.Model = Sonnet).Event!.ReservationAmended;
        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 0, request => request.Model = Haiku).Event!.ReservationSettled;

        Assert.Equal(18_000_000, amended.CostNanos);
        Assert.Equal(6_000_000, settled.CostNanos);
    }

    [Fact]
    public void Where_unpriced_items_are_refused_a_unit_of_the_model_is_priced_and_a_request_never_unpriced()
    {
        LedgerFixture ledger = Make(("image", 100 * MillionthsOfOne));
        ledger.Change(catalog => catalog.RefuseUnpricedItems = true);
        long session = ledger.Open();

        Assert.Equal(Reason.Unspecified, RefusalOf(Haiku, "image"));
        Assert.Equal(Reason.UnknownPrice, RefusalOf(Sonnet, "image"));
        Assert.Equal(Reason.Unspecified, RefusalOf(Sonnet, "request"));

        Reason RefusalOf(string model, string unit) => ledger.RefusalOf(session, request =>
        {
            request.Model = model;
            request.Estimate = new TokenEstimate { MaxOutputTokens = 0, Items = { Item(unit, 1) } };
        });
    }

    [Fact]
    public void Of_a_model_that_has_units_alone_tokens_are_not_held_and_when_told_cost_nothing()
    {
        LedgerFixture ledger = Make(("second", 1000 * MillionthsOfOne));
        ledger.Change(catalog => catalog.Prices[1].Rates = null);
        long session = ledger.Open();

        Assert.Equal(Reason.UnknownPrice, ledger.RefusalOf(session));
        ReservationHeld hold = Hold(ledger, session, "second", 60);
        ReservationSettled settled = ledger.Commit(
            session, ledger.Journal[^1].Sequence, 300, 20, request => request.Usage.Items.Add(Item("second", 60)))
            .Event!.ReservationSettled;

        Assert.Equal((60_000L, 60_000L, 320L), (hold.CostNanos, settled.CostNanos, settled.Tokens));
        Assert.All(settled.Lines, line => Assert.Equal((0L, 0L), (line.CostNanos, line.Rate)));
    }

    [Fact]
    public void Units_are_rated_again_with_their_calls()
    {
        LedgerFixture ledger = Make(("request", 1_000_000 * MillionthsOfOne), ("second", 1000 * MillionthsOfOne));
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Commit(session, reservation, 0, 0, request =>
        {
            request.Final = false;
            request.Usage.Items.Add(Item("second", 10));
        });
        ledger.Commit(session, reservation, 0, 0, request => request.Usage.Items.Add(Item("second", 10)));
        ledger.Change(catalog => Set(catalog, ("request", 3_000_000 * MillionthsOfOne), ("second", MillionthsOfOne)));
        var rating = new SpendRating(0, long.MaxValue, priceVersion: 2);
        foreach (LedgerEvent recorded in ledger.Journal) rating.Learn(recorded);
        foreach (LedgerEvent recorded in ledger.Journal) rating.Rate(recorded);

        RatedSpend rated = Assert.Single(rating.Finish().Differences);

        Assert.Equal((1_020_000L, 3_000_020L), (rated.SettledNanos, rated.ReratedNanos));
    }

    [Theory]
    [InlineData("prices[1].units.second", -1)]
    [InlineData("prices[1].units.second", 1_000_000_000_000_000_001)]
    [InlineData("prices[1].units.second", 1, "second")]
    [InlineData("prices[1].units[0].unit", 1, "image", "a second")]
    public void A_rate_of_a_unit_that_is_none_is_refused_and_named(
        string field, long rate, string? other = null, string unit = "second")
    {
        var ledger = new LedgerFixture();

        Answer answer = ledger.Change(catalog =>
        {
            Set(catalog, (unit, rate));
            if (other is not null) catalog.Prices[1].Units.Add(new UnitRate { Unit = other, Rate = 1 });
        });

        Assert.Equal(field, Assert.Single(answer.Faults!).Field);
    }

    [Fact]
    public void A_price_has_a_rate_of_tokens_or_of_a_unit_and_at_most_32_of_these()
    {
        var ledger = new LedgerFixture();

        Answer none = ledger.Change(catalog => catalog.Prices[1].Rates = new Rates());
        Answer many = ledger.Change(
            catalog => Set(catalog, [.. Enumerable.Range(0, 33).Select(unit => ($"u{unit}", 1L))]));

        Assert.Equal("prices[1].rates", Assert.Single(none.Faults!).Field);
        Assert.Equal("prices[1].units", Assert.Single(many.Faults!).Field);
    }

    private static LedgerFixture Make(params (string Unit, long Rate)[] units) => new(catalog => Set(catalog, units));

    private static void Set(Catalog catalog, params (string Unit, long Rate)[] units)
    {
        catalog.Prices[1].Units.Clear();
        foreach ((string unit, long rate) in units)
            catalog.Prices[1].Units.Add(new UnitRate { Unit = unit, Rate = rate });
    }

    private static CountedItem Item(string unit, long count) => new() { Sku = unit, Count = count };

    private static ReservationHeld Hold(LedgerFixture ledger, long session, string unit, long count)
    {
        Answer answer = ledger.Reserve(session, request =>
            request.Estimate = new TokenEstimate { MaxOutputTokens = 0, Items = { Item(unit, count) } });
        return answer.Event!.ReservationHeld;
    }

    private static ReservationSettled Commit(
        LedgerFixture ledger, long session, ReservationHeld hold, string unit, long count)
    {
        long reservation = ledger.Journal.Last(held => held.ReservationHeld is not null).Sequence;
        Assert.Equal(hold, ledger.Journal[(int)reservation - 1].ReservationHeld);
        return ledger.Commit(session, reservation, 0, 0, request => request.Usage.Items.Add(Item(unit, count)))
            .Event!.ReservationSettled;
    }
}
