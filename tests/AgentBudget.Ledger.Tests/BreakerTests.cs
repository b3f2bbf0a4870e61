using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

public sealed class BreakerTests
{
    private const string Minute = "sandbox.minute";
    private const string Search = "search.web";

    [Fact]
    public void The_same_tool_with_the_same_arguments_so_many_times_running_suspends_the_session()
    {
        LedgerFixture fixture = With(new Breakers { SameToolCall = Counting(3) });
        long session = fixture.Open();
        SameCall(fixture, session);
        SameCall(fixture, session, digest: "b");
        SameCall(fixture, session);
        SameCall(fixture, session);
        // A model call between two tool calls does not make them different ones.
        fixture.Hold(session);
        Assert.Equal(State.Open, fixture.Session(session).State);

        SameCall(fixture, session);

        BreakerTripped tripped = Tripped(fixture);
        Assert.Equal((Breaker.SameToolCall, BreakerMode.Enforce), (tripped.Breaker, tripped.Mode));
        Assert.Equal((3, 3, $"sessions/s{session}"), (tripped.Count, tripped.Limit, tripped.Suspended));
        Assert.Equal(State.Suspended, fixture.Session(session).State);
        Assert.Equal($"sessions/s{session}", fixture.Session(session).SuspendedBy);
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
    }

    [Fact]
    public void Tool_calls_without_a_digest_of_their_arguments_are_never_the_same()
    {
        LedgerFixture fixture = With(new Breakers { SameToolCall = Counting(2) });
        long session = fixture.Open();

        for (int call = 0; call < 5; call++) SameCall(fixture, session, digest: "");

        Assert.DoesNotContain(fixture.Journal, entry => entry.BreakerTripped is not null);
    }

    [Fact]
    public void Authorized_tool_calls_and_recorded_costs_of_tools_count_as_the_same_call_too()
    {
        LedgerFixture fixture = With(new Breakers { SameToolCall = Counting(3) });
        long session = fixture.Open();
        Authorize(fixture, session, digest: "a");
        Authorize(fixture, session, digest: "b");
        Authorize(fixture, session, digest: "b");
        Authorize(fixture, session, digest: "a");
        Record(fixture, session, Search, digest: "a");
        Record(fixture, session, Search, digest: "b");
        SameCall(fixture, session);
        Authorize(fixture, session, digest: "a");
        Assert.Equal(State.Open, fixture.Session(session).State);

        Authorize(fixture, session, digest: "a");

        Assert.Equal(
            (Breaker.SameToolCall, "crm.read", 3),
            (Tripped(fixture).Breaker, Tripped(fixture).Tool, Tripped(fixture).Count));
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
        fixture.ResetBreaker(session);
        for (int time = 0; time < 3; time++) Record(fixture, session, Search, digest: "a");
        Assert.Equal(Search, fixture.Journal.Last(IsTrip).BreakerTripped.Tool);
    }

    [Fact]
    public void An_authorization_or_a_cost_without_a_digest_leaves_the_count_of_the_same_call_as_it_is()
    {
        LedgerFixture fixture = With(new Breakers { SameToolCall = Counting(3) });
        long session = fixture.Open();

        Authorize(fixture, session, digest: "a");
        Record(fixture, session, "crm.read", digest: "");
        Authorize(fixture, session, digest: "a");
        Authorize(fixture, session, digest: "");
        Record(fixture, session, Minute, digest: "a");
        Assert.Equal(State.Open, fixture.Session(session).State);
        Authorize(fixture, session, digest: "a");

        Assert.Equal((Breaker.SameToolCall, 3), (Tripped(fixture).Breaker, Tripped(fixture).Count));
        Assert.All(
            fixture.Journal.Where(entry => entry.CostRecorded is not null),
            entry => Assert.Equal("", entry.CostRecorded.ToolArgumentsDigest));
    }

    [Fact]
    public void An_authorized_tool_call_ends_a_run_of_refusals()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(2) });
        long session = fixture.Open();

        for (int time = 0; time < 3; time++)
        {
            Refuse(fixture, session, times: 2);
            Authorize(fixture, session, digest: "");
        }

        Assert.Equal(State.Open, fixture.Session(session).State);
    }

    [Fact]
    public void More_than_so_much_money_within_a_minute_suspends_the_session()
    {
        LedgerFixture fixture = With(new Breakers
        {
            BurnRate = new BurnBreaker { CostPerMinute = Catalogs.Dollars(0.012m) },
        });
        long session = fixture.Open();
        Charge(fixture, session);
        Charge(fixture, session);
        fixture.Advance(60 * LedgerFixture.Second);
        Charge(fixture, session);
        Charge(fixture, session);
        Assert.Equal(State.Open, fixture.Session(session).State);

        fixture.Advance(9 * LedgerFixture.Second);
        Charge(fixture, session, input: 1);

        BreakerTripped tripped = Tripped(fixture);
        Assert.Equal(
            (Breaker.BurnRate, 12_001_000, 12_000_000), (tripped.Breaker, tripped.Count, tripped.Limit));
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
    }

    [Fact]
    public void The_burn_rate_of_a_session_counts_everything_below_it()
    {
        LedgerFixture fixture = With(new Breakers
        {
            BurnRate = new BurnBreaker { CostPerMinute = Catalogs.Dollars(0.012m) },
        });
        long root = fixture.Open();
        long[] children = [fixture.OpenBelow(root), fixture.OpenBelow(root), fixture.OpenBelow(root)];

        foreach (long child in children) Charge(fixture, child);

        Assert.Equal($"sessions/s{root}", Tripped(fixture).Suspended);
        Assert.All(children, child => Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(child)));
    }

    [Fact]
    public void More_than_so_many_steps_without_an_outcome_suspend_the_session()
    {
        LedgerFixture fixture = With(new Breakers { StepsWithoutOutcome = Counting(2) });
        long session = fixture.Open();
        fixture.Hold(session);
        fixture.Hold(session);
        Assert.Equal(State.Open, fixture.Session(session).State);

        fixture.Hold(session);

        BreakerTripped tripped = Tripped(fixture);
        Assert.Equal((Breaker.StepsWithoutOutcome, 3, 2), (tripped.Breaker, tripped.Count, tripped.Limit));
        Assert.Equal(State.Suspended, fixture.Session(session).State);
    }

    [Fact]
    public void More_than_so_many_refusals_running_suspend_the_session()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(2) });
        long session = fixture.Open();
        Refuse(fixture, session, times: 2);
        fixture.Hold(session);
        Refuse(fixture, session, times: 2);
        Assert.Equal(State.Open, fixture.Session(session).State);

        Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(session, NoPrice));

        BreakerTripped tripped = Tripped(fixture);
        Assert.Equal((Breaker.Refusals, 3, 2), (tripped.Breaker, tripped.Count, tripped.Limit));
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
    }

    [Fact]
    public void A_breaker_that_observes_tells_and_suspends_nothing_and_tells_again_only_after_it_was_within()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(2, BreakerMode.Observe) });
        long session = fixture.Open();

        Refuse(fixture, session, times: 6);
        Assert.Equal(BreakerMode.Observe, fixture.Journal.Single(IsTrip).BreakerTripped.Mode);
        Assert.Equal("", fixture.Journal.Single(IsTrip).BreakerTripped.Suspended);
        fixture.Hold(session);
        Refuse(fixture, session, times: 3);

        Assert.Equal(2, fixture.Journal.Count(IsTrip));
        Assert.Equal(State.Open, fixture.Session(session).State);
    }

    [Fact]
    public void A_breaker_suspends_the_whole_run_where_the_catalog_says_so()
    {
        var breaker = new CountBreaker { Times = 1, Suspends = BreakerReach.Run };
        LedgerFixture fixture = With(new Breakers { Refusals = breaker });
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long sibling = fixture.OpenBelow(root);

        Refuse(fixture, child, times: 2);

        Assert.Equal($"sessions/s{root}", Tripped(fixture).Suspended);
        Assert.Equal($"sessions/s{child}", fixture.Session(root).SuspendedBy);
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(sibling));
        LedgerEvent reset = fixture.ResetBreaker(child).Event!;
        Assert.Equal($"sessions/s{root}", reset.BreakerReset.Resumed);
        fixture.Hold(sibling);
        fixture.Hold(child);
    }

    [Fact]
    public void Resetting_a_breaker_resumes_what_it_suspended_and_counts_from_zero()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(1) });
        long session = fixture.Open();
        Refuse(fixture, session, times: 2);

        LedgerEvent reset = fixture.ResetBreaker(session, request => request.RequestId = "reset").Event!;

        Assert.Equal(("mended", $"sessions/s{session}"), (reset.BreakerReset.Reason, reset.BreakerReset.Resumed));
        Assert.Equal(reset.BreakerReset.Session, fixture.Session(session));
        Assert.True(fixture.ResetBreaker(session, request => request.RequestId = "reset").DuplicateOf > 0);
        Refuse(fixture, session, times: 1);
        Assert.Equal(State.Open, fixture.Session(session).State);
        Refuse(fixture, session, times: 1);
        Assert.Equal(State.Suspended, fixture.Session(session).State);
        Assert.Equal(Outcome.SessionNotFound, fixture.ResetBreaker(999).Outcome);
        Assert.Equal(
            Outcome.SessionNotFound, fixture.ResetBreaker(session, request => request.Grain = "agents/writer").Outcome);
    }

    [Fact]
    public void Resuming_a_session_that_a_breaker_suspended_lets_it_count_from_zero_too()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(1) });
        long session = fixture.Open();
        Refuse(fixture, session, times: 2);

        fixture.Resume(session);
        Refuse(fixture, session, times: 1);

        Assert.Equal(State.Open, fixture.Session(session).State);
        Assert.Equal("", fixture.Session(session).SuspendedBy);
    }

    [Fact]
    public void Resetting_breakers_leaves_a_session_suspended_that_a_person_suspended()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(1) });
        long session = fixture.Open();
        fixture.Suspend(session);

        Assert.Equal("", fixture.ResetBreaker(session).Event!.BreakerReset.Resumed);
        Assert.Equal(State.Suspended, fixture.Session(session).State);
    }

    [Fact]
    public void A_breaker_follows_the_catalog_of_its_time()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(100) });
        long session = fixture.Open();
        Refuse(fixture, session, times: 5);

        fixture.Change(catalog => catalog.Agents[0].Breakers.Refusals.Times = 3);
        Refuse(fixture, session, times: 1);

        Assert.Equal((6, 3), (Tripped(fixture).Count, Tripped(fixture).Limit));
    }

    [Fact]
    public void What_breakers_count_survives_a_restart()
    {
        LedgerFixture fixture = With(new Breakers { SameToolCall = Counting(3), StepsWithoutOutcome = Counting(50) });
        long session = fixture.Open();
        SameCall(fixture, session);
        SameCall(fixture, session);

        fixture.Restart();
        SameCall(fixture, session);

        Assert.Equal(Breaker.SameToolCall, Tripped(fixture).Breaker);
    }

    [Fact]
    public void A_breaker_that_a_catalog_adds_trips_by_refusals_that_were_only_counted()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        Refuse(fixture, session, times: 10);

        fixture.Change(catalog => catalog.Agents[0].Breakers = new Breakers { Refusals = Counting(2) });
        Assert.DoesNotContain(fixture.Journal, IsTrip);
        Refuse(fixture, session, times: 1);

        Assert.Equal((Breaker.Refusals, 3), (Tripped(fixture).Breaker, Tripped(fixture).Count));
    }

    [Fact]
    public void A_breaker_that_tripped_does_not_have_refusals_told_before_their_time()
    {
        LedgerFixture fixture = With(new Breakers { Refusals = Counting(2, BreakerMode.Observe) });
        long session = fixture.Open();

        Refuse(fixture, session, times: 12);

        Assert.Equal(8, fixture.Journal.Count(entry => entry.ReservationRefused is not null));
        Assert.DoesNotContain(fixture.Journal, entry => entry.RefusalsCoalesced is not null);
    }

    [Fact]
    public void A_breaker_needs_a_count_of_at_least_one()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Agents[0].Breakers = new Breakers
        {
            Refusals = new CountBreaker(),
            BurnRate = new BurnBreaker(),
        });

        Assert.Equal(
            ["agents[0].breakers.refusals.times", "agents[0].breakers.burnRate.costPerMinute"],
            answer.Faults!.Select(fault => fault.Field));
    }

    private static LedgerFixture With(Breakers breakers) => new(catalog =>
    {
        catalog.Agents[0].Breakers = breakers;
        catalog.Skus.Add(new Sku { Id = Minute, Unit = "minute", Cost = Catalogs.Dollars(0.004m) });
        catalog.Tools.Add(new Tool { Id = Search, CostPerCall = Catalogs.Dollars(0.01m) });
        catalog.Tools.Add(new Tool { Id = "crm.read", CostPerCall = Catalogs.Dollars(0.001m) });
    });

    private static CountBreaker Counting(long times, BreakerMode mode = BreakerMode.Enforce) =>
        new() { Times = times, Mode = mode };

    private static bool IsTrip(LedgerEvent entry) => entry.BreakerTripped is not null;

    private static BreakerTripped Tripped(LedgerFixture fixture) => fixture.Journal.Single(IsTrip).BreakerTripped;

    private static void SameCall(LedgerFixture fixture, long session, string digest = "a") =>
        fixture.Hold(session, request =>
        {
            request.Tool = "crm.read";
            request.ToolArgumentsDigest = digest;
        });

    private static void Authorize(LedgerFixture fixture, long session, string digest)
    {
        var request = new AuthorizeToolRequest
        {
            RequestId = fixture.NextRequestId(),
            Tool = "crm.read",
            ToolArgumentsDigest = digest,
        };
        Assert.NotNull(fixture.Send(new AuthorizeToolCommand(session, request)).Event!.ToolAuthorized);
    }

    private static void Record(LedgerFixture fixture, long session, string sku, string digest)
    {
        var request = new RecordCostRequest
        {
            RequestId = fixture.NextRequestId(),
            Sku = sku,
            ToolArgumentsDigest = digest,
        };
        Assert.NotNull(fixture.Send(new RecordCostCommand(session, request)).Event!.CostRecorded);
    }

    private static void Charge(LedgerFixture fixture, long session, long input = 6000) =>
        fixture.Commit(
            session, fixture.Hold(session, request => request.Estimate = Catalogs.Input(input)), input, 0);

    private static void NoPrice(ReserveTokensRequest request) => request.Estimate.CacheReadTokens = 1;

    private static void Refuse(LedgerFixture fixture, long session, int times)
    {
        for (int time = 0; time < times; time++) Assert.Equal(Reason.UnknownPrice, fixture.RefusalOf(session, NoPrice));
    }
}
