using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class BudgetTests
{
    /// <summary>The levels that can have a budget, with the reason that each gives.</summary>
    public static TheoryData<string, Reason> Levels => new()
    {
        { "session", Reason.SessionCeiling },
        { "agents/writer", Reason.AgentBudget },
        { "useCases/promo", Reason.UseCaseBudget },
        { "businessUnits/marketing", Reason.BusinessUnitBudget },
        { "tenants/acme", Reason.TenantBudget },
    };

    // A call holds 6,000,000 nanos: two fit 12,000,000 exactly and do not fit one nano less.
    [Theory]
    [MemberData(nameof(Levels))]
    public void Money_is_granted_up_to_the_limit_and_not_one_nano_more(string level, Reason reason)
    {
        LedgerFixture exact = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.012m) });
        long session = Open(exact, level, Catalogs.Dollars(0.012m), tokens: null);
        exact.Hold(session);
        exact.Hold(session);
        Assert.Equal(reason, exact.RefusalOf(session));

        LedgerFixture short1 = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.011999999m) });
        session = Open(short1, level, Catalogs.Dollars(0.011999999m), tokens: null);
        short1.Hold(session);
        ReservationRefused refused = short1.Reserve(session).Event!.ReservationRefused;
        Assert.Equal(reason, refused.Reason);
        Assert.Equal(level == "session" ? $"sessions/s{session}" : level, refused.Grain);
        Assert.Equal(ReservationRefused.Types.Unit.Nanos, refused.Unit);
        Assert.Equal(11_999_999, refused.Limit);
        Assert.Equal(0, refused.Settled);
        Assert.Equal(6_000_000, refused.Held);
        Assert.Equal(6_000_000, refused.Requested);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Tokens_are_granted_up_to_the_limit_and_not_one_more(string level, Reason reason)
    {
        LedgerFixture exact = WithOneLimit(level, new Protocol.V1.Budget { Tokens = 4000 });
        long session = Open(exact, level, cost: null, tokens: 4000);
        exact.Hold(session);
        exact.Hold(session);
        Assert.Equal(reason, exact.RefusalOf(session));

        LedgerFixture short1 = WithOneLimit(level, new Protocol.V1.Budget { Tokens = 3999 });
        session = Open(short1, level, cost: null, tokens: 3999);
        short1.Hold(session);
        ReservationRefused refused = short1.Reserve(session).Event!.ReservationRefused;
        Assert.Equal(reason, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.Tokens, refused.Unit);
        Assert.Equal(3999, refused.Limit);
        Assert.Equal(2000, refused.Held);
        Assert.Equal(2000, refused.Requested);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Settled_and_held_both_count_against_the_limit(string level, Reason reason)
    {
        LedgerFixture fixture = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.015m) });
        long session = Open(fixture, level, Catalogs.Dollars(0.015m), tokens: null);
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.Hold(session);

        ReservationRefused refused = fixture.Reserve(session).Event!.ReservationRefused;

        Assert.Equal(reason, refused.Reason);
        Assert.Equal(6_000_000, refused.Settled);
        Assert.Equal(6_000_000, refused.Held);
        Assert.Equal(15_000_000, refused.Limit);
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_refusal_changes_no_account_of_the_path(string level, Reason reason)
    {
        LedgerFixture fixture = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.006m) });
        long session = Open(fixture, level, Catalogs.Dollars(0.006m), tokens: null);
        fixture.Hold(session);
        IReadOnlyList<GrainBalance> before = fixture.Path(session);

        Assert.Equal(reason, fixture.RefusalOf(session));

        Assert.Equal(before, fixture.Path(session));
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Recorded_overrun_makes_no_room(string level, Reason reason)
    {
        LedgerFixture fixture = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.012m) });
        long session = Open(fixture, level, Catalogs.Dollars(0.012m), tokens: null);
        fixture.Commit(session, fixture.Hold(session), 1000, 3000);

        GrainBalance balance = fixture.Path(session).Single(
            account => account.Grain == (level == "session" ? $"sessions/s{session}" : level));
        Assert.Equal(10_000_000, LedgerFixture.Nanos(balance.Overrun));
        Assert.Equal(0, LedgerFixture.Nanos(balance.Available));
        Assert.Equal(
            reason, fixture.RefusalOf(session, request => request.Estimate = Catalogs.Input(1)));
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void A_limit_of_zero_allows_nothing(string level, Reason reason)
    {
        LedgerFixture money = WithOneLimit(level, new Protocol.V1.Budget { Limit = Catalogs.Dollars(0) });
        Assert.Equal(reason, money.RefusalOf(Open(money, level, Catalogs.Dollars(0), tokens: null)));
        LedgerFixture tokens = WithOneLimit(level, new Protocol.V1.Budget { Tokens = 0 });
        Assert.Equal(reason, tokens.RefusalOf(Open(tokens, level, cost: null, tokens: 0)));
    }

    [Fact]
    public void An_absent_limit_allows_everything()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget = null);
        long session = fixture.Open();

        fixture.Hold(session, request => request.Estimate = Catalogs.Input(1_000_000_000_000));

        Assert.All(fixture.Path(session), account => Assert.Null(account.Limit));
        Assert.All(fixture.Path(session), account => Assert.Null(account.Available));
        Assert.All(fixture.Path(session), account => Assert.False(account.HasLimitTokens));
        Assert.Null(fixture.Journal[^1].ReservationHeld.Left);
    }

    [Fact]
    public void Money_and_tokens_limit_one_budget_together()
    {
        LedgerFixture fixture = WithOneLimit(
            "agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.012m), Tokens = 3999 });
        long session = fixture.Open();
        fixture.Hold(session);

        Assert.Equal(ReservationRefused.Types.Unit.Tokens, fixture.Reserve(session).Event!.ReservationRefused.Unit);
        fixture.Hold(session, request => request.Estimate = new TokenEstimate { MaxOutputTokens = 1200 });
        Assert.Equal(
            ReservationRefused.Types.Unit.Nanos,
            fixture.Reserve(session, request => request.Estimate = Catalogs.Input(1))
                .Event!.ReservationRefused.Unit);
    }

    [Fact]
    public void A_limit_changes_without_losing_usage()
    {
        LedgerFixture fixture = WithOneLimit("agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(1) });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.Hold(session);

        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(2));

        GrainBalance agent = fixture.Balance("agents/writer");
        Assert.Equal(2_000_000_000, LedgerFixture.Nanos(agent.Limit));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(agent.Settled));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(agent.Held));
        Assert.Equal(1_988_000_000, LedgerFixture.Nanos(agent.Available));
    }

    [Fact]
    public void A_limit_lowered_below_exposure_revokes_nothing_and_blocks_new_holds()
    {
        LedgerFixture fixture = WithOneLimit("agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(1) });
        long session = fixture.Open();
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);

        fixture.Change(catalog => catalog.Agents[0].Budget.Limit = Catalogs.Dollars(0.006m));

        Assert.Equal(12_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Held));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("agents/writer").Available));
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));
        fixture.Restart();
        Assert.Equal(6_000_000, fixture.Commit(session, first, 1000, 1000).Event!.ReservationSettled.CostNanos);
        fixture.Release(session, second);
        Assert.Equal(
            Reason.AgentBudget,
            fixture.RefusalOf(session, request => request.Estimate = Catalogs.Input(1)));
    }

    [Fact]
    public void A_limit_that_is_taken_away_frees_the_account_and_keeps_its_usage()
    {
        LedgerFixture fixture =
            WithOneLimit("agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.006m) });
        long session = fixture.Open();
        fixture.Hold(session);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session));

        fixture.Change(catalog => catalog.Agents[0].Budget = null);

        fixture.Hold(session);
        Assert.Equal(12_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Held));
    }

    [Fact]
    public void The_numbers_of_a_refusal_name_when_the_period_resets()
    {
        LedgerFixture fixture = WithOneLimit(
            "agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(0), Period = Period.Day });

        ReservationRefused refused = fixture.Reserve(fixture.Open()).Event!.ReservationRefused;

        Assert.Equal(new DateTime(2026, 11, 18, 23, 0, 0), refused.ResetTime.ToDateTime());
        LedgerFixture without = WithOneLimit("agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(0) });
        Assert.Null(without.Reserve(without.Open()).Event!.ReservationRefused.ResetTime);
    }

    [Fact]
    public void Roll_ups_are_the_sums_of_the_sessions()
    {
        var fixture = new LedgerFixture();
        long first = fixture.Open();
        long second = fixture.Open();
        fixture.Commit(first, fixture.Hold(first), 1000, 3000);
        fixture.Commit(second, fixture.Hold(second), 1000, 500);
        fixture.Hold(second);

        foreach (string account in
            new[] { "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme" })
        {
            GrainBalance balance = fixture.Balance(account);
            Assert.Equal(16_000_000 + 3_500_000, LedgerFixture.Nanos(balance.Settled));
            Assert.Equal(6_000_000, LedgerFixture.Nanos(balance.Held));
            Assert.Equal(10_000_000, LedgerFixture.Nanos(balance.Overrun));
            Assert.Equal(4000 + 1500, balance.SettledTokens);
        }
    }

    [Fact]
    public void What_is_left_is_that_of_the_tightest_account()
    {
        LedgerFixture fixture =
            WithOneLimit("agents/writer", new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.5m) });
        fixture.Change(
            catalog => catalog.Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.1m), Tokens = 9000 });
        long session = fixture.Open();

        Left left = fixture.Reserve(session).Event!.ReservationHeld.Left;

        Assert.Equal("tenants/acme", left.Grain);
        Assert.Equal(94_000_000, left.Nanos);
        Assert.Equal(7000, left.Tokens);
    }

    private static LedgerFixture WithOneLimit(string level, Protocol.V1.Budget budget) => new(catalog =>
    {
        catalog.UseCases[0].Budget = level == "useCases/promo" ? Capped(budget) : null;
        if (level == "agents/writer") catalog.Agents[0].Budget = budget;
        if (level == "businessUnits/marketing") catalog.BusinessUnits[0].Budget = budget;
        if (level == "tenants/acme") catalog.Budget = budget;
    });

    // A plain cap at the limit, like that of every other level.
    private static Protocol.V1.Budget Capped(Protocol.V1.Budget budget)
    {
        budget.Tiers.Add(new Tier { AtPercent = 100, Action = TierAction.Refuse });
        return budget;
    }

    private static long Open(LedgerFixture fixture, string level, Money? cost, long? tokens) => fixture.Open(request =>
    {
        if (level != "session") return;
        request.Ceilings = new Ceilings { CostPerSession = cost };
        if (tokens is not null) request.Ceilings.TokensPerSession = tokens.Value;
    });
}
