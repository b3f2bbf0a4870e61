using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Who may delegate to whom stands in the catalog, and a budget that is held whole is told.</summary>
public sealed class DelegationTests
{
    private const string Other = "agents/forecaster";
    private const string Forecast = "useCases/forecast";

    [Theory]
    [InlineData("agents/forecaster", "useCases/promo", Outcome.AgentNotDelegated)]
    [InlineData("agents/writer", "useCases/forecast", Outcome.UseCaseNotDelegated)]
    [InlineData("agents/forecaster", "useCases/forecast", Outcome.AgentNotDelegated)]
    [InlineData("agents/nobody", "useCases/promo", Outcome.AgentNotFound)]
    [InlineData("agents/writer", "useCases/promo", Outcome.Done)]
    [InlineData("", "", Outcome.Done)]
    public void Where_the_catalog_says_nothing_a_session_delegates_to_its_own_agent_and_use_case(
        string agent, string useCase, Outcome outcome)
    {
        LedgerFixture fixture = Fixture(delegates: null);

        Assert.Equal(outcome, OpenBelow(fixture, agent, useCase).Outcome);
    }

    [Fact]
    public void Agents_and_use_cases_that_the_catalog_names_are_delegated_to()
    {
        LedgerFixture fixture = Fixture(new Delegates { Agents = { "forecaster" }, UseCases = { "forecast" } });
        Assert.Equal(Outcome.Done, OpenBelow(fixture, Other, Forecast).Outcome);

        fixture = Fixture(new Delegates { Agents = { "forecaster" } });
        Assert.Equal(Outcome.UseCaseNotDelegated, OpenBelow(fixture, Other, Forecast).Outcome);
        Assert.Equal(Outcome.Done, OpenBelow(fixture, Other, "useCases/promo").Outcome);
    }

    [Fact]
    public void Delegation_is_of_the_parents_agent_and_not_handed_on()
    {
        LedgerFixture fixture = Fixture(new Delegates { Agents = { "forecaster" } });
        long child = fixture.OpenBelow(fixture.Open(), request => request.Agent = Other);

        Answer back = fixture.TryOpenBelow(child, request => request.Agent = "agents/writer");

        Assert.Equal(Outcome.AgentNotDelegated, back.Outcome);
    }

    [Fact]
    public void A_catalog_delegates_to_what_it_names()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog =>
            catalog.Agents[0].Delegates = new Delegates { Agents = { "nobody" }, UseCases = { "nothing" } });

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal(
            ["agents[0].delegates.agents[0]", "agents[0].delegates.useCases[0]"],
            answer.Faults!.Select(fault => fault.Field));
    }

    [Fact]
    public void A_shared_budget_that_one_hold_takes_whole_is_told_before_anything_is_spent()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        ReservationHeld whole = fixture.Reserve(
            session, request => request.Estimate = Catalogs.Input(1_000_000)).Event!.ReservationHeld;

        Assert.Equal(
            [("useCases/promo", 50), ("useCases/promo", 80)],
            whole.TiersHeld.Select(notice => (notice.Grain, notice.AtPercent)));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
    }

    [Fact]
    public void What_settled_spend_has_told_is_not_told_of_holds_and_a_change_of_a_hold_tells_too()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long first = fixture.Hold(session, request => request.Estimate = Catalogs.Input(600_000));
        Answer settled = fixture.Commit(session, first, 600_000, 0);
        Assert.Equal(50, settled.Event!.ReservationSettled.TiersCrossed[0].AtPercent);

        long second = fixture.Hold(session, request => request.Estimate = Catalogs.Input(100_000));
        Answer amended = fixture.Amend(session, second, request => request.Estimate = Catalogs.Input(300_000));

        Assert.Empty(fixture.Journal[^2].ReservationHeld.TiersHeld);
        Assert.Equal([80], amended.Event!.ReservationAmended.TiersHeld.Select(notice => notice.AtPercent));
    }

    private static Answer OpenBelow(LedgerFixture fixture, string agent, string useCase) =>
        fixture.TryOpenBelow(fixture.Open(), request => (request.Agent, request.UseCase) = (agent, useCase));

    private static LedgerFixture Fixture(Delegates? delegates) => new(catalog =>
    {
        catalog.UseCases.Add(new UseCase { Id = "forecast", BusinessUnit = "marketing" });
        catalog.Agents[0].UseCases.Add("forecast");
        Agent other = catalog.Agents[0].Clone();
        other.Id = "forecaster";
        catalog.Agents.Add(other);
        catalog.Agents[0].Delegates = delegates;
    });
}
