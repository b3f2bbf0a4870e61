using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>A rate of zero is a price: what costs nothing needs no money, and is still counted.</summary>
public sealed class ZeroRateTests
{
    private const string Own = "llama-own";

    [Fact]
    public void A_model_whose_rates_are_zero_is_taken_and_its_calls_cost_nothing()
    {
        var fixture = new LedgerFixture(AddOwn);
        long session = fixture.Open();

        long reservation = fixture.Hold(session, OnOwn);
        ReservationSettled settled = fixture.Commit(session, reservation, 900, 4000).Event!.ReservationSettled;

        Assert.Equal(0, settled.CostNanos);
        Assert.Equal(4900, settled.Tokens);
        Assert.Equal("", settled.PricedAs);
    }

    [Fact]
    public void A_model_without_any_rate_is_still_refused()
    {
        var fixture = new LedgerFixture();

        Answer applied = fixture.Change(catalog => catalog.Prices[0].Rates = new Rates());

        Assert.Equal("prices[0].rates", Assert.Single(applied.Faults!).Field);
    }

    [Fact]
    public void A_call_that_costs_nothing_is_allowed_at_an_exhausted_budget()
    {
        LedgerFixture fixture = Exhausted(out long session);

        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
        ReservationHeld held = fixture.Reserve(session, OnOwn).Event!.ReservationHeld;
        Assert.Equal(0, held.CostNanos);
        Assert.Equal("", held.RequestedModel);
    }

    [Fact]
    public void A_call_that_costs_nothing_is_allowed_where_no_money_is_allowed()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            AddOwn(catalog);
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(0);
            catalog.Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0) };
        });
        long session = fixture.Open();

        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session, OnOwn));
    }

    [Fact]
    public void A_call_that_costs_nothing_is_allowed_at_a_session_s_exhausted_cost()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            AddOwn(catalog);
            catalog.Agents[0].Ceilings = new Ceilings
            {
                CostPerSession = Catalogs.Dollars(0.01m),
                Run = new RunCeilings { Cost = Catalogs.Dollars(0.01m) },
            };
        });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 9000);

        Assert.Equal(Reason.SessionCeiling, fixture.RefusalOf(session));
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session, OnOwn));
    }

    [Fact]
    public void A_call_that_costs_nothing_is_refused_where_its_tokens_are_counted()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            AddOwn(catalog);
            catalog.UseCases[0].Budget = new Protocol.V1.Budget { Tokens = 1500 };
        });

        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(fixture.Open(), OnOwn));
    }

    [Fact]
    public void A_call_that_costs_nothing_is_not_moved_to_a_cheaper_model()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            AddOwn(catalog);
            catalog.UseCases[0].Downgrade[Own] = LedgerFixture.Haiku;
        });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Large), 1000, 300_000);

        ReservationHeld held = fixture.Reserve(session, OnOwn).Event!.ReservationHeld;

        Assert.Equal(Own, held.Model);
        Assert.Equal("", held.RequestedModel);
    }

    [Fact]
    public void A_tool_call_that_costs_nothing_is_recorded_at_an_exhausted_budget()
    {
        LedgerFixture fixture = Exhausted(out long session);
        var request = new RecordCostRequest { RequestId = fixture.NextRequestId(), Sku = "search.own", Quantity = 1 };

        Answer recorded = fixture.Send(new RecordCostCommand(session, request));

        Assert.Equal(0, recorded.Event!.CostRecorded.CostNanos);
    }

    [Fact]
    public void A_hold_at_an_exhausted_budget_may_move_to_the_model_that_costs_nothing()
    {
        LedgerFixture fixture = Exhausted(out long session);
        long reservation = fixture.Hold(session, OnOwn);

        Answer amended = fixture.Amend(
            session, reservation, request => request.Estimate = Catalogs.Input(9000));

        Assert.Equal(0, amended.Event!.ReservationAmended.CostNanos);
    }

    // More is spent than the hard cap of 1.10: a call used far more than was held for it.
    private static LedgerFixture Exhausted(out long session)
    {
        var fixture = new LedgerFixture(AddOwn);
        session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session, Large), 1000, 400_000);
        return fixture;
    }

    private static void AddOwn(Catalog catalog)
    {
        catalog.Prices.Add(Catalogs.Price(Own, input: 0, output: 0));
        catalog.Agents[0].Models.Add(Own);
        catalog.Tools.Add(new Tool { Id = "search.own", CostPerCall = Catalogs.Dollars(0) });
    }

    // So large that what is used above it is no lie.
    private static void Large(ReserveTokensRequest request) => request.Estimate.MaxOutputTokens = 10_000;

    private static void OnOwn(ReserveTokensRequest request) => request.Model = Own;
}
