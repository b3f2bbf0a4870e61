using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class ExtendTests
{
    private const string Agent = "agents/writer";

    [Fact]
    public void An_extension_by_an_amount_adds_to_the_limit_and_states_the_budget_before_and_after()
    {
        LedgerFixture fixture = WithAgentBudget();
        long session = fixture.Open();
        fixture.Hold(session);

        LedgerEvent extended = fixture.Extend(Agent, amount: 0.5m).Event!;

        BudgetExtended fact = extended.BudgetExtended;
        Assert.Equal("admin", extended.Actor);
        Assert.Equal("quarter end", fact.Reason);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fact.Before.Limit));
        Assert.Equal(1_500_000_000, LedgerFixture.Nanos(fact.After.Limit));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fact.Before.Held));
        Assert.Equal(1_494_000_000, LedgerFixture.Nanos(fact.After.Available));
        Assert.Equal(fact.After, fixture.Balance(Agent));
    }

    [Fact]
    public void An_extension_to_a_limit_sets_it()
    {
        LedgerFixture fixture = WithAgentBudget();

        fixture.Extend(Agent, limit: 3);
        Assert.Equal(3_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
        fixture.Extend(Agent, amount: 1);
        Assert.Equal(4_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
        fixture.Extend(Agent, limit: 0.25m);
        Assert.Equal(250_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_in_tokens_leaves_the_money_limit_alone()
    {
        LedgerFixture fixture = WithAgentBudget();

        fixture.Extend(Agent, change: request => request.AmountTokens = 500);
        Assert.Equal(10_500, fixture.Balance(Agent).LimitTokens);
        fixture.Extend(Agent, change: request => request.LimitTokens = 7);
        Assert.Equal(7, fixture.Balance(Agent).LimitTokens);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_account_at_its_hard_cap_grants_again_once_it_is_extended()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, limit: 0.006m);
        long session = fixture.Open();
        fixture.Hold(session);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));

        fixture.Extend(Agent, amount: 0.006m);

        fixture.Hold(session);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));
    }

    [Fact]
    public void Lowering_a_limit_below_exposure_revokes_nothing_and_blocks_new_holds()
    {
        LedgerFixture fixture = WithAgentBudget();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        fixture.Extend(Agent, limit: 0);

        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Held));
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));
        Assert.Equal(6_000_000, fixture.Commit(session, reservation, 1000, 1000).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void An_extension_ends_at_its_time_with_an_event()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + (60 * LedgerFixture.Second));

        fixture.Advance((60 * LedgerFixture.Second) - 1);
        Assert.Equal(2_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
        fixture.Restart();
        fixture.Advance(1);

        Assert.Equal(Agent, fixture.Journal[^1].ExtensionExpired.Grain);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_without_a_time_ends_with_the_period()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1);

        fixture.Advance(13 * 3600 * LedgerFixture.Second);

        Assert.NotNull(fixture.Journal[^1].PeriodEnded);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_with_a_time_outlives_the_period()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + (2 * LedgerFixture.Day));

        fixture.Advance(LedgerFixture.Day);
        Assert.Equal(2_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
        fixture.Advance(LedgerFixture.Day);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_of_a_budget_without_a_period_stays()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(1) });
        fixture.Extend(Agent, amount: 1);

        fixture.Advance(400 * LedgerFixture.Day);

        Assert.Equal(2_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void A_further_extension_adds_and_its_time_replaces_the_former()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + LedgerFixture.Second);
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + (10 * LedgerFixture.Second));

        fixture.Advance(2 * LedgerFixture.Second);
        Assert.Equal(3_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
        fixture.Advance(8 * LedgerFixture.Second);
        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_survives_a_catalog_that_changes_the_limit()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1);

        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(5));

        Assert.Equal(6_000_000_000, LedgerFixture.Nanos(fixture.Balance(Agent).Limit));
    }

    [Fact]
    public void An_extension_of_an_account_that_the_catalog_removed_ends_without_a_trace()
    {
        LedgerFixture fixture = WithAgentBudget();
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + (60 * LedgerFixture.Second));

        Assert.Equal(Outcome.Done, fixture.Change(catalog => catalog.Agents.Clear()).Outcome);
        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, Agent)).Outcome);
        Assert.Equal(long.MaxValue, WithoutPeriods(fixture).Ledger.NextDeadlineNanos);
    }

    [Fact]
    public void An_extension_of_a_removed_account_ends_also_when_its_last_session_is_forgotten()
    {
        LedgerFixture fixture = WithAgentBudget();
        long session = fixture.Open();
        fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now + (5 * LedgerFixture.Day));
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);

        fixture.Change(catalog => catalog.Agents.Clear());
        fixture.Advance(40 * LedgerFixture.Day);

        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, Agent)).Outcome);
    }

    [Fact]
    public void What_cannot_be_extended_is_refused_without_effect()
    {
        LedgerFixture fixture = WithAgentBudget();
        long session = fixture.Open();
        byte[] before = fixture.Ledger.Snapshot();

        Assert.Equal(Outcome.GrainNotFound, fixture.Extend("agents/none", amount: 1).Outcome);
        Assert.Equal(Outcome.GrainNotFound, fixture.Extend($"sessions/s{session}", amount: 1).Outcome);
        Assert.Equal(Outcome.NoBudget, fixture.Extend("tenants/acme", amount: 1).Outcome);
        Assert.Equal(
            Outcome.NoBudget, fixture.Extend("useCases/promo", change: request => request.AmountTokens = 1).Outcome);
        Assert.Equal(Outcome.TimeInvalid, fixture.Extend(Agent, amount: 1, expiresAtNanos: fixture.Now).Outcome);
        Assert.Equal(
            Outcome.TimeInvalid,
            fixture.Extend(
                Agent, amount: 1, change: request => request.ExpireTime = new() { Seconds = 253_402_300_799 })
                .Outcome);
        Assert.Equal(
            Outcome.CurrencyInvalid,
            fixture.Extend(Agent, amount: 1, change: request => request.Amount.CurrencyCode = "EUR").Outcome);
        Assert.Equal(Outcome.AmountOverflow, fixture.Extend(Agent, amount: 9_223_372_036).Outcome);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void An_extension_in_another_currency_or_to_a_time_that_cannot_be_is_refused()
    {
        var fixture = new LedgerFixture();
        var euros = new Money { CurrencyCode = "EUR", Units = 1 };
        Answer Extend(Action<ExtendBudgetRequest> change) => fixture.Extend("useCases/promo", change: change);

        Answer amount = Extend(request => request.Amount = euros);
        Answer limit = Extend(request => request.Limit = euros);
        Answer longAgo = Extend(request =>
        {
            request.Amount = Catalogs.Dollars(1);
            request.ExpireTime = new() { Seconds = -62_135_596_800 };
        });

        Assert.Equal((Outcome.CurrencyInvalid, Outcome.CurrencyInvalid), (amount.Outcome, limit.Outcome));
        Assert.Equal("amount.currencyCode", Assert.Single(amount.Faults!).Field);
        Assert.Equal("limit.currencyCode", Assert.Single(limit.Faults!).Field);
        Assert.Equal(Outcome.TimeInvalid, longAgo.Outcome);
    }

    [Fact]
    public void The_highest_limit_keeps_its_caps_within_64_bits()
    {
        LedgerFixture fixture = WithAgentBudget();

        fixture.Extend("useCases/promo", limit: 9_223_372_036);

        Assert.True(LedgerFixture.Nanos(fixture.Balance("useCases/promo").HardCap) > 0);
        fixture.Hold(fixture.Open());
    }

    private static LedgerFixture WithAgentBudget() => new(catalog => catalog.Agents[0].Budget = new Protocol.V1.Budget
    {
        Limit = Catalogs.Dollars(1),
        Tokens = 10_000,
        Period = Period.Day,
    });

    private static LedgerFixture WithoutPeriods(LedgerFixture fixture)
    {
        fixture.Change(catalog => catalog.UseCases[0].Budget = null);
        return fixture;
    }
}
