using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

public sealed class AgentTests
{
    private const string Writer = "agents/writer";

    [Fact]
    public void A_suspended_agent_spends_nothing_opens_nothing_and_settles_what_it_holds()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long hold = ledger.Hold(session);

        Answer suspended = Suspend(ledger);

        Assert.Equal((Writer, "odd"), (suspended.Event!.AgentSuspended.Agent, suspended.Event.AgentSuspended.Reason));
        Assert.Equal(Reason.AgentSuspended, ledger.RefusalOf(session));
        Assert.Equal(Outcome.AgentNotActive, ledger.TryOpen().Outcome);
        Assert.Equal(Outcome.Done, ledger.Commit(session, hold, 1000, 500).Outcome);
        Assert.Equal(State.Open, ledger.Session(session).State);
    }

    [Fact]
    public void A_resumed_agent_goes_on_where_it_was()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        Suspend(ledger);
        ledger.Restart();

        Answer resumed = Resume(ledger);

        Assert.Equal(Writer, resumed.Event!.AgentResumed.Agent);
        ledger.Hold(session);
        ledger.Open();
        Assert.Null(Resume(ledger).Event);
    }

    [Fact]
    public void The_end_of_an_agent_ends_its_credentials_sessions_and_holds_in_one_turn()
    {
        var ledger = new LedgerFixture();
        long credential = CredentialTests.Create(ledger).Event!.Sequence;
        long first = ledger.Open();
        long second = ledger.Open();
        ledger.Hold(first);
        ledger.Hold(first);
        int events = ledger.Journal.Count;

        Answer answer = Decommission(ledger);

        AgentDecommissioned decommissioned = answer.Event!.AgentDecommissioned;
        Assert.Equal([credential], decommissioned.Credentials);
        Assert.Equal([first, second], decommissioned.Sessions);
        Assert.Equal(
            [
                LedgerEvent.FactOneofCase.AgentDecommissioned, LedgerEvent.FactOneofCase.SessionEnded,
                LedgerEvent.FactOneofCase.SessionClosed, LedgerEvent.FactOneofCase.SessionEnded,
                LedgerEvent.FactOneofCase.SessionClosed,
            ],
            ledger.Journal.Skip(events).Select(entry => entry.FactCase));
        Assert.Equal(2, ledger.Journal[events + 4].SessionClosed.Released.Count);
        Assert.Equal(Credential.Types.State.Revoked, CredentialTests.Get(ledger, credential).State);
        Assert.Equal(0, ledger.Ledger.OpenReservations);
        Assert.Equal(0, ledger.Ledger.OpenSessions);
    }

    [Fact]
    public void The_end_of_an_agent_changes_nobody_else()
    {
        var ledger = new LedgerFixture(WithSibling);
        long mine = ledger.Open();
        long sibling = ledger.Open(request => request.Agent = "agents/sibling");
        long credential = CredentialTests.Create(ledger, request => request.Principal = "agents/sibling")
            .Event!.Sequence;
        ledger.Hold(sibling);

        Decommission(ledger);

        Assert.Equal(Reason.SessionRevoked, ledger.RefusalOf(mine));
        ledger.Hold(sibling);
        Assert.Equal(State.Open, ledger.Session(sibling).State);
        Assert.Equal(Credential.Types.State.Live, CredentialTests.Get(ledger, credential).State);
    }

    [Fact]
    public void A_commit_in_flight_when_its_agent_ends_is_late_and_charged_in_full()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long hold = ledger.Hold(session);
        Decommission(ledger);

        Answer commit = ledger.Commit(session, hold, 1000, 500);

        Assert.True(commit.Event!.ReservationSettled.Late);
        Assert.True(commit.Event.ReservationSettled.CostNanos > 0);
    }

    [Fact]
    public void An_agent_that_has_ended_never_comes_back()
    {
        var ledger = new LedgerFixture();
        Decommission(ledger);
        ledger.Restart();

        Assert.Equal(Outcome.AgentNotActive, ledger.TryOpen().Outcome);
        Assert.Equal(Outcome.AgentNotActive, Resume(ledger).Outcome);
        Assert.Equal(Outcome.AgentNotActive, Suspend(ledger).Outcome);
        Assert.Equal(Outcome.AgentNotActive, Decommission(ledger).Outcome);
        Assert.Equal(Outcome.AgentNotActive, CredentialTests.Create(ledger).Outcome);

        Agent[] agents = [];
        ledger.Change(catalog =>
        {
            agents = [.. catalog.Agents];
            catalog.Agents.Clear();
        });
        ledger.Change(catalog => catalog.Agents.Add(agents));
        Assert.Equal(Outcome.AgentNotActive, ledger.TryOpen().Outcome);
    }

    [Fact]
    public void A_repeated_change_of_an_agent_has_one_effect_and_one_that_is_no_change_has_none()
    {
        var ledger = new LedgerFixture(WithSibling);
        Answer Suspend(string id) => ledger.Send(new SuspendAgentCommand(
            new SuspendAgentRequest { RequestId = id, Agent = Writer, Reason = "odd" }, "admin"));
        Answer Resume(string id) => ledger.Send(new ResumeAgentCommand(
            new ResumeAgentRequest { RequestId = id, Agent = Writer, Reason = "seen" }, "admin"));
        Answer Decommission(string id) => ledger.Send(new DecommissionAgentCommand(
            new DecommissionAgentRequest { RequestId = id, Agent = Writer, Reason = "gone" }, "admin"));

        foreach (Func<string, Answer> change in (Func<string, Answer>[])[Suspend, Resume, Decommission])
        {
            Answer first = change("r1");
            Assert.Equal(first.Event!.Sequence, change("r1").DuplicateOf);
            Assert.Null(change("r2").Event);
        }
    }

    [Fact]
    public void An_agent_that_the_catalog_does_not_name_is_not_found()
    {
        var ledger = new LedgerFixture();
        const string Nobody = "agents/nobody";

        Assert.Equal(Outcome.AgentNotFound, ledger.Send(new SuspendAgentCommand(
            new SuspendAgentRequest { RequestId = "s", Agent = Nobody, Reason = "odd" }, "admin")).Outcome);
        Assert.Equal(Outcome.AgentNotFound, ledger.Send(new ResumeAgentCommand(
            new ResumeAgentRequest { RequestId = "r", Agent = Nobody, Reason = "seen" }, "admin")).Outcome);
        Assert.Equal(Outcome.AgentNotFound, ledger.Send(new DecommissionAgentCommand(
            new DecommissionAgentRequest { RequestId = "d", Agent = Nobody, Reason = "gone" }, "admin")).Outcome);
    }

    [Fact]
    public void The_end_of_an_agent_ends_open_sessions_only()
    {
        var ledger = new LedgerFixture();
        long over = ledger.Open();
        long open = ledger.Open();
        ledger.End(over);

        Assert.Equal([open], Decommission(ledger).Event!.AgentDecommissioned.Sessions);
        Assert.Equal(State.Ended, ledger.Session(over).State);
    }

    [Fact]
    public void A_tool_call_is_authorized_within_scope_and_counts_as_one_without_holding_anything()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open(request => request.Ceilings = new Ceilings { ToolCallsPerSession = 1 });

        Answer allowed = Authorize(ledger, session, "crm.read");
        Answer outside = Authorize(ledger, session, "billing.pay");
        Answer again = Authorize(ledger, session, "crm.read");

        Assert.Equal("crm.read", allowed.Event!.ToolAuthorized.Tool);
        ReservationRefused refused = outside.Event!.ReservationRefused;
        Assert.Equal(
            (Reason.ToolOutOfScope, "billing.pay", true), (refused.Reason, refused.Subject, refused.ToolOnly));
        Assert.Equal(Reason.StepCeiling, again.Event!.ReservationRefused.Reason);
        Assert.Equal(0, ledger.Ledger.OpenReservations);
    }

    [Fact]
    public void A_tool_call_is_refused_for_the_same_reasons_as_a_spend()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        Suspend(ledger);
        Assert.Equal(Reason.AgentSuspended, Authorize(ledger, session, "crm.read").Event!.ReservationRefused.Reason);
        Decommission(ledger);
        Assert.Equal(Reason.SessionRevoked, Authorize(ledger, session, "crm.read").Event!.ReservationRefused.Reason);
        Assert.Equal(Outcome.SessionNotFound, Authorize(ledger, 999, "crm.read").Outcome);
    }

    [Fact]
    public void A_request_id_of_a_tool_call_is_not_that_of_a_spend()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        Answer Ask(string tool) => ledger.Send(new AuthorizeToolCommand(
            session, new AuthorizeToolRequest { RequestId = "same", Tool = tool }));

        Answer first = Ask("crm.read");

        Assert.Equal(first.Event!.Sequence, Ask("crm.read").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Ask("crm.write").Outcome);
        ledger.Hold(session, request => request.RequestId = "same");
    }

    private static void WithSibling(Catalog catalog)
    {
        Agent sibling = catalog.Agents[0].Clone();
        sibling.Id = "sibling";
        catalog.Agents.Add(sibling);
    }

    private static Answer Authorize(LedgerFixture ledger, long session, string tool) => ledger.Send(
        new AuthorizeToolCommand(
            session, new AuthorizeToolRequest { RequestId = ledger.NextRequestId(), Tool = tool }));

    private static Answer Suspend(LedgerFixture ledger) => ledger.Send(new SuspendAgentCommand(
        new SuspendAgentRequest { RequestId = ledger.NextRequestId(), Agent = Writer, Reason = "odd" }, "admin"));

    private static Answer Resume(LedgerFixture ledger) => ledger.Send(new ResumeAgentCommand(
        new ResumeAgentRequest { RequestId = ledger.NextRequestId(), Agent = Writer, Reason = "fine" }, "admin"));

    private static Answer Decommission(LedgerFixture ledger) => ledger.Send(new DecommissionAgentCommand(
        new DecommissionAgentRequest { RequestId = ledger.NextRequestId(), Agent = Writer, Reason = "gone" }, "admin"));
}
