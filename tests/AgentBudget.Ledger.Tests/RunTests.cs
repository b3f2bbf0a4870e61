using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Ledger.Tests;

/// <summary>Subagents: what a session delegates, what it counts of them, and how far a run goes.</summary>
public sealed class RunTests
{
    private const long Hour = 3600 * LedgerFixture.Second;

    [Fact]
    public void What_a_parents_token_is_bound_to_its_childrens_are_and_they_add_to_it()
    {
        var ledger = new LedgerFixture();
        var certificate = new Confirmation { CertificateSha256 = new string('c', 43) };
        var key = new Confirmation { KeyThumbprint = new string('k', 43) };
        var other = new Confirmation { CertificateSha256 = new string('o', 43) };
        Confirmation Opened(Confirmation? asked, long under) =>
            ledger.TryOpenBound(asked, under).Event!.SessionOpened.Confirmation;

        Answer root = ledger.TryOpenBound(certificate, requestId: "root");
        long parent = root.Event!.Sequence;

        Assert.Equal(certificate, root.Event.SessionOpened.Confirmation);
        Assert.Equal(certificate, Opened(null, parent));
        Assert.Equal(certificate, Opened(other, parent));
        Confirmation both = Opened(key, parent);
        Assert.Equal((certificate.CertificateSha256, key.KeyThumbprint), (both.CertificateSha256, both.KeyThumbprint));
        ledger.Restart();
        var shown = (GetSessionResponse)ledger.Send(new SessionQuery(parent)).View!;
        Assert.Equal(certificate, shown.Session.Confirmation);
        Assert.Equal(parent, ledger.TryOpenBound(certificate, requestId: "root").DuplicateOf);
        Assert.Equal(Outcome.KeyReused, ledger.TryOpenBound(other, requestId: "root").Outcome);
        Assert.Equal(Outcome.KeyReused, ledger.TryOpenBound(null, requestId: "root").Outcome);
    }

    [Fact]
    public void A_subagent_names_its_parent_and_its_run_in_every_event()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);

        long grandchild = fixture.OpenBelow(child);
        fixture.Hold(grandchild);

        Spender spender = fixture.Journal[^1].Spender;
        Assert.Equal(($"sessions/s{child}", $"sessions/s{root}"), (spender.Parent, spender.Run));
        Session session = fixture.Session(grandchild);
        Assert.Equal(($"sessions/s{child}", $"sessions/s{root}", 2), (session.Parent, session.Run, session.Depth));
        Assert.Equal("", fixture.Journal[1].Spender.Run);
        Assert.Equal($"sessions/s{root}", fixture.Session(root).Run);
        Assert.Equal((2L, 2L), (fixture.Session(root).Subagents, fixture.Session(root).OpenSubagents));
    }

    [Fact]
    public void A_subagent_of_another_agent_and_use_case_charges_its_own_and_keeps_the_edge_to_its_parent()
    {
        var fixture = new LedgerFixture(AddSupply);
        long root = fixture.Open();

        LedgerEvent opened = fixture.TryOpenBelow(root, AsPlanner).Event!;
        fixture.Commit(opened.Sequence, fixture.Hold(opened.Sequence), 1000, 1000);

        Assert.Equal("useCases/promo", opened.SessionOpened.Delegation.From.UseCase);
        Assert.Equal("useCases/forecast", opened.Spender.UseCase);
        Assert.Equal(6_000_000, SettledOf(fixture, "useCases/forecast"));
        Assert.Equal(6_000_000, SettledOf(fixture, "agents/planner"));
        Assert.Equal(6_000_000, SettledOf(fixture, "businessUnits/supply"));
        Assert.Equal(0, SettledOf(fixture, "useCases/promo"));
        Assert.Equal(0, SettledOf(fixture, "agents/writer"));
        Assert.Equal(6_000_000, SettledOf(fixture, $"sessions/s{root}"));
    }

    [Fact]
    public void The_path_of_a_subagent_goes_over_every_session_above_it_up_to_the_root()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long child = fixture.OpenBelow(root);
        long grandchild = fixture.OpenBelow(child);
        fixture.Hold(grandchild);

        Assert.Equal(
            [
                $"sessions/s{grandchild}", $"sessions/s{child}", $"sessions/s{root}", "agents/writer", "useCases/promo",
                "businessUnits/marketing", "tenants/acme",
            ],
            fixture.Path(grandchild).Select(account => account.Grain));
        Assert.All(fixture.Path(grandchild), account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void A_subagent_takes_agent_use_case_user_and_tags_from_its_parent_where_it_names_none()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Tags.Add("customer", new TagRule());
            catalog.Tags.Add("feature", new TagRule());
        });
        long root = fixture.Open(request => request.Tags.Add("customer", "k1"));

        Session child = fixture.Session(fixture.OpenBelow(root, request => request.Tags.Add("feature", "search")));

        Assert.Equal(("agents/writer", "useCases/promo"), (child.Agent, child.UseCase));
        Assert.Equal("user:kim@acme.test", child.OnBehalfOf);
        Assert.Equal(("k1", "search"), (child.Tags["customer"], child.Tags["feature"]));
    }

    [Fact]
    public void A_subagent_works_for_its_parents_user_or_for_nobody()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();

        long nobodys = fixture.OpenBelow(root, request => request.Unattended = true);
        Answer others = fixture.TryOpenBelow(root, request => request.OnBehalfOf = "user:lee@acme.test");
        Answer fromNobody = fixture.TryOpenBelow(nobodys, request => request.OnBehalfOf = "user:kim@acme.test");

        Assert.Equal(("", true), (fixture.Session(nobodys).OnBehalfOf, fixture.Session(nobodys).Unattended));
        Assert.Equal(Outcome.UserOutOfScope, others.Outcome);
        Assert.Equal("on_behalf_of", Assert.Single(others.Faults!).Field);
        Assert.Equal(Outcome.UserOutOfScope, fromNobody.Outcome);
    }

    [Fact]
    public void A_subagent_has_the_tools_and_models_that_both_its_agent_and_its_parent_have()
    {
        var fixture = new LedgerFixture(AddSupply);
        long root = fixture.Open(request =>
        {
            request.Tools.Add(["search.*"]);
            request.Models.Add(LedgerFixture.Haiku);
        });

        Session child = fixture.Session(fixture.OpenBelow(root, AsPlanner));

        Assert.Equal(["search.web"], child.Tools);
        Assert.Equal([LedgerFixture.Haiku], child.Models);
    }

    [Fact]
    public void Opening_with_a_tool_or_model_outside_the_parents_scope_is_refused_and_names_each()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request =>
        {
            request.Tools.Add("search.*");
            request.Models.Add(LedgerFixture.Haiku);
        });

        Answer tool = fixture.TryOpenBelow(root, request => request.Tools.Add(["search.web", "crm.read"]));
        Answer model = fixture.TryOpenBelow(root, request => request.Models.Add(LedgerFixture.Sonnet));

        Assert.Equal(Outcome.ToolOutOfScope, tool.Outcome);
        Assert.Equal(
            new Fault("tools[1]", $"crm.read is not in the scope of sessions/s{root}"), Assert.Single(tool.Faults!));
        Assert.Equal(Outcome.ModelOutOfScope, model.Outcome);
    }

    [Fact]
    public void A_subagent_is_narrowed_by_the_present_scope_of_every_agent_above_it()
    {
        var fixture = new LedgerFixture(AddSupply);
        long child = fixture.OpenBelow(fixture.Open(), AsPlanner);
        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(child, request => request.Tool = "search.web"));

        fixture.Change(catalog => catalog.Agents[0].Tools.Remove("search.*"));

        LedgerEvent refused = fixture.Reserve(child, request => request.Tool = "search.web").Event!;
        Assert.Equal(Reason.ToolOutOfScope, refused.ReservationRefused.Reason);
        Assert.Equal("agents/writer", refused.ReservationRefused.Grain);
    }

    [Fact]
    public void The_time_of_a_subagent_is_within_its_parents()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request => request.Ttl = new Duration { Seconds = 600 });

        Session child = fixture.Session(fixture.OpenBelow(root));

        Assert.Equal(fixture.Session(root).ExpireTime, child.ExpireTime);
        Assert.Equal(fixture.Session(root).LifetimeEndTime, child.LifetimeEndTime);
    }

    [Fact]
    public void Renewing_a_subagent_never_goes_past_its_parents_expiry()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request => request.Ttl = new Duration { Seconds = 600 });
        long child = fixture.OpenBelow(root, request => request.Ttl = new Duration { Seconds = 60 });

        fixture.Renew(child);
        Assert.Equal(fixture.Session(root).ExpireTime, fixture.Session(child).ExpireTime);
        fixture.Renew(root);
        fixture.Renew(child);

        Assert.Equal(fixture.Now + Hour, LogTime.FromTimestamp(fixture.Session(child).ExpireTime));
    }

    [Fact]
    public void The_ceilings_of_a_subagent_are_within_its_parents()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request => request.Ceilings = new Ceilings
        {
            CostPerSession = Catalogs.Dollars(0.5m),
            StepsPerSession = 3,
            TokensPerRequest = 9000,
        });

        Ceilings wider = fixture.Session(fixture.OpenBelow(root, request =>
            request.Ceilings = new Ceilings { CostPerSession = Catalogs.Dollars(2), StepsPerSession = 2 })).Ceilings;

        Assert.Equal(Catalogs.Dollars(0.5m), wider.CostPerSession);
        Assert.Equal((2L, 9000L), (wider.StepsPerSession, wider.TokensPerRequest));
    }

    [Fact]
    public void A_catalog_that_narrows_the_ceilings_of_an_agent_narrows_what_its_sessions_delegated()
    {
        var fixture = new LedgerFixture(AddSupply);
        long child = fixture.OpenBelow(fixture.Open(), AsPlanner);

        fixture.Change(catalog => catalog.Agents[0].Ceilings = new Ceilings { TokensPerRequest = 1999 });

        Assert.Equal(Reason.RequestCeiling, fixture.RefusalOf(child));
    }

    [Fact]
    public void A_subagents_spend_counts_against_the_ceilings_of_every_session_above_it()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open(request =>
            request.Ceilings = new Ceilings { CostPerSession = Catalogs.Dollars(0.012m) });
        long child = fixture.OpenBelow(root);
        fixture.Commit(child, fixture.Hold(child), 1000, 1000);
        fixture.Hold(root);

        LedgerEvent refused = fixture.Reserve(fixture.OpenBelow(child)).Event!;

        // Its own ceiling has room; that of its grandparent, whose session it spends for, has not.
        Assert.Equal(Reason.SessionCeiling, refused.ReservationRefused.Reason);
        Assert.Equal($"sessions/s{root}", refused.ReservationRefused.Grain);
        Assert.Equal(
            (6_000_000, 6_000_000), (refused.ReservationRefused.Settled, refused.ReservationRefused.Held));
    }

    [Fact]
    public void The_cost_of_a_run_is_granted_up_to_its_ceiling_and_not_one_nano_more()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings =
            new Ceilings { Run = new RunCeilings { Cost = Catalogs.Dollars(0.018m) } });
        long root = fixture.Open();
        long[] children = [fixture.OpenBelow(root), fixture.OpenBelow(root)];
        foreach (long session in (long[])[root, .. children]) fixture.Hold(session);

        LedgerEvent refused =
            fixture.Reserve(children[1], request => request.Estimate = Catalogs.Input(1)).Event!;

        Assert.Equal(Reason.RunCeiling, refused.ReservationRefused.Reason);
        Assert.Equal($"sessions/s{root}", refused.ReservationRefused.Grain);
        Assert.Equal((18_000_000, 18_000_000), (refused.ReservationRefused.Limit, refused.ReservationRefused.Held));
    }

    [Fact]
    public void A_session_ceiling_is_named_before_a_run_ceiling_and_a_run_ceiling_before_a_budget()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.001m) };
            catalog.Agents[0].Ceilings = new Ceilings { Run = new RunCeilings { Cost = Catalogs.Dollars(0.002m) } };
        });
        long root = fixture.Open(request =>
            request.Ceilings = new Ceilings { CostPerSession = Catalogs.Dollars(0.003m) });
        long child = fixture.OpenBelow(root, request =>
            request.Ceilings = new Ceilings { Run = new RunCeilings { Cost = Catalogs.Dollars(0.0015m) } });

        Assert.Equal(Reason.AgentBudget, ReasonAt(1200));
        Assert.Equal(Reason.RunCeiling, ReasonAt(1600));
        Assert.Equal(Reason.RunCeiling, ReasonAt(2500));
        Assert.Equal(Reason.SessionCeiling, ReasonAt(3001));

        Reason ReasonAt(long tokens) =>
            fixture.RefusalOf(child, request => request.Estimate = Catalogs.Input(tokens));
    }

    [Theory]
    [InlineData("subagents")]
    [InlineData("concurrent_subagents")]
    public void At_a_run_ceiling_opening_a_subagent_is_refused_with_how_many_are_left(string ceiling)
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings = new Ceilings
        {
            Run = ceiling == "subagents"
                ? new RunCeilings { Subagents = 3 }
                : new RunCeilings { ConcurrentSubagents = 3 },
        });
        long root = fixture.Open();
        LedgerEvent first = fixture.TryOpenBelow(root, request => request.SubagentsPlanned = 3).Event!;
        Assert.Equal(2, first.SessionOpened.Delegation.SubagentsLeft);

        Answer tooMany = fixture.TryOpenBelow(first.Sequence, request => request.SubagentsPlanned = 3);
        Assert.Equal(Outcome.RunCeilingReached, tooMany.Outcome);
        Fault fault = Assert.Single(tooMany.Faults!);
        Assert.Equal(($"ceilings.run.{ceiling}", 2, 3), (fault.Field, fault.Left, fault.Limit));
        fixture.OpenBelow(first.Sequence, request => request.SubagentsPlanned = 2);
        fixture.OpenBelow(root);

        Assert.Equal(0, Assert.Single(fixture.TryOpenBelow(root).Faults!).Left);
    }

    [Fact]
    public void An_ended_subagent_makes_room_among_the_concurrent_ones_and_not_among_all()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings =
            new Ceilings { Run = new RunCeilings { Subagents = 2, ConcurrentSubagents = 1 } });
        long root = fixture.Open();
        long first = fixture.OpenBelow(root);
        Assert.Equal(
            "ceilings.run.concurrent_subagents", Assert.Single(fixture.TryOpenBelow(root).Faults!).Field);

        fixture.End(first);
        fixture.End(fixture.OpenBelow(root));

        Assert.Equal("ceilings.run.subagents", Assert.Single(fixture.TryOpenBelow(root).Faults!).Field);
    }

    [Fact]
    public void A_run_is_as_deep_as_its_ceiling_allows()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings =
            new Ceilings { Run = new RunCeilings { Depth = 2 } });
        long grandchild = fixture.OpenBelow(fixture.OpenBelow(fixture.Open()));

        Fault fault = Assert.Single(fixture.TryOpenBelow(grandchild).Faults!);

        Assert.Equal(("ceilings.run.depth", 0, 2), (fault.Field, fault.Left, fault.Limit));
    }

    [Fact]
    public void A_run_is_at_most_100_levels_deep_where_nobody_says_otherwise()
    {
        var fixture = new LedgerFixture(comparesEachTurn: false);
        long session = fixture.Open();
        for (int level = 0; level < 100; level++) session = fixture.OpenBelow(session);

        Assert.Equal(100, Assert.Single(fixture.TryOpenBelow(session).Faults!).Limit);
        fixture.Hold(session);
        fixture.Compare();
    }

    [Fact]
    public void A_fan_out_of_400_stops_at_its_ceiling_with_the_number_left_and_the_rest_still_settles()
    {
        var fixture = new LedgerFixture(
            catalog =>
            {
                catalog.UseCases[0].Budget = null;
                catalog.Agents[0].Ceilings = new Ceilings { Run = new RunCeilings { Subagents = 300 } };
            },
            comparesEachTurn: false);
        long root = fixture.Open();
        List<long> workers = [];
        Answer answer = fixture.TryOpenBelow(root, request => request.SubagentsPlanned = 400);
        Fault refused = Assert.Single(answer.Faults!);

        // The caller degrades to the batch that fits, and goes on until nothing is left.
        for (int worker = 0; worker < 400; worker++)
        {
            answer = fixture.TryOpenBelow(root);
            if (answer.Outcome == Outcome.Done) workers.Add(answer.Event!.Sequence);
        }

        Assert.Equal(300, refused.Left);
        Assert.Equal(300, workers.Count);
        Assert.Equal(Outcome.RunCeilingReached, answer.Outcome);
        foreach (long worker in workers) fixture.Commit(worker, fixture.Hold(worker), 1000, 1000);
        Assert.Equal(300 * 6_000_000L, SettledOf(fixture, $"sessions/s{root}"));
        fixture.Compare();
    }

    [Fact]
    public void A_subagent_of_a_session_that_is_over_or_was_never_opened_is_refused()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        fixture.End(root);

        Assert.Equal(Outcome.SessionNotOpen, fixture.TryOpenBelow(root).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.TryOpenBelow(999).Outcome);
    }

    [Fact]
    public void Opening_a_subagent_again_answers_the_same_and_below_another_parent_the_key_is_reused()
    {
        var fixture = new LedgerFixture();
        long root = fixture.Open();
        long other = fixture.Open();
        long child = fixture.OpenBelow(root, request => request.RequestId = "child");

        Assert.Equal(child, fixture.TryOpenBelow(root, request => request.RequestId = "child").DuplicateOf);
        Assert.Equal(
            Outcome.KeyReused, fixture.TryOpenBelow(other, request => request.RequestId = "child").Outcome);
        Assert.Equal(1, fixture.Session(root).Subagents);
    }

    private static long SettledOf(LedgerFixture fixture, string account) =>
        LedgerFixture.Nanos(fixture.Balance(account).Settled);

    private static void AsPlanner(OpenSessionRequest request)
    {
        request.Agent = "agents/planner";
        request.UseCase = "useCases/forecast";
    }

    private static void AddSupply(Catalog catalog)
    {
        catalog.BusinessUnits.Add(new BusinessUnit { Id = "supply" });
        catalog.UseCases.Add(new UseCase { Id = "forecast", BusinessUnit = "supply" });
        catalog.Agents[0].Delegates = new Delegates { Agents = { "planner" }, UseCases = { "forecast" } };
        catalog.Agents.Add(new Agent
        {
            Id = "planner",
            BusinessUnit = "supply",
            UseCases = { "forecast" },
            Tools = { "search.web", "warehouse.*" },
            Models = { LedgerFixture.Haiku, LedgerFixture.Sonnet },
        });
    }
}
