using AgentBudget.Protocol.V1;
using static AgentBudget.Ledger.Tests.LedgerFixture;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// What is not tokens: costs that are recorded, and items that are held and committed with a call. A sandbox minute is
/// 0.004, a web search 0.01, a call of the tool crm.read 0.0005.
/// </summary>
public sealed class CostTests
{
    private const string Promo = "useCases/promo";
    private const string Minute = "sandbox.minute";
    private const string Search = "web_search";
    private const string Tool = "crm.read";

    private static readonly string[] Path =
        [Promo, "agents/writer", "businessUnits/marketing", "tenants/acme"];

    [Fact]
    public void A_cost_is_checked_and_charged_on_every_account_in_one_turn()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        int before = ledger.Journal.Count;

        CostRecorded recorded = Record(ledger, session, Minute, 2.5).Event!.CostRecorded;

        Assert.Equal((Minute, 2_500_000L, 10_000_000L, 0L),
            (recorded.Sku, recorded.QuantityMillionths, recorded.CostNanos, recorded.ToolCalls));
        Assert.Equal(before + 1, ledger.Journal.Count);
        Assert.All([.. Path, $"sessions/s{session}"], account =>
        {
            GrainBalance balance = ledger.Balance(account);
            Assert.Equal((10_000_000L, 0L, 0L), (Nanos(balance.Settled), Nanos(balance.Held), balance.SettledTokens));
        });
    }

    [Fact]
    public void A_cost_takes_the_same_path_through_budgets_to_the_last_nano()
    {
        LedgerFixture ledger = Make(catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true);
        long session = ledger.Open();

        Assert.NotNull(Record(ledger, session, Minute, 275).Event!.CostRecorded);
        ReservationRefused refused = Record(ledger, session, Minute, 0.001).Event!.ReservationRefused;

        Assert.Equal((Reason.UseCaseBudget, Promo, Minute, 4000L, 1_100_000_000L),
            (refused.Reason, refused.Grain, refused.Sku, refused.Requested, refused.Settled));
        Assert.Equal(1_100_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_cost_has_no_cheaper_model_so_the_use_case_decides_at_the_soft_cap()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        Assert.NotNull(Record(ledger, session, Minute, 250).Event!.CostRecorded);
        Assert.Equal(Reason.UseCaseBudget, RefusalOf(ledger, session, Minute, 0.001));
    }

    [Fact]
    public void A_recorded_cost_rounds_half_to_even()
    {
        LedgerFixture ledger = Make(catalog => catalog.Skus[0].Cost = new Money { Nanos = 1 });
        long session = ledger.Open();

        long[] costs = [.. new[] { 0.5, 1.5, 2.5, 2.500001, 3 }
            .Select(quantity => Record(ledger, session, Minute, quantity).Event!.CostRecorded.CostNanos)];

        Assert.Equal([0, 2, 2, 3, 3], costs);
    }

    [Fact]
    public void An_unknown_sku_is_refused_and_never_free()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        ReservationRefused refused = Record(ledger, session, "gpu.hour", 1).Event!.ReservationRefused;

        Assert.Equal((Reason.UnknownPrice, "gpu.hour", "gpu.hour"), (refused.Reason, refused.Subject, refused.Sku));
    }

    [Fact]
    public void A_hold_counts_an_item_without_a_price_at_nothing_unless_the_catalog_refuses_it()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        ReservationHeld held =
            ledger.Reserve(session, request => Add(request.Estimate, "gpu.hour", 1)).Event!.ReservationHeld;
        Assert.Equal(6_000_000, held.CostNanos);

        Answer applied = ledger.Change(catalog => catalog.RefuseUnpricedItems = true);
        Assert.Equal("tenants/acme", Assert.Single(applied.Event!.CatalogApplied.Changes).Item);
        ReservationRefused refused =
            ledger.Reserve(session, request => Add(request.Estimate, "gpu.hour", 1)).Event!.ReservationRefused;
        Assert.Equal((Reason.UnknownPrice, "gpu.hour"), (refused.Reason, refused.Subject));
    }

    [Fact]
    public void The_cost_of_a_tool_is_held_to_its_scope_and_to_the_tool_calls()
    {
        LedgerFixture ledger = Make(catalog => catalog.Tools.Add(
            new Tool { Id = "billing.pay", CostPerCall = Catalogs.Dollars(1) }));
        long session = ledger.Open(request => request.Ceilings = new Ceilings { ToolCallsPerSession = 3 });

        Assert.Equal(Reason.ToolOutOfScope, RefusalOf(ledger, session, "billing.pay", 1));
        Assert.Equal(2, Record(ledger, session, Tool, 1.5).Event!.CostRecorded.ToolCalls);
        Assert.Equal(Reason.StepCeiling, RefusalOf(ledger, session, Tool, 2));
        Assert.Equal(1, Record(ledger, session, Tool, 1).Event!.CostRecorded.ToolCalls);
        Assert.Equal(Reason.StepCeiling, ledger.RefusalOf(session, request => request.Tool = Tool));
    }

    [Fact]
    public void A_model_call_on_behalf_of_a_tool_pays_for_its_tokens_only()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        ReservationHeld held = ledger.Reserve(session, request => request.Tool = Tool).Event!.ReservationHeld;

        Assert.Equal((6_000_000L, 1L), (held.CostNanos, held.ToolCalls));
    }

    [Fact]
    public void A_cost_is_refused_where_its_session_may_not_spend()
    {
        LedgerFixture ledger = Make(catalog => catalog.Tags.Add("customer", new TagRule { Required = true }));
        long session = ledger.Open();

        Assert.Equal(Reason.MissingTag, RefusalOf(ledger, session, Minute, 1));
        Assert.Equal(
            Outcome.TagInvalid, Record(ledger, session, Minute, 1, r => r.Tags.Add("colour", "red")).Outcome);
        Assert.NotNull(Record(ledger, session, Minute, 1, r => r.Tags.Add("customer", "k1")).Event!.CostRecorded);
        ledger.End(session);
        Assert.Equal(Reason.SessionClosed, RefusalOf(ledger, session, Minute, 1));
        Assert.Equal(Outcome.SessionNotFound, Record(ledger, 999, Minute, 1).Outcome);
    }

    [Fact]
    public void A_cost_crosses_notify_tiers()
    {
        LedgerFixture ledger = Make();

        CostRecorded recorded = Record(ledger, ledger.Open(), Minute, 200).Event!.CostRecorded;

        Assert.Equal([50, 80], recorded.TiersCrossed.Select(crossing => crossing.AtPercent));
        Assert.Empty(Record(ledger, ledger.Open(), Minute, 1).Event!.CostRecorded.TiersCrossed);
    }

    [Fact]
    public void A_repeated_cost_has_one_effect_and_one_answer()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        string id = ledger.NextRequestId();

        Answer first = Record(ledger, session, Minute, 1, request => request.RequestId = id);
        Answer again = Record(ledger, session, Minute, 1, request =>
        {
            request.RequestId = id;
            request.ClearQuantity();
        });

        Assert.Same(first.Event, again.Event);
        Assert.Equal(
            Outcome.KeyReused, Record(ledger, session, Minute, 2, request => request.RequestId = id).Outcome);
        Assert.Equal(4_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void Counted_items_are_held_and_charged_beside_the_tokens()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => Add(request.Estimate, Search, 3));
        Assert.Equal(36_000_000, Nanos(ledger.Balance(Promo).Held));

        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 1000, request => Add(request.Usage, Search, 1)).Event!.ReservationSettled;

        Assert.Equal((16_000_000L, 2000L, 0L), (settled.CostNanos, settled.Tokens, settled.OverrunNanos));
        ItemCost item = Assert.Single(settled.ItemCosts.Items);
        Assert.Equal((Search, 1L, 10_000_000L, false), (item.Sku, item.Count, item.CostNanos, item.Tool));
        Assert.Equal(0, Nanos(ledger.Balance(Promo).Held));
    }

    [Fact]
    public void A_hold_of_items_alone_is_no_model_call_and_no_step()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open(request => request.Ceilings = new Ceilings { StepsPerSession = 0 });

        long reservation = ledger.Hold(session, request => ItemsAlone(request, Minute, 10));
        ReservationSettled settled = ledger.Commit(
            session, reservation, 0, 0, request => Add(request.Usage, Minute, 7)).Event!.ReservationSettled;

        Assert.Equal((28_000_000L, 0L, ""), (settled.CostNanos, settled.Tokens, settled.Model));
        Assert.Equal(Reason.StepCeiling, ledger.RefusalOf(session));
    }

    [Fact]
    public void Tokens_on_a_hold_of_items_alone_need_a_model_to_be_priced_by()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => ItemsAlone(request, Minute, 10));

        Assert.Equal(Outcome.ModelMissing, ledger.Commit(session, reservation, 1000, 0).Outcome);
        ReservationSettled settled = ledger.Commit(
            session, reservation, 1000, 0, request => request.Model = Haiku).Event!.ReservationSettled;
        Assert.Equal((1_000_000L, Haiku), (settled.CostNanos, settled.Model));
    }

    [Fact]
    public void A_hold_of_items_alone_is_not_amended_to_tokens_without_a_model()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => ItemsAlone(request, Minute, 10));

        Answer refused = ledger.Amend(
            session, reservation, request => request.Estimate = Catalogs.Input(1));

        Assert.Equal(Reason.UnknownPrice, refused.Event!.ReservationRefused.Reason);
    }

    [Fact]
    public void An_item_that_the_price_book_does_not_know_is_charged_nothing_and_named()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        ReservationSettled settled = ledger.Commit(
            session, reservation, 0, 0, request => Add(request.Usage, "gpu.hour", 2)).Event!.ReservationSettled;

        Assert.Equal(0, settled.CostNanos);
        Assert.Equal(["gpu.hour"], settled.UnpricedItems);
    }

    [Fact]
    public void Searches_that_a_provider_made_by_itself_are_never_another_items_price()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            catalog.Prices[1] = Catalogs.Price(Haiku, input: 3, output: 15);
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(50);
            catalog.Skus.Add(new Sku { Id = "gpu.day", Unit = "day", Cost = Catalogs.Dollars(98.32m) });
            catalog.Skus.Add(new Sku { Id = Minute, Unit = "minute", Cost = Catalogs.Dollars(0.004m) });
        });
        long session = ledger.Open();

        ReservationSettled settled = ledger.Commit(
            session, ledger.Hold(session), 105, 6039, request => Add(request.Usage, "web_search", 3))
            .Event!.ReservationSettled;

        Assert.Equal(90_900_000, settled.CostNanos);
        Assert.Equal(["web_search"], settled.UnpricedItems);
        Assert.Equal(Reason.Unspecified, ledger.RefusalOf(session));
    }

    [Fact]
    public void The_items_of_a_tool_are_held_to_its_scope_and_to_the_tool_calls()
    {
        LedgerFixture ledger = Make(catalog => catalog.Tools.Add(
            new Tool { Id = "billing.pay", CostPerCall = Catalogs.Dollars(0.01m) }));
        long session = ledger.Open(request => request.Ceilings = new Ceilings { ToolCallsPerSession = 5 });

        Assert.Equal(
            Reason.ToolOutOfScope, ledger.RefusalOf(session, request => Add(request.Estimate, "billing.pay", 1)));
        Assert.Equal(Reason.StepCeiling, ledger.RefusalOf(session, request => Add(request.Estimate, Tool, 6)));
        ReservationHeld held = ledger.Reserve(session, request =>
        {
            request.Tool = Tool;
            Add(request.Estimate, Tool, 5);
        }).Event!.ReservationHeld;
        Assert.Equal((5L, 8_500_000L), (held.ToolCalls, held.CostNanos));
    }

    [Fact]
    public void A_hold_of_items_is_settled_with_the_prices_that_it_was_held_with()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => ItemsAlone(request, Minute, 10));
        ledger.Change(catalog => catalog.Skus[0].Cost = Catalogs.Dollars(1));
        ledger.Restart();

        ReservationSettled settled = ledger.Commit(
            session, reservation, 0, 0, request => Add(request.Usage, Minute, 10)).Event!.ReservationSettled;

        Assert.Equal((40_000_000L, 1L), (settled.CostNanos, settled.PriceVersion));
        Assert.Equal(10_000_000, Record(ledger, session, Minute, 0.01).Event!.CostRecorded.CostNanos);
    }

    [Fact]
    public void Items_are_amended_expire_and_are_settled_in_parts_like_tokens()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request =>
        {
            ItemsAlone(request, Minute, 10);
            request.OnExpiry = OnExpiry.Charge;
        });
        ledger.Commit(session, reservation, 0, 0, request =>
        {
            Add(request.Usage, Minute, 4);
            request.Final = false;
        });
        Assert.Equal(24_000_000, Nanos(ledger.Balance(Promo).Held));
        ledger.Amend(session, reservation, request => request.Estimate = Add(new TokenEstimate(), Minute, 20));
        Assert.Equal(80_000_000, Nanos(ledger.Balance(Promo).Held));

        ledger.Advance(600 * Second);

        ReservationSettled settled = ledger.Journal[^1].ReservationSettled;
        Assert.Equal((80_000_000L, 20L), (settled.CostNanos, settled.ItemCosts.Items[0].Count));
    }

    [Fact]
    public void What_is_left_of_a_hold_of_items_after_a_part_is_without_what_was_settled()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request =>
        {
            ItemsAlone(request, Minute, 10);
            Add(request.Estimate, Search, 2);
            request.OnExpiry = OnExpiry.Charge;
        });
        void Part(string sku, long count) => ledger.Commit(session, reservation, 0, 0, request =>
        {
            Add(request.Usage, sku, count);
            request.Final = false;
        });

        Part(Minute, 10);
        Assert.Equal(20_000_000, Nanos(ledger.Balance(Promo).Held));
        Part(Search, 2);
        ledger.Advance(600 * Second);

        ReservationSettled settled = ledger.Journal[^1].ReservationSettled;
        Assert.Equal((0L, null), (settled.CostNanos, settled.ItemCosts));
        Assert.Empty(settled.Usage.Items);
    }

    [Fact]
    public void Items_whose_cost_is_beyond_64_bits_are_refused_before_any_change()
    {
        LedgerFixture ledger = Make(catalog => catalog.Skus[0].Cost = Catalogs.Dollars(900_000_000));
        long session = ledger.Open();
        Outcome Reserve(params long[] counts) => ledger.Reserve(session, request =>
        {
            request.Model = "";
            request.Estimate = new TokenEstimate();
            foreach (long count in counts) Add(request.Estimate, Minute, count);
        }).Outcome;

        Assert.Equal(Outcome.AmountOverflow, Reserve(1_000_000));
        Assert.Equal(Outcome.AmountOverflow, Reserve(6, 6));
        Assert.Equal(Outcome.Done, Reserve(2));
    }

    [Fact]
    public void An_item_is_charged_nothing_where_the_price_book_has_no_price_for_any()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();

        ReservationSettled settled = ledger.Commit(
            session, ledger.Hold(session), 1000, 0, request => Add(request.Usage, Search, 3)).Event!.ReservationSettled;

        Assert.Equal((1_000_000L, 0L), (settled.CostNanos, settled.ItemCosts.Items[0].CostNanos));
    }

    [Fact]
    public void Items_have_no_cheaper_model_above_the_soft_cap()
    {
        LedgerFixture ledger = Make();
        long session = ledger.Open();

        Assert.Equal(
            Reason.UseCaseBudget, ledger.RefusalOf(session, request => ItemsAlone(request, Minute, 251)));
        Assert.Equal(Reason.Unspecified, ledger.RefusalOf(session, request => ItemsAlone(request, Minute, 250)));
    }

    [Fact]
    public void A_catalog_may_not_name_a_tool_and_a_sku_alike()
    {
        LedgerFixture ledger = Make();

        Answer answer = ledger.Change(catalog => catalog.Skus.Add(new Sku { Id = Tool, Cost = Catalogs.Dollars(1) }));

        Assert.Equal("skus[2].id", Assert.Single(answer.Faults!).Field);
    }

    private static LedgerFixture Make(Action<Catalog>? change = null) => new(catalog =>
    {
        catalog.Skus.Add(new Sku { Id = Minute, Unit = "minute", Cost = Catalogs.Dollars(0.004m) });
        catalog.Skus.Add(new Sku { Id = Search, Unit = "search", Cost = Catalogs.Dollars(0.01m) });
        catalog.Tools.Add(new Tool { Id = Tool, CostPerCall = Catalogs.Dollars(0.0005m) });
        change?.Invoke(catalog);
    });

    private static Answer Record(
        LedgerFixture ledger, long session, string sku, double quantity, Action<RecordCostRequest>? change = null)
    {
        var request = new RecordCostRequest { RequestId = ledger.NextRequestId(), Sku = sku, Quantity = quantity };
        change?.Invoke(request);
        return ledger.Send(new RecordCostCommand(session, request));
    }

    private static Reason RefusalOf(LedgerFixture ledger, long session, string sku, double quantity) =>
        Record(ledger, session, sku, quantity).Event!.ReservationRefused.Reason;

    private static TokenEstimate Add(TokenEstimate estimate, string sku, long count)
    {
        estimate.Items.Add(new CountedItem { Sku = sku, Count = count });
        return estimate;
    }

    private static void Add(TokenUsage usage, string sku, long count) =>
        usage.Items.Add(new CountedItem { Sku = sku, Count = count });

    private static void ItemsAlone(ReserveTokensRequest request, string sku, long count)
    {
        request.Model = "";
        request.Estimate = Add(new TokenEstimate(), sku, count);
    }
}
