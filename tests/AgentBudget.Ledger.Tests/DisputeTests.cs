using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Usage that no call can have had takes nobody's room until somebody decides about it, once.</summary>
public sealed class DisputeTests
{
    private const string Agent = "agents/writer";
    private const string UseCase = "useCases/promo";
    private const string Unit = "businessUnits/marketing";
    private const string Tenant = "tenants/acme";
    private const long Held = 6_000_000; // 1,000 tokens in and 1,000 out with Haiku.

    [Fact]
    public void One_callers_word_is_charged_to_its_session_and_agent_and_refuses_nobody_else()
    {
        LedgerFixture fixture = Fixture();
        long other = fixture.Open(request => request.Agent = "agents/other");
        long session = fixture.Open();

        ReservationSettled settled = Lie(fixture, session).Event!.ReservationSettled;

        Assert.True(settled.Disputed);
        Assert.Equal($"sessions/s{session}", settled.Suspended);
        Assert.Equal(1_000_000_000_000, settled.CostNanos);
        Assert.All(
            new[] { $"sessions/s{session}", Agent }, name => Assert.Equal(settled.CostNanos, Settled(fixture, name)));
        Assert.All(
            new[] { UseCase, Unit, Tenant },
            name => Assert.Equal(
                (Held, settled.CostNanos - Held), (Settled(fixture, name), Disputed(fixture, name))));
        fixture.Hold(other);
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
        fixture.Restart();
        fixture.Hold(other);
    }

    [Fact]
    public void A_dismissal_credits_the_session_and_the_agent_once_and_leaves_nothing_in_dispute()
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();
        Answer lie = Lie(fixture, session);

        Answer decided = Decide(fixture, lie, DisputeDecision.Dismissed, requestId: "no");
        Answer again = Decide(fixture, lie, DisputeDecision.Dismissed, requestId: "no");
        Answer other = Decide(fixture, lie, DisputeDecision.Dismissed, requestId: "other");

        Assert.Equal(decided.Event!.Sequence, again.DuplicateOf);
        Assert.Equal(Outcome.DisputeNotFound, other.Outcome);
        Assert.All(
            new[] { $"sessions/s{session}", Agent, UseCase, Unit, Tenant },
            name => Assert.Equal((Held, 0), (Settled(fixture, name), Disputed(fixture, name))));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Agent).Overrun));
        fixture.Restart();
        Assert.Equal(Outcome.DisputeNotFound, Decide(fixture, lie, DisputeDecision.Confirmed).Outcome);
    }

    [Fact]
    public void A_confirmation_settles_it_as_overrun_on_the_accounts_that_others_share_and_tells_their_tiers()
    {
        LedgerFixture fixture = Fixture(catalog =>
        {
            catalog.UseCases[0].Budget = null;
            catalog.BusinessUnits[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(5) };
        });
        long session = fixture.Open();
        Answer lie = Lie(fixture, session);
        fixture.Restart();

        DisputeDecided decided = Decide(fixture, lie, DisputeDecision.Confirmed).Event!.DisputeDecided;

        Assert.All(
            new[] { Agent, UseCase, Unit, Tenant },
            name => Assert.Equal(
                (1_000_000_000_000, 0), (Settled(fixture, name), Disputed(fixture, name))));
        Assert.Contains(decided.TiersCrossed, crossing => crossing is { Grain: Unit, AtPercent: 80 });
        Assert.Equal(1_000_000_000_000 - Held, LedgerFixture.Nanos(fixture.Balance(Tenant).Overrun));
        long other = fixture.Open(request => request.Agent = "agents/other");
        Assert.Equal(Reason.BusinessUnitBudget, fixture.RefusalOf(other));
    }

    [Fact]
    public void What_a_period_no_longer_counts_is_credited_to_the_life_of_the_agent_alone()
    {
        LedgerFixture fixture = Fixture(catalog => catalog.Agents[0].Budget =
            new Protocol.V1.Budget { Limit = Catalogs.Dollars(10), Period = Period.Day });
        Answer lie = Lie(fixture, fixture.Open());
        fixture.Advance(LedgerFixture.Day);
        long next = fixture.Open();
        fixture.Commit(next, fixture.Hold(next), 1000, 1000);

        Decide(fixture, lie, DisputeDecision.Dismissed);

        Assert.Equal(Held, Settled(fixture, Agent));
        Assert.Equal(2 * Held, Settled(fixture, Tenant));
    }

    [Fact]
    public void A_rolling_window_is_credited_in_the_step_that_counted_it()
    {
        LedgerFixture fixture = Fixture(catalog => catalog.Agents[0].Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(10),
            Period = Period.Rolling,
            Rolling = new() { Seconds = 24 * 3600 },
        });
        long session = fixture.Open();
        Answer first = Lie(fixture, session);
        fixture.Advance(2 * 3600 * LedgerFixture.Second);
        Decide(fixture, first, DisputeDecision.Dismissed);
        Assert.Equal(Held, Settled(fixture, Agent));
        Answer second = Lie(fixture, fixture.Open());
        fixture.Advance(26 * 3600 * LedgerFixture.Second);
        Assert.Equal(0, Settled(fixture, Agent));

        Decide(fixture, second, DisputeDecision.Dismissed);

        Assert.Equal(0, Settled(fixture, Agent));
    }

    [Fact]
    public void A_dispute_outlives_its_session_and_what_the_catalog_named()
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();
        Answer lie = Lie(fixture, session);
        fixture.End(session);
        fixture.Advance(3 * LedgerFixture.Day);
        fixture.Change(catalog => catalog.Agents.RemoveAt(0));
        fixture.Restart();

        Assert.Equal(Outcome.Done, Decide(fixture, lie, DisputeDecision.Dismissed).Outcome);
        Assert.Equal((Held, 0), (Settled(fixture, Tenant), Disputed(fixture, Tenant)));
    }

    [Theory]
    [InlineData(1_200_000, true)]
    [InlineData(1_199_999, false)]
    public void The_models_context_and_greatest_output_are_the_bound_where_the_price_says_both(
        long output, bool isBeyond)
    {
        LedgerFixture fixture = Fixture(catalog =>
            (catalog.Prices[1].ContextTokens, catalog.Prices[1].MaxOutputTokens) = (1_000_000, 200_000));
        long session = fixture.Open();

        Answer answer = fixture.Commit(session, fixture.Hold(session), 1, output);

        Assert.Equal(isBeyond, answer.Event!.ReservationSettled.Disputed);
    }

    [Theory]
    [InlineData(199_000, false)]
    [InlineData(199_001, true)]
    public void A_hundred_times_the_hold_is_the_bound_otherwise(long output, bool isBeyond)
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();

        Answer answer = fixture.Commit(session, fixture.Hold(session), 1000, output);

        Assert.Equal(isBeyond, answer.Event!.ReservationSettled.Disputed);
    }

    [Fact]
    public void Parts_of_one_call_are_counted_together()
    {
        LedgerFixture fixture = Fixture(catalog =>
            (catalog.Prices[1].ContextTokens, catalog.Prices[1].MaxOutputTokens) = (10_000, 1000));
        long session = fixture.Open();
        long held = fixture.Hold(session);

        Assert.False(Part().Disputed);
        fixture.Restart();
        Assert.True(Part().Disputed);

        ReservationSettled Part() => fixture.Commit(
            session, held, 9000, 1000, request => request.Final = false).Event!.ReservationSettled;
    }

    [Fact]
    public void Late_parts_of_one_call_are_counted_together()
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();
        long held = fixture.Hold(session);
        fixture.Advance(700 * LedgerFixture.Second);

        Assert.False(Part().Disputed);
        fixture.Restart();
        Assert.True(Part().Disputed);

        ReservationSettled Part() => fixture.Commit(
            session, held, 0, 150_000, request => request.Final = false).Event!.ReservationSettled;
    }

    [Theory]
    [InlineData(601, true)]
    [InlineData(600, false)]
    public void Billed_money_is_bound_by_a_hundred_times_the_hold(long millionths, bool isBeyond)
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();

        Answer answer = fixture.Commit(session, fixture.Hold(session), 1, 1, request =>
            request.BilledCost = MoneyMath.ToMoney(millionths * 1_000_000, "USD"));

        Assert.Equal(isBeyond, answer.Event!.ReservationSettled.Disputed);
    }

    [Fact]
    public void Counted_items_are_bound_by_a_hundred_times_the_hold()
    {
        LedgerFixture fixture = Fixture(catalog =>
            catalog.Skus.Add(new Sku { Id = "search", Unit = "call", Cost = Catalogs.Dollars(0.01m) }));
        long session = fixture.Open();

        Assert.False(With(60).Disputed);
        Assert.True(With(61).Disputed);

        ReservationSettled With(long count) => fixture.Commit(
            session, fixture.Hold(session), 1, 1,
            request => request.Usage.Items.Add(new CountedItem { Sku = "search", Count = count }))
            .Event!.ReservationSettled;
    }

    [Fact]
    public void What_was_held_is_never_in_dispute_however_much_it_is()
    {
        LedgerFixture fixture = Fixture(catalog => catalog.UseCases[0].Budget = null);
        long session = fixture.Open();
        long held = fixture.Hold(session, request => request.Estimate = Catalogs.Input(50_000_000));

        Assert.False(fixture.Commit(session, held, 50_000_000, 0).Event!.ReservationSettled.Disputed);
    }

    [Fact]
    public void A_late_commit_is_bound_by_what_was_held_before_it_was_given_back()
    {
        LedgerFixture fixture = Fixture();
        long session = fixture.Open();
        long honest = fixture.Hold(session);
        long other = fixture.Hold(session);
        fixture.Advance(700 * LedgerFixture.Second);
        fixture.Restart();

        Assert.False(fixture.Commit(session, honest, 1000, 1500).Event!.ReservationSettled.Disputed);
        ReservationSettled late = fixture.Commit(session, other, 0, 1_000_000).Event!.ReservationSettled;
        Assert.True(late is { Disputed: true, Late: true });
        Assert.Equal(late.CostNanos, Disputed(fixture, Tenant));
    }

    [Fact]
    public void Many_lies_leave_every_account_of_the_others_where_it_was()
    {
        LedgerFixture fixture = Fixture(catalog => catalog.Agents[0].Budget = null);
        long other = fixture.Open(request => request.Agent = "agents/other");
        for (int lie = 0; lie < 20; lie++)
        {
            long session = fixture.Open();
            fixture.Commit(session, fixture.Hold(session), 0, 1, request =>
                request.BilledCost = new Money { CurrencyCode = "USD", Units = 9_000_000_000 });
        }

        Assert.Equal(180_000_000_000, fixture.Balance(Agent).Settled.Units);
        Assert.Equal(0, fixture.Balance(Tenant).Settled.Units);
        fixture.Commit(other, fixture.Hold(other), 1000, 1000);
        ListDisputesResponse page = Disputes(fixture, pageSize: 15);
        Assert.Equal(15, page.Disputes.Count);
        Assert.Equal(5, Disputes(fixture, pageSize: 15, page.NextPageToken).Disputes.Count);
        Assert.Equal(Agent, page.Disputes[0].Agent);
    }

    [Fact]
    public void Usage_in_dispute_stands_beside_a_users_budget_that_the_catalog_names_no_longer()
    {
        LedgerFixture fixture = Fixture(catalog => catalog.UserBudgets = new UserBudgets
        {
            Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(100) },
        });
        Answer first = Lie(fixture, fixture.Open());
        fixture.Change(catalog => catalog.UserBudgets = null);
        Answer second = Lie(fixture, fixture.Open());

        Decide(fixture, first, DisputeDecision.Confirmed);
        Decide(fixture, second, DisputeDecision.Dismissed);

        Assert.Equal(0, Disputed(fixture, Tenant));
        fixture.Restart();
        fixture.Change(catalog => catalog.UserBudgets = new UserBudgets
        {
            Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(100) },
        });
        fixture.Compare();
    }

    private static LedgerFixture Fixture(Action<Catalog>? change = null) => new(catalog =>
    {
        Agent other = catalog.Agents[0].Clone();
        other.Id = "other";
        catalog.Agents.Add(other);
        change?.Invoke(catalog);
    });

    // 200,000,000 tokens out of a hold of 1,000.
    private static Answer Lie(LedgerFixture fixture, long session) =>
        fixture.Commit(session, fixture.Hold(session), 0, 200_000_000);

    private static Answer Decide(
        LedgerFixture fixture, Answer settled, DisputeDecision decision, string? requestId = null) =>
        fixture.Send(new DecideDisputeCommand(
            new DecideDisputeRequest
            {
                RequestId = requestId ?? fixture.NextRequestId(),
                Dispute = $"disputes/d{settled.Event!.Sequence}",
                Decision = decision,
                Reason = "asked the provider",
            },
            "kim credentials/c3"));

    private static ListDisputesResponse Disputes(LedgerFixture fixture, int pageSize, string pageToken = "") =>
        (ListDisputesResponse)fixture.Send(new DisputesQuery(
            new ListDisputesRequest { PageSize = pageSize, PageToken = pageToken })).View!;

    private static long Settled(LedgerFixture fixture, string account) =>
        LedgerFixture.Nanos(fixture.Balance(account).Settled);

    private static long Disputed(LedgerFixture fixture, string account) =>
        fixture.Balance(account).Disputed is { } money ? LedgerFixture.Nanos(money) : 0;
}
