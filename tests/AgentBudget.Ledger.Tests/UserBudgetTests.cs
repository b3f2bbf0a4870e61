using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Budgets of each end user: a default for all, exceptions by name, on any account.</summary>
public sealed class UserBudgetTests
{
    private const string Kim = "user:kim@acme.test";
    private const string Lee = "user:lee@acme.test";

    [Fact]
    public void Each_user_is_limited_apart_over_all_agents()
    {
        LedgerFixture fixture = Fixture(0.012m);
        long writer = fixture.Open();
        long other = fixture.Open(request => request.Agent = "agents/other");
        long lee = fixture.Open(request => request.OnBehalfOf = Lee);
        fixture.Hold(writer);
        fixture.Hold(other);

        ReservationRefused refused = fixture.Reserve(other).Event!.ReservationRefused;

        Assert.Equal(Reason.UserBudget, refused.Reason);
        Assert.Equal($"tenants/acme/users/{Kim}", refused.Grain);
        Assert.Equal("day", refused.Window);
        fixture.Hold(lee);
    }

    [Fact]
    public void Exceptions_by_name_have_limits_of_their_own_or_none_and_work_for_nobody_is_not_limited()
    {
        LedgerFixture fixture = Fixture(0.006m, users =>
        {
            users.Users.Add(new UserBudget { User = Lee, Budget = Day(0.012m) });
            users.Users.Add(new UserBudget { User = "boss" });
        });
        long kim = fixture.Open();
        long lee = fixture.Open(request => request.OnBehalfOf = Lee);
        long boss = fixture.Open(request => request.OnBehalfOf = "boss");
        long nobody = fixture.Open(request => (request.OnBehalfOf, request.Unattended) = ("", true));

        fixture.Hold(kim);
        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(kim));
        for (int call = 0; call < 2; call++) fixture.Hold(lee);
        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(lee));
        for (int call = 0; call < 3; call++) fixture.Hold(boss);
        for (int call = 0; call < 3; call++) fixture.Hold(nobody);
    }

    [Fact]
    public void Balances_show_the_user_of_a_session_and_one_who_is_named()
    {
        LedgerFixture fixture = Fixture(1);
        long session = fixture.Open();
        fixture.Hold(session);

        GrainBalance shown = fixture.Path(session).Single(balance => balance.Grain.EndsWith(Kim));

        Assert.Equal(6_000_000, LedgerFixture.Nanos(shown.Held));
        Assert.Equal(shown, fixture.Balance($"tenants/acme/users/{Kim}"));
        Assert.Equal(
            Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, $"tenants/acme/users/{Lee}")).Outcome);
    }

    [Fact]
    public void A_users_period_ends_for_the_user_and_what_was_spent_before_the_next_session_counts()
    {
        LedgerFixture fixture = Fixture(0.012m);
        long first = fixture.Open();
        fixture.Commit(first, fixture.Hold(first), 1000, 1000);
        fixture.End(first);
        long second = fixture.Open();
        fixture.Commit(second, fixture.Hold(second), 1000, 1000);
        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(second));

        fixture.Advance(LedgerFixture.Day);

        long third = fixture.Open();
        fixture.Hold(third);
        Assert.Contains(fixture.Journal, past => past.PeriodEnded?.Grain == $"tenants/acme/users/{Kim}");
    }

    [Fact]
    public void A_user_is_forgotten_a_month_after_the_last_session_and_not_while_something_counts()
    {
        LedgerFixture fixture = Fixture(1);
        long day = fixture.Open();
        long forever = fixture.Open(request => request.OnBehalfOf = Lee);
        fixture.Change(catalog => catalog.UserBudgets.Users.Add(new UserBudget
        {
            User = Lee,
            Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(1) },
        }));
        fixture.Commit(day, fixture.Hold(day), 1000, 1000);
        fixture.Commit(forever, fixture.Hold(forever), 1000, 1000);
        fixture.End(day);
        fixture.End(forever);

        fixture.Advance(30 * LedgerFixture.Day);
        Assert.Equal(Outcome.Done, fixture.Send(new BalanceQuery(0, $"tenants/acme/users/{Kim}")).Outcome);
        fixture.Advance(40 * LedgerFixture.Day);
        fixture.Open(request => request.OnBehalfOf = "somebody else");

        Assert.Equal(
            Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, $"tenants/acme/users/{Kim}")).Outcome);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance($"tenants/acme/users/{Lee}").Settled));
        fixture.Restart();
        Assert.Equal(Reason.UserBudget, Refused(fixture, Lee, 0.995m));
    }

    [Fact]
    public void A_limit_that_is_new_counts_what_open_sessions_hold_and_one_that_is_gone_limits_nobody()
    {
        LedgerFixture fixture = Fixture(null);
        long session = fixture.Open();
        long hold = fixture.Hold(session);

        fixture.Change(catalog => catalog.UserBudgets = new UserBudgets { Budget = Day(0.007m) });
        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(session));
        fixture.Restart();
        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(session));
        fixture.Change(catalog => catalog.UserBudgets = null);
        fixture.Hold(session);

        fixture.Commit(session, hold, 1000, 1000);
        Assert.Equal(
            Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, $"tenants/acme/users/{Kim}")).Outcome);
    }

    [Fact]
    public void A_period_that_is_changed_counts_what_the_user_spent()
    {
        LedgerFixture fixture = Fixture(1);
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.Advance(2 * LedgerFixture.Day);
        session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);

        fixture.Change(catalog => catalog.UserBudgets.Budget.Period = Period.Month);

        Assert.Equal(12_000_000, LedgerFixture.Nanos(fixture.Balance($"tenants/acme/users/{Kim}").Settled));
    }

    [Fact]
    public void A_dispute_stands_beside_the_user_and_is_credited_with_the_agent()
    {
        LedgerFixture fixture = Fixture(1, change: users => { }, catalog =>
            catalog.Agents[0].UserBudgets = new UserBudgets { Budget = Day(1) });
        long session = fixture.Open();
        Answer lie = fixture.Commit(session, fixture.Hold(session), 30_000_000, 0);
        Assert.True(lie.Event!.ReservationSettled.Disputed);
        GrainBalance during = fixture.Balance($"tenants/acme/users/{Kim}");
        Assert.Equal(30_000_000_000, LedgerFixture.Nanos(fixture.Balance($"agents/writer/users/{Kim}").Settled));

        var request = new DecideDisputeRequest
        {
            RequestId = fixture.NextRequestId(),
            Dispute = $"disputes/d{lie.Event.Sequence}",
            Decision = DisputeDecision.Dismissed,
            Reason = "typo",
        };
        fixture.Send(new DecideDisputeCommand(request, "finance"));

        Assert.Equal(30_000_000_000 - 6_000_000, LedgerFixture.Nanos(during.Disputed));
        Assert.All(
            new[] { $"tenants/acme/users/{Kim}", $"agents/writer/users/{Kim}" },
            name => Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance(name).Settled)));
    }

    [Fact]
    public void A_subagent_spends_on_its_users_budget_with_its_own_accounts()
    {
        LedgerFixture fixture = Fixture(0.012m);
        long parent = fixture.Open();
        long child = fixture.OpenBelow(parent);
        fixture.Hold(child);
        fixture.Hold(parent);

        Assert.Equal(Reason.UserBudget, fixture.RefusalOf(child));
    }

    [Fact]
    public void The_opening_says_where_a_users_first_period_ends()
    {
        LedgerFixture fixture = Fixture(1);

        SessionOpened first = fixture.TryOpen().Event!.SessionOpened;
        SessionOpened second = fixture.TryOpen().Event!.SessionOpened;

        UserWindow window = Assert.Single(first.UserWindows);
        Assert.Equal(($"tenants/acme/users/{Kim}", "day"), (window.Grain, window.Window));
        // Midnight in Berlin.
        Assert.Equal(new DateTime(2026, 11, 18, 23, 0, 0, DateTimeKind.Utc), window.EndTime.ToDateTime());
        Assert.Empty(second.UserWindows);
    }

    [Theory]
    [InlineData("", "must be 1 to 256")]
    [InlineData("twice", "is there twice")]
    public void A_user_that_is_none_is_refused_with_its_place(string user, string description)
    {
        LedgerFixture fixture = Fixture(1);

        Answer answer = fixture.Change(catalog =>
        {
            catalog.UserBudgets.Users.Add(new UserBudget { User = "twice" });
            catalog.UserBudgets.Users.Add(new UserBudget { User = user });
        });

        Fault fault = Assert.Single(answer.Faults!);
        Assert.Equal("userBudgets.users[1].user", fault.Field);
        Assert.Contains(description, fault.Description, StringComparison.Ordinal);
    }

    private static Reason Refused(LedgerFixture fixture, string user, decimal dollars)
    {
        long session = fixture.Open(request => request.OnBehalfOf = user);
        return fixture.RefusalOf(
            session, request => request.Estimate = Catalogs.Input((long)(dollars * 1_000_000)));
    }

    private static LedgerFixture Fixture(
        decimal? each, Action<UserBudgets>? change = null, Action<Catalog>? changeCatalog = null) => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        Agent other = catalog.Agents[0].Clone();
        other.Id = "other";
        catalog.Agents.Add(other);
        if (each is null) return;
        catalog.UserBudgets = new UserBudgets { Budget = Day(each.Value) };
        change?.Invoke(catalog.UserBudgets);
        changeCatalog?.Invoke(catalog);
    });

    private static Protocol.V1.Budget Day(decimal limit) =>
        new() { Limit = Catalogs.Dollars(limit), Period = Period.Day };
}
