using AgentBudget.Ledger.Agents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class ScopeAndTagTests
{
    [Theory]
    [InlineData("crm.read", true)]
    [InlineData("crm.write", false)]
    [InlineData("crm.rea", false)]
    [InlineData("crm.reads", false)]
    [InlineData("CRM.read", false)]
    [InlineData("search.web", true)]
    [InlineData("search.web.images", true)]
    [InlineData("search.", false)]
    [InlineData("search", false)]
    [InlineData("searching.web", false)]
    [InlineData("search.*", true)]
    [InlineData("*", false)]
    public void Tools_are_allowed_by_exact_name_or_by_namespace(string tool, bool isAllowed)
    {
        var fixture = new LedgerFixture();

        ReservationRefused? refused =
            fixture.Reserve(fixture.Open(), request => request.Tool = tool).Event!.ReservationRefused;

        Assert.Equal(isAllowed, refused is null);
        if (isAllowed) return;
        Assert.Equal(Reason.ToolOutOfScope, refused!.Reason);
        Assert.Equal(tool, refused.Subject);
    }

    [Theory]
    [InlineData("billing.*", true)]
    [InlineData("billing.invoices.*", true)]
    [InlineData("billing.invoices.read", true)]
    [InlineData("bill.*", false)]
    [InlineData("billings.*", false)]
    [InlineData("crm.read", true)]
    [InlineData("crm.*", false)]
    public void A_scope_covers_a_pattern_when_it_covers_all_that_the_pattern_does(string pattern, bool isCovered) =>
        Assert.Equal(isCovered, new Scope(["billing.*", "crm.read"]).Covers(pattern));

    [Fact]
    public void A_session_uses_the_tools_that_it_asked_for_and_no_others()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open(request => request.Tools.Add("search.web"));

        fixture.Hold(session, request => request.Tool = "search.web");
        ReservationRefused refused =
            fixture.Reserve(session, request => request.Tool = "crm.read").Event!.ReservationRefused;
        Assert.Equal(Reason.ToolOutOfScope, refused.Reason);
        Assert.Equal($"sessions/s{session}", refused.Grain);
    }

    [Fact]
    public void A_session_uses_the_models_that_it_asked_for_and_no_others()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open(request => request.Models.Add(LedgerFixture.Haiku));

        fixture.Hold(session);
        ReservationRefused refused =
            fixture.Reserve(session, request => request.Model = LedgerFixture.Sonnet).Event!.ReservationRefused;
        Assert.Equal(Reason.ModelOutOfScope, refused.Reason);
        Assert.Equal(LedgerFixture.Sonnet, refused.Subject);
        Assert.Equal($"sessions/s{session}", refused.Grain);
    }

    [Fact]
    public void A_session_is_narrowed_by_the_agents_present_scope()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Change(catalog =>
        {
            catalog.Agents[0].Tools.Clear();
            catalog.Agents[0].Models.Remove(LedgerFixture.Sonnet);
        });

        ReservationRefused tool =
            fixture.Reserve(session, request => request.Tool = "crm.read").Event!.ReservationRefused;
        ReservationRefused model =
            fixture.Reserve(session, request => request.Model = LedgerFixture.Sonnet).Event!.ReservationRefused;

        Assert.Equal((Reason.ToolOutOfScope, "agents/writer"), (tool.Reason, tool.Grain));
        Assert.Equal((Reason.ModelOutOfScope, "agents/writer"), (model.Reason, model.Grain));
        fixture.Hold(session);
    }

    [Fact]
    public void A_session_does_not_grow_with_its_agents_scope()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Change(catalog => catalog.Agents[0].Tools.Add("billing.*"));

        Assert.Equal(Reason.ToolOutOfScope, fixture.RefusalOf(session, request => request.Tool = "billing.pay"));
        fixture.Hold(fixture.Open(), request => request.Tool = "billing.pay");
    }

    [Fact]
    public void A_star_at_the_end_stands_for_every_model_whose_id_begins_so()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Agents[0].Models.Clear();
            catalog.Agents[0].Models.Add("claude-haiku-*");
            catalog.UseCases[0].Downgrade.Clear();
        });
        long session = fixture.Open();

        fixture.Hold(session);
        Assert.Equal(
            Reason.ModelOutOfScope, fixture.RefusalOf(session, request => request.Model = LedgerFixture.Sonnet));
        fixture.Patch(put => put.Prices.Add(Catalogs.Price("claude-haiku-5", input: 1, output: 1)));
        fixture.Hold(session, request => request.Model = "claude-haiku-5");
    }

    [Fact]
    public void An_agent_without_models_or_tools_has_none()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Agents[0].Tools.Clear();
            catalog.Agents[0].Models.Clear();
        });
        long session = fixture.Open();

        Assert.Equal(Reason.ModelOutOfScope, fixture.RefusalOf(session));
        Assert.Equal(Reason.ToolOutOfScope, fixture.RefusalOf(session, request => request.Tool = "crm.read"));
    }

    [Fact]
    public void Opening_with_a_tool_or_model_outside_the_agents_scope_is_refused_and_names_each()
    {
        var fixture = new LedgerFixture();

        Answer tools = fixture.TryOpen(request => request.Tools.Add(["crm.read", "crm.*", "billing.pay"]));
        Answer models = fixture.TryOpen(request => request.Models.Add([LedgerFixture.Haiku, "gpt-5-mini"]));

        Assert.Equal(Outcome.ToolOutOfScope, tools.Outcome);
        Assert.Equal(["tools[1]", "tools[2]"], tools.Faults!.Select(fault => fault.Field));
        Assert.Equal(Outcome.ModelOutOfScope, models.Outcome);
        Assert.Equal(["models[1]"], models.Faults!.Select(fault => fault.Field));
        Assert.Equal(0, fixture.Ledger.KnownSessions);
    }

    [Fact]
    public void Opening_for_a_use_case_that_the_agent_may_not_work_for_is_refused()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.UseCases.Add(new UseCase { Id = "other", BusinessUnit = "marketing" }));

        Assert.Equal(Outcome.UseCaseOutOfScope, fixture.TryOpen(request => request.UseCase = "useCases/other").Outcome);
        Assert.Equal(Outcome.UseCaseNotFound, fixture.TryOpen(request => request.UseCase = "useCases/none").Outcome);
        Assert.Equal(Outcome.UseCaseNotFound, fixture.TryOpen(request => request.UseCase = "agents/writer").Outcome);
        Assert.Equal(Outcome.AgentNotFound, fixture.TryOpen(request => request.Agent = "agents/none").Outcome);
        Assert.Equal(Outcome.AgentNotFound, fixture.TryOpen(request => request.Agent = "useCases/promo").Outcome);
    }

    [Fact]
    public void A_spend_without_a_required_tag_is_refused_and_the_tag_named()
    {
        LedgerFixture fixture = WithTags();
        long session = fixture.Open();

        ReservationRefused refused = fixture.Reserve(session).Event!.ReservationRefused;

        Assert.Equal(Reason.MissingTag, refused.Reason);
        Assert.Equal("environment", refused.Subject);
    }

    [Fact]
    public void A_required_tag_comes_from_the_session_or_from_the_call()
    {
        LedgerFixture fixture = WithTags();

        fixture.Hold(fixture.Open(request => request.Tags["environment"] = "prod"));
        long reservation = fixture.Hold(fixture.Open(), request => request.Tags["environment"] = "staging");
        Assert.Equal("staging", fixture.Journal[(int)reservation - 1].ReservationHeld.Tags.Values["environment"]);
    }

    [Theory]
    [InlineData("feature", "x")]
    [InlineData("environment", "dev")]
    [InlineData("environment", "Prod")]
    [InlineData("environment", "")]
    public void A_tag_that_is_not_declared_or_has_a_value_that_is_not_allowed_is_a_fault(string tag, string value)
    {
        LedgerFixture fixture = WithTags();
        long session = fixture.Open(request => request.Tags["environment"] = "prod");

        Answer call = fixture.Reserve(session, request => request.Tags[tag] = value);
        Answer open = fixture.TryOpen(request => request.Tags[tag] = value);

        Assert.Equal(Outcome.TagInvalid, call.Outcome);
        Assert.Equal($"tags.{tag}", Assert.Single(call.Faults!).Field);
        Assert.Equal(Outcome.TagInvalid, open.Outcome);
        Assert.Equal(0, fixture.Session(session).Steps);
    }

    [Fact]
    public void A_tag_without_listed_values_takes_any()
    {
        LedgerFixture fixture = WithTags();

        fixture.Hold(fixture.Open(), request => request.Tags.Add(new Dictionary<string, string>
        {
            ["environment"] = "prod",
            ["customer"] = "Müller & Söhne",
        }));
    }

    [Theory]
    [InlineData("tenant")]
    [InlineData("business_unit")]
    [InlineData("use_case")]
    [InlineData("agent")]
    [InlineData("session")]
    [InlineData("model")]
    public void Who_spends_on_what_is_told_by_identity_and_catalog_and_never_by_a_tag(string tag)
    {
        // Undeclared it is refused; declared it is a word beside the truth.
        var strict = new LedgerFixture();
        Assert.Equal(
            Outcome.TagInvalid, strict.Reserve(strict.Open(), request => request.Tags[tag] = "another").Outcome);
        var fixture = new LedgerFixture(catalog => catalog.Tags[tag] = new TagRule());
        long session = fixture.Open();

        fixture.Hold(session, request => request.Tags[tag] = "another");

        LedgerEvent held = fixture.Journal[^1];
        Assert.Equal(
            ("agents/writer", "useCases/promo", "businessUnits/marketing", $"sessions/s{session}"),
            (held.Spender.Agent, held.Spender.UseCase, held.Spender.BusinessUnit, held.Spender.Session));
        Assert.Equal(LedgerFixture.Haiku, held.ReservationHeld.Model);
        Assert.Equal("another", held.ReservationHeld.Tags.Values[tag]);
    }

    private static LedgerFixture WithTags() => new(catalog =>
    {
        catalog.Tags["customer"] = new TagRule();
        catalog.Tags["environment"] = new TagRule { Required = true, Values = { "prod", "staging" } };
    });

    [Theory]
    [InlineData("claude-*", LedgerFixture.Haiku, true)]
    [InlineData("claude-haiku-*", LedgerFixture.Haiku, true)]
    [InlineData("claude-haiku-*", LedgerFixture.Sonnet, false)]
    [InlineData("*", LedgerFixture.Sonnet, true)]
    [InlineData("claude-haiku-4-5*", LedgerFixture.Haiku, true)]
    public void A_family_of_models_is_what_begins_like_it(string pattern, string model, bool isAllowed)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Downgrade.Clear();
            catalog.Agents[0].Models.Clear();
            catalog.Agents[0].Models.Add(pattern);
        });

        Reason reason = fixture.RefusalOf(fixture.Open(), request => request.Model = model);

        Assert.Equal(isAllowed ? Reason.Unspecified : Reason.ModelOutOfScope, reason);
    }

    [Theory]
    [InlineData("claude-haiku-*", true)]
    [InlineData(LedgerFixture.Haiku, true)]
    [InlineData("claude-h*", false)]
    [InlineData(LedgerFixture.Sonnet, false)]
    public void A_session_asks_for_models_within_a_family_and_no_wider(string asked, bool isWithin)
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Downgrade.Clear();
            catalog.Agents[0].Models.Clear();
            catalog.Agents[0].Models.Add("claude-haiku-*");
        });

        Answer answer = fixture.TryOpen(request => request.Models.Add(asked));

        Assert.Equal(isWithin ? Outcome.Done : Outcome.ModelOutOfScope, answer.Outcome);
    }

    [Theory]
    [InlineData("gtp-*")]
    [InlineData("*-haiku")]
    [InlineData("claude-*-4-5")]
    public void A_pattern_that_is_of_no_model_is_a_fault(string pattern)
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog => catalog.Agents[0].Models.Add(pattern));

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal("agents[0].models[2]", Assert.Single(answer.Faults!).Field);
    }
}
