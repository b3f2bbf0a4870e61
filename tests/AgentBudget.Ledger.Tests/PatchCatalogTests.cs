using AgentBudget.Protocol.V1;
using Kind = AgentBudget.Protocol.V1.CatalogChange.Types.Kind;

namespace AgentBudget.Ledger.Tests;

public sealed class PatchCatalogTests
{
    [Fact]
    public void A_patch_puts_and_removes_single_entries_and_leaves_the_rest()
    {
        var fixture = new LedgerFixture(catalog => catalog.Skus.Add(Sku("sandbox.minute")));

        CatalogPatched patched = Done(fixture.Patch(
            put =>
            {
                put.BusinessUnits.Add(new BusinessUnit { Id = "supply" });
                put.UseCases.Add(new UseCase { Id = "promo", BusinessUnit = "supply" });
                put.Agents.Add(Agent("editor"));
                put.Tags.Add("customer", new TagRule { Required = true });
            },
            "skus/sandbox.minute"));

        Assert.Equal(
            [
                (Kind.Added, "tags/customer"), (Kind.Added, "businessUnits/supply"), (Kind.Changed, "useCases/promo"),
                (Kind.Added, "agents/editor"), (Kind.Removed, "skus/sandbox.minute"),
            ],
            patched.Changes.Select(change => (change.Kind, change.Item)));
        GetCatalogResponse view = fixture.Catalog();
        Assert.Equal(fixture.Journal[^1].Sequence, view.Version);
        Assert.Equal("", view.Document);
        Assert.Equal(["marketing", "supply"], view.Catalog.BusinessUnits.Select(unit => unit.Id));
        Assert.Equal("supply", view.Catalog.UseCases.Single().BusinessUnit);
        Assert.Equal(["writer", "editor"], view.Catalog.Agents.Select(agent => agent.Id));
        Assert.Empty(view.Catalog.Skus);
        Assert.True(view.Catalog.Tags["customer"].Required);
        Assert.Equal("Europe/Berlin", view.Catalog.TimeZone);
        Assert.Equal(2, patched.PriceVersion);
    }

    [Fact]
    public void The_event_holds_the_patch_and_not_the_catalog()
    {
        var fixture = new LedgerFixture();

        CatalogPatched patched = Done(fixture.Patch(put =>
        {
            put.Agents.Add(Agent("editor"));
            put.Agents.Add(Catalogs.Acme().Agents[0]);
        }));

        Assert.Equal("editor", Assert.Single(patched.Put.Agents).Id);
        Assert.Empty(patched.Put.Prices);
        Assert.Equal(1, patched.BaseVersion);
        Assert.Equal(1, patched.PriceVersion);
        Assert.Equal("agents/editor", Assert.Single(patched.Changes).Item);
    }

    [Fact]
    public void A_patch_that_changes_nothing_is_not_recorded()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Patch(put => put.Agents.Add(Catalogs.Acme().Agents[0]));

        Assert.Equal(Outcome.Done, answer.Outcome);
        Assert.Equal(0, answer.Event!.Sequence);
        Assert.Empty(answer.Event.CatalogPatched.Changes);
        Assert.Single(fixture.Journal);
    }

    [Fact]
    public void A_patched_agent_spends_and_a_removed_one_opens_no_session()
    {
        var fixture = new LedgerFixture();
        fixture.Patch(put => put.Agents.Add(Agent("editor")));
        long session = fixture.Open(request => request.Agent = "agents/editor");
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);

        Done(fixture.Patch(_ => { }, "agents/editor"));
        fixture.Restart();

        Assert.Equal(
            Outcome.AgentNotFound, fixture.TryOpen(request => request.Agent = "agents/editor").Outcome);
        Done(fixture.Patch(put => put.Agents.Add(Agent("editor"))));
        fixture.Open(request => request.Agent = "agents/editor");
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("agents/editor").Settled));
    }

    [Fact]
    public void A_dry_run_says_what_would_change_and_changes_nothing()
    {
        var fixture = new LedgerFixture();
        byte[] before = fixture.Ledger.Snapshot();

        Answer dry = fixture.Patch(put => put.Agents.Add(Agent("editor")), request => request.DryRun = true);

        Assert.Equal(0, dry.Event!.Sequence);
        Assert.Equal("agents/editor", Assert.Single(dry.Event.CatalogPatched.Changes).Item);
        Assert.Equal(before, fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_request_id_has_one_effect_and_refuses_other_content()
    {
        var fixture = new LedgerFixture();
        void Id(PatchCatalogRequest request) => (request.RequestId, request.Document) = ("once", "editor");
        long sequence = fixture.Patch(put => put.Agents.Add(Agent("editor")), Id).Event!.Sequence;

        Answer again = fixture.Patch(put => put.Agents.Add(Agent("editor")), Id);
        Answer other = fixture.Patch(put => put.Agents.Add(Agent("other")), request =>
        {
            Id(request);
            request.Document = "other";
        });
        Answer based = fixture.Patch(put => put.Agents.Add(Agent("editor")), request =>
        {
            Id(request);
            request.BaseVersion = 0;
        });

        Assert.Equal(sequence, again.Event!.Sequence);
        Assert.Equal(Outcome.KeyReused, other.Outcome);
        Assert.Equal(Outcome.KeyReused, based.Outcome);
        Assert.Equal(2, fixture.Journal.Count);
    }

    [Fact]
    public void A_patch_of_another_version_is_refused_with_the_one_in_force()
    {
        var fixture = new LedgerFixture();
        Answer first = fixture.Patch(put => put.Agents.Add(Agent("a")), request => request.BaseVersion = 1);

        Answer stale = fixture.Patch(put => put.Agents.Add(Agent("b")), request => request.BaseVersion = 1);
        fixture.Restart();
        Answer fresh = fixture.Patch(
            put => put.Agents.Add(Agent("b")), request => request.BaseVersion = first.Event!.Sequence);

        Assert.Equal(Outcome.CatalogOutdated, stale.Outcome);
        Assert.Contains("version 2 ", Assert.Single(stale.Faults!).Description, StringComparison.Ordinal);
        Assert.Equal(Outcome.Done, fresh.Outcome);
    }

    public static TheoryData<string, string, string> Faults => new()
    {
        { "agents/nobody", "remove[0]", "'agents/nobody' is not in the catalog" },
        { "tags/nothing", "remove[0]", "is not in the catalog" },
        { "prices/nothing", "remove[0]", "is not in the catalog" },
        { "tenants/acme", "remove[0]", "is not in the catalog" },
        { "businessUnits/marketing", "remove", "useCases/promo names what is removed: businessUnit 'marketing'" },
        { "useCases/promo", "remove", "agents/writer names what is removed: useCases[0] 'promo'" },
        { $"prices/{LedgerFixture.Haiku}", "remove", "useCases/promo names what is removed: downgrade." },
        { "agents/editor", "remove[0]", "is put by the same patch" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void What_is_unknown_or_named_by_what_stays_is_not_removed(string item, string field, string words)
    {
        var fixture = new LedgerFixture();
        Done(fixture.Patch(put => put.Agents.Add(Agent("editor"))));

        bool isPut = item == "agents/editor";
        Answer answer = fixture.Patch(put => put.Agents.Add(isPut ? [Agent("editor")] : []), item);

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Fault fault = answer.Faults![0];
        Assert.Equal(field, fault.Field);
        Assert.Contains(words, fault.Description, StringComparison.Ordinal);
        Assert.Equal(2, fixture.Journal.Count);
    }

    [Fact]
    public void Entries_are_held_to_the_rules_of_a_whole_catalog()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Patch(put =>
        {
            put.UseCases.Add(new UseCase { Id = "other", BusinessUnit = "nowhere" });
            put.Agents.Add(Agent("Editor"));
            put.Agents.Add(Agent("twice"));
            put.Agents.Add(Agent("twice"));
            put.Agents[1].Models.Add("gpt-*");
            put.Prices.Add(Catalogs.Price("dear", input: -1, output: 1));
            put.Prices.Add(Catalogs.Price("alias", input: 1, output: 1));
            put.Prices[1].Aliases.Add(LedgerFixture.Haiku);
        });

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Equal(
            [
                "agents[0].id", "agents[1].models[2]", "agents[2].id", "prices[0].rates.input", "prices[1].aliases",
                "useCases[0].businessUnit",
            ],
            answer.Faults!.Select(fault => fault.Field).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_removed_model_names_at_most_a_hundred_faults()
    {
        var fixture = new LedgerFixture(
            catalog => catalog.Agents.Add(Enumerable.Range(0, 300).Select(number => Agent($"a{number}"))),
            comparesEachTurn: false);

        Answer answer = fixture.Patch(_ => { }, $"prices/{LedgerFixture.Sonnet}");

        Assert.Equal(100, answer.Faults!.Count);
    }

    [Fact]
    public void Removing_what_open_sessions_or_holds_refer_to_is_refused_and_named()
    {
        var fixture = new LedgerFixture();
        Done(fixture.Patch(put => put.Agents.Add(Agent("editor"))));
        long session = fixture.Open();

        Answer open = fixture.Patch(_ => { }, "agents/writer");
        Assert.Equal(Outcome.Done, fixture.Patch(_ => { }, "agents/editor").Outcome);
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);

        Assert.Equal(Outcome.CatalogInUse, open.Outcome);
        Assert.Equal("agents/writer", Assert.Single(open.Faults!).Field);
        Assert.Equal(Outcome.Done, fixture.Patch(_ => { }, "agents/writer").Outcome);
    }

    [Fact]
    public void A_price_is_put_by_model_region_tier_and_time_and_removed_with_all_of_its_model()
    {
        var fixture = new LedgerFixture();
        Price european = Catalogs.Price(LedgerFixture.Haiku, input: 2, output: 6);
        european.Region = "eu";
        long session = fixture.Open();
        long before = fixture.Hold(session);

        CatalogPatched added = Done(fixture.Patch(put => put.Prices.Add(european)));
        CatalogPatched dearer =
            Done(fixture.Patch(put => put.Prices.Add(Catalogs.Price(LedgerFixture.Haiku, input: 10, output: 50))));

        Assert.Equal(
            $"prices/{LedgerFixture.Haiku}/eu@2026-01-01T00:00:00Z", Assert.Single(added.Changes).Item);
        Assert.Equal((2, 3), (added.PriceVersion, dearer.PriceVersion));
        Assert.Equal(6_000_000, fixture.Commit(session, before, 1000, 1000).Event!.ReservationSettled.CostNanos);
        long after = fixture.Hold(session);
        Assert.Equal(60_000_000, fixture.Commit(session, after, 1000, 1000).Event!.ReservationSettled.CostNanos);
        Done(fixture.Patch(put =>
        {
            put.UseCases.Add(Catalogs.Acme().UseCases[0]);
            put.UseCases[0].Downgrade.Clear();
            put.Agents.Add(Catalogs.Acme().Agents[0]);
            put.Agents[0].Models.Remove(LedgerFixture.Haiku);
        }));
        CatalogPatched removed = Done(fixture.Patch(_ => { }, $"prices/{LedgerFixture.Haiku}"));
        Assert.Equal(2, removed.Removed.Count);
        Assert.Equal(LedgerFixture.Sonnet, Assert.Single(fixture.Catalog().Catalog.Prices).Model);
    }

    [Fact]
    public void A_family_that_no_model_is_of_is_a_notice()
    {
        var fixture = new LedgerFixture();
        CatalogPatched patched = Done(fixture.Patch(put =>
        {
            Agent editor = Agent("editor");
            var limit = new Protocol.V1.Budget { Limit = Catalogs.Dollars(1), Period = Period.Day };
            editor.ModelBudgets.Add(new ModelBudget { Models = "gpt-*", Budget = limit });
            editor.ModelBudgets.Add(new ModelBudget { Models = "claude-*", Budget = limit });
            put.Agents.Add(editor);
        }));

        Assert.Contains("agents/editor/models/gpt-*:", Assert.Single(patched.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Base_and_patches_come_to_what_whole_catalogs_come_to(int seed)
    {
        var random = new Random(seed);
        var patched = new LedgerFixture(Widen);
        var whole = new LedgerFixture(Widen);
        LedgerFixture[] both = [patched, whole];
        for (int step = 0; step < 60; step++)
        {
            if (random.Next(3) > 0)
            {
                RandomPatches.Spend(random.Next(), both);
                continue;
            }

            (Catalog put, string[] removed) = RandomPatches.Next(random, whole.Catalog().Catalog);
            Catalog next = RandomPatches.After(whole.Catalog().Catalog, put, removed);
            Answer one = patched.Patch(catalog => catalog.MergeFrom(put), removed);
            Answer other = whole.Apply(next);
            Assert.Equal(other.Outcome, one.Outcome);
        }

        Assert.Equal(whole.Catalog().Catalog, patched.Catalog().Catalog);
        Assert.Contains(patched.Journal, told => told.CatalogPatched is not null);
        foreach (string account in RandomPatches.Accounts)
        {
            Answer expected = whole.Send(new BalanceQuery(0, account));
            Answer found = patched.Send(new BalanceQuery(0, account));
            Assert.Equal((account, expected.Outcome), (account, found.Outcome));
            Assert.Equal(expected.View, found.View);
        }
    }

    private static void Widen(Catalog catalog)
    {
        catalog.Agents.Add(Agent("editor"));
        catalog.UseCases.Add(new UseCase { Id = "other", BusinessUnit = "marketing" });
        catalog.Agents[0].UseCases.Add("other");
        catalog.RefuseUnpricedItems = true;
        catalog.Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(90), Period = Period.Week };
        catalog.ModelBudgets.Add(new ModelBudget
        {
            Models = "claude-*",
            Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(80) },
        });
    }

    private static Agent Agent(string id) => new()
    {
        Id = id,
        BusinessUnit = "marketing",
        UseCases = { "promo" },
        Models = { LedgerFixture.Sonnet, LedgerFixture.Haiku },
    };

    private static Sku Sku(string id) => new() { Id = id, Unit = "minute", Cost = Catalogs.Dollars(0.1m) };

    private static CatalogPatched Done(Answer answer)
    {
        Assert.True(answer.Outcome == Outcome.Done, string.Join('\n', answer.Faults ?? []));
        Assert.True(answer.Event!.Sequence > 0);
        return answer.Event.CatalogPatched;
    }
}
