using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class CeilingTests
{
    [Fact]
    public void Tokens_of_one_request_are_granted_up_to_the_ceiling_and_not_one_more()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { TokensPerRequest = 2000 });
        long session = fixture.Open();
        fixture.Hold(session);

        ReservationRefused refused = fixture.Reserve(
            session, request => request.Estimate = Catalogs.Input(2001)).Event!.ReservationRefused;

        Assert.Equal(Reason.RequestCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.Tokens, refused.Unit);
        Assert.Equal(2000, refused.Limit);
        Assert.Equal(2001, refused.Requested);
    }

    [Fact]
    public void The_cost_of_a_session_is_granted_up_to_the_ceiling_and_not_one_nano_more()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { CostPerSession = Catalogs.Dollars(0.006m) });
        long session = fixture.Open();
        fixture.Hold(session);

        ReservationRefused refused = fixture.Reserve(
            session, request => request.Estimate = Catalogs.Input(1)).Event!.ReservationRefused;

        Assert.Equal(Reason.SessionCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.Nanos, refused.Unit);
        Assert.Equal(6_000_000, refused.Limit);
        Assert.Equal(1000, refused.Requested);
    }

    [Fact]
    public void The_tokens_of_a_session_are_granted_up_to_the_ceiling_and_not_one_more()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { TokensPerSession = 2000 });
        long session = fixture.Open();
        fixture.Hold(session);

        ReservationRefused refused = fixture.Reserve(
            session, request => request.Estimate = Catalogs.Input(1)).Event!.ReservationRefused;

        Assert.Equal(Reason.SessionCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.Tokens, refused.Unit);
    }

    [Fact]
    public void Steps_are_granted_calls_and_stay_used_when_the_call_is_settled_or_released()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { StepsPerSession = 2 });
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1, 1);
        fixture.Release(session, fixture.Hold(session));

        ReservationRefused refused = fixture.Reserve(session).Event!.ReservationRefused;

        Assert.Equal(Reason.StepCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.Steps, refused.Unit);
        Assert.Equal(2, refused.Limit);
        Assert.Equal(2, refused.Settled);
        Assert.Equal(1, refused.Requested);
    }

    [Fact]
    public void A_refused_call_is_no_step()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { StepsPerSession = 1 });
        long session = fixture.Open();
        fixture.Reserve(session, request => request.Model = "gone");

        fixture.Hold(session);

        Assert.Equal(1, fixture.Session(session).Steps);
    }

    [Fact]
    public void Tool_calls_have_a_ceiling_of_their_own()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { ToolCallsPerSession = 1 });
        long session = fixture.Open();
        fixture.Hold(session, request => request.Tool = "crm.read");

        ReservationRefused refused =
            fixture.Reserve(session, request => request.Tool = "crm.read").Event!.ReservationRefused;

        Assert.Equal(Reason.StepCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.ToolCalls, refused.Unit);
        fixture.Hold(session);
    }

    [Fact]
    public void Open_holds_have_a_ceiling_and_room_again_when_one_ends()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { OpenHolds = 2 });
        long session = fixture.Open();
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);

        ReservationRefused refused = fixture.Reserve(session).Event!.ReservationRefused;

        Assert.Equal(Reason.SessionCeiling, refused.Reason);
        Assert.Equal(ReservationRefused.Types.Unit.OpenHolds, refused.Unit);
        Assert.Equal(2, refused.Limit);
        Assert.Equal(2, refused.Held);
        fixture.Commit(session, first, 1, 1, request => request.Final = false);
        Assert.Equal(Reason.SessionCeiling, fixture.RefusalOf(session));
        fixture.Commit(session, first, 1, 1);
        fixture.Hold(session);
        fixture.Release(session, second);
        fixture.Hold(session);
        fixture.Advance(600 * LedgerFixture.Second);
        fixture.Hold(session);
    }

    [Fact]
    public void A_session_has_at_most_1000_open_holds_where_nobody_says_otherwise()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget = null, comparesEachTurn: false);
        long session = fixture.Open();
        for (int call = 0; call < 1000; call++) fixture.Hold(session);

        Assert.Equal(Reason.SessionCeiling, fixture.RefusalOf(session));
        Assert.Equal(1000, fixture.Journal[^1].ReservationRefused.Limit);
        fixture.Compare();
    }

    [Fact]
    public void An_agent_may_have_more_open_holds_than_the_default_and_its_sessions_have_them_too()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { OpenHolds = 5000 });

        Assert.Equal(5000, fixture.Session(fixture.Open()).Ceilings.OpenHolds);
        Assert.Equal(
            5000, fixture.Session(fixture.Open(request => request.Ceilings = new Ceilings())).Ceilings.OpenHolds);
        Assert.Equal(
            7,
            fixture.Session(
                fixture.Open(request => request.Ceilings = new Ceilings { OpenHolds = 7 })).Ceilings.OpenHolds);
    }

    [Fact]
    public void A_session_asks_for_narrower_ceilings_and_a_wider_one_is_narrowed_to_the_agents()
    {
        var agents = new Ceilings
        {
            TokensPerRequest = 100,
            CostPerSession = Catalogs.Dollars(1),
            TokensPerSession = 1000,
            StepsPerSession = 10,
            ToolCallsPerSession = 5,
            OpenHolds = 3,
        };
        LedgerFixture fixture = WithAgentCeilings(agents);
        var narrower = new Ceilings
        {
            TokensPerRequest = 99,
            CostPerSession = Catalogs.Dollars(0.5m),
            TokensPerSession = 999,
            StepsPerSession = 9,
            ToolCallsPerSession = 4,
            OpenHolds = 2,
        };
        var wider = new Ceilings
        {
            TokensPerRequest = 101,
            CostPerSession = Catalogs.Dollars(2),
            TokensPerSession = 1001,
            StepsPerSession = 11,
            ToolCallsPerSession = 6,
            OpenHolds = 4,
        };

        Assert.Equal(agents, fixture.Session(fixture.Open()).Ceilings);
        Assert.Equal(narrower, fixture.Session(fixture.Open(request => request.Ceilings = narrower.Clone())).Ceilings);
        Assert.Equal(agents, fixture.Session(fixture.Open(request => request.Ceilings = wider)).Ceilings);
    }

    [Fact]
    public void A_catalog_that_narrows_the_agents_ceilings_narrows_its_open_sessions()
    {
        LedgerFixture fixture = WithAgentCeilings(new Ceilings { StepsPerSession = 10 });
        long session = fixture.Open();
        fixture.Hold(session);

        fixture.Change(catalog => catalog.Agents[0].Ceilings.StepsPerSession = 1);
        Assert.Equal(Reason.StepCeiling, fixture.RefusalOf(session));
        fixture.Change(catalog => catalog.Agents[0].Ceilings.StepsPerSession = 20);
        Assert.Equal(10, fixture.Session(session).Ceilings.StepsPerSession);
    }

    private static LedgerFixture WithAgentCeilings(Ceilings ceilings) => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        catalog.Agents[0].Ceilings = ceilings;
    });
}
