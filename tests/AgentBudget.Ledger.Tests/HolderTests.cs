namespace AgentBudget.Ledger.Tests;

/// <summary>A hold is its holder's: whoever else names it is told what would be told if it were not there.</summary>
public sealed class HolderTests
{
    private const string Gateway = "gateways/edge";
    private const string OtherGateway = "gateways/west";
    private const string Agent = "agents/writer";
    private const string Orchestrator = "orchestrators/night";

    public static TheoryData<string> Acts => ["commit", "release", "amend"];

    [Theory]
    [MemberData(nameof(Acts))]
    public void Another_than_the_holder_is_told_that_there_is_no_such_hold(string act)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long held = fixture.Hold(session, principal: Gateway);
        byte[] before = fixture.Ledger.Snapshot();

        Assert.All(
            new[] { Agent, Orchestrator, "" },
            asker => Assert.Equal(
                Act(fixture, act, session, reservation: 999_999, asker), Act(fixture, act, session, held, asker)));
        Assert.Equal(Outcome.ReservationNotFound, Act(fixture, act, session, held, Agent).Outcome);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Theory]
    [MemberData(nameof(Acts))]
    public void The_holder_its_successor_by_role_and_an_administrator_may(string act)
    {
        foreach ((string holder, string asker) in new[]
        {
            (Gateway, Gateway), (Gateway, OtherGateway), (Gateway, "admins/kim"), (Agent, Agent),
            (Agent, "operators/admin"), (Orchestrator, Orchestrator), ("", Agent),
        })
        {
            var fixture = new LedgerFixture();
            long session = fixture.Open();
            long held = fixture.Hold(session, principal: holder);
            fixture.Restart();

            Answer answer = Act(fixture, act, session, held, asker);

            Assert.Equal(Outcome.Done, answer.Outcome);
            Assert.Equal(asker, answer.Event!.Principal);
        }
    }

    [Theory]
    [InlineData(Agent, Gateway)]
    [InlineData(Orchestrator, "orchestrators/day")]
    [InlineData(Agent, "agents/other")]
    public void Neither_a_gateway_nor_another_of_its_role_may_settle_for_an_agent_or_orchestrator(
        string holder, string asker)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long held = fixture.Hold(session, principal: holder);

        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(session, held, 0, 0, principal: asker).Outcome);
    }

    [Fact]
    public void An_agent_cannot_settle_its_gateways_hold_with_nothing_and_the_gateways_usage_is_charged()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long held = fixture.Hold(session, principal: Gateway);

        Answer stolen = fixture.Commit(session, held, 0, 0, principal: Agent);
        Answer honest = fixture.Commit(session, held, 1000, 1000, principal: Gateway);

        Assert.Equal(Outcome.ReservationNotFound, stolen.Outcome);
        Assert.Equal(6_000_000, honest.Event!.ReservationSettled.CostNanos);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("tenants/acme").Settled));
    }

    [Fact]
    public void A_hold_that_was_given_back_or_settled_stays_its_holders()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long expired = fixture.Hold(session, request => request.Ttl = new() { Seconds = 1 }, Gateway);
        long settled = fixture.Hold(session, principal: Gateway);
        fixture.Commit(session, settled, 1, 1, principal: OtherGateway);
        fixture.Advance(2 * LedgerFixture.Second);
        fixture.Restart();

        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(session, expired, 1, 1, principal: Agent).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(session, settled, 1, 1, principal: Agent).Outcome);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, settled, 1, 1, principal: Gateway).Outcome);
        Assert.True(fixture.Commit(session, expired, 1, 1, principal: Gateway).Event!.ReservationSettled.Late);
    }

    private static Answer Act(LedgerFixture fixture, string act, long session, long reservation, string asker) =>
        act switch
        {
            "commit" => fixture.Commit(session, reservation, 1, 1, principal: asker),
            "release" => fixture.Release(session, reservation, principal: asker),
            _ => fixture.Amend(session, reservation, request => request.Ttl = new() { Seconds = 9 }, asker),
        };
}
