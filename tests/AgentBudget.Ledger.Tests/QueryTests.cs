using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class QueryTests
{
    private sealed record UnknownCommand : Command;

    [Fact]
    public void A_command_without_a_handler_is_a_bug_and_not_an_outcome() =>
        Assert.Throws<ArgumentException>(() => new LedgerFixture().Send(new UnknownCommand()));

    [Fact]
    public void Sessions_are_listed_as_far_as_the_caller_owns_them()
    {
        var fixture = new LedgerFixture();
        fixture.Open();
        var request = new ListSessionsRequest();
        int Listed(params string[] owned) =>
            ((ListSessionsResponse)fixture.Send(new SessionsQuery(request, owned)).View!).Sessions.Count;

        Assert.Equal(1, Listed("agents/writer"));
        Assert.Equal(1, Listed("agents/other", "useCases/promo"));
        Assert.Equal(1, Listed("businessUnits/marketing"));
        Assert.Equal(0, Listed("agents/other", "tenants/acme"));
        Assert.Equal(0, Listed());
    }

    [Fact]
    public void Reads_never_expire_anything_of_their_own_time()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Hold(session);
        byte[] before = fixture.Ledger.Snapshot();

        fixture.Path(session);
        fixture.Session(session);
        fixture.Sessions();
        fixture.Balance("tenants/acme");
        fixture.Send(new SpendSnapshotQuery(new SpendFilter()));

        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void The_balance_of_a_session_lists_its_path_from_session_to_tenant()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        Assert.Equal(
            [$"sessions/s{session}", "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme"],
            fixture.Path(session).Select(account => account.Grain));
        Assert.Equal(fixture.Path(session)[0], fixture.Balance($"sessions/s{session}"));
    }

    [Fact]
    public void A_balance_says_limit_settled_held_left_tier_and_reset()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(0.01m),
            Tokens = 10_000,
            Period = Period.Month,
        });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 500);
        fixture.Hold(session, request => request.Estimate = Catalogs.Input(1500));

        GrainBalance balance = fixture.Balance("useCases/promo");

        Assert.Equal(10_000_000, LedgerFixture.Nanos(balance.Limit));
        Assert.Equal(11_000_000, LedgerFixture.Nanos(balance.HardCap));
        Assert.Equal(3_500_000, LedgerFixture.Nanos(balance.Settled));
        Assert.Equal(1_500_000, LedgerFixture.Nanos(balance.Held));
        Assert.Equal(6_000_000, LedgerFixture.Nanos(balance.Available));
        Assert.Equal(0, LedgerFixture.Nanos(balance.Overrun));
        Assert.Equal(
            (10_000, 1500, 1500, 8000),
            (balance.LimitTokens, balance.SettledTokens, balance.HeldTokens, balance.AvailableTokens));
        Assert.Equal(50, balance.Tier);
        Assert.Equal(new DateTime(2026, 11, 30, 23, 0, 0), balance.ResetTime.ToDateTime());
    }

    [Fact]
    public void The_balance_of_what_is_not_there_is_not_found()
    {
        var fixture = new LedgerFixture();

        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, "agents/none")).Outcome);
        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, "")).Outcome);
        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, "sessions/s99")).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Send(new BalanceQuery(99, "")).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Send(new SessionQuery(99)).Outcome);
    }

    [Fact]
    public void Sessions_are_listed_newest_first_page_by_page()
    {
        var fixture = new LedgerFixture();
        long[] opened = [.. Enumerable.Range(0, 5).Select(_ => fixture.Open())];
        var listed = new List<string>();
        string token = "";
        int pages = 0;
        do
        {
            ListSessionsResponse page = fixture.Sessions(request =>
            {
                request.PageSize = 2;
                request.PageToken = token;
            });
            listed.AddRange(page.Sessions.Select(session => session.Session_));
            token = page.NextPageToken;
            pages++;
        }
        while (token.Length > 0);

        Assert.Equal(opened.Reverse().Select(Names.Session), listed);
        Assert.Equal(3, pages);
    }

    [Fact]
    public void Sessions_are_listed_by_agent_use_case_and_state()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases.Add(new UseCase { Id = "other", BusinessUnit = "marketing" });
            catalog.Agents[0].UseCases.Add("other");
            Agent second = catalog.Agents[0].Clone();
            second.Id = "second";
            catalog.Agents.Add(second);
        });
        long first = fixture.Open();
        long other = fixture.Open(request => request.UseCase = "useCases/other");
        long second = fixture.Open(request => request.Agent = "agents/second");
        fixture.End(first);
        string[] List(Action<ListSessionsRequest> filter) =>
            [.. fixture.Sessions(filter).Sessions.Select(session => session.Session_)];

        Assert.Equal([Names.Session(other), Names.Session(first)], List(request => request.Agent = "agents/writer"));
        Assert.Equal([Names.Session(other)], List(request => request.UseCase = "useCases/other"));
        Assert.Equal([Names.Session(first)], List(request => request.State = Session.Types.State.Ended));
        Assert.Equal(
            [Names.Session(second), Names.Session(other)], List(request => request.State = Session.Types.State.Open));
        Assert.Empty(List(request => request.Agent = "agents/none"));
    }

    [Fact]
    public void A_snapshot_of_spend_is_of_the_accounts_that_the_filter_names_and_says_its_sequence()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Hold(session);

        var all = (SpendSnapshot)fixture.Send(new SpendSnapshotQuery(new SpendFilter())).View!;
        var some = (SpendSnapshot)fixture.Send(new SpendSnapshotQuery(new SpendFilter
        {
            Session = $"sessions/s{session}",
            BusinessUnit = "businessUnits/marketing",
            UseCase = "useCases/none",
        })).View!;

        Assert.Equal("tenants/acme", Assert.Single(all.Grains).Grain);
        Assert.Equal(fixture.Ledger.Sequence, all.Sequence);
        Assert.Equal([$"sessions/s{session}", "businessUnits/marketing"], some.Grains.Select(account => account.Grain));
        Assert.All(some.Grains, account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Held)));
    }

    [Theory]
    [InlineData("sessions/s17", 17)]
    [InlineData("sessions/s9223372036854775807", long.MaxValue)]
    public void A_session_name_is_read_exactly_as_it_is_written(string name, long number)
    {
        Assert.True(Names.TryParseSession(name, out long parsed));
        Assert.Equal(number, parsed);
        Assert.Equal(name, Names.Session(number));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("sessions/s")]
    [InlineData("sessions/s0")]
    [InlineData("sessions/s017")]
    [InlineData("sessions/s-1")]
    [InlineData("sessions/s+1")]
    [InlineData("sessions/s 1")]
    [InlineData("sessions/s1 ")]
    [InlineData("sessions/S1")]
    [InlineData("sessions/s9223372036854775808")]
    [InlineData("sessions/s１")]
    public void Any_other_session_name_is_unreadable(string? name) => Assert.False(Names.TryParseSession(name, out _));
}
