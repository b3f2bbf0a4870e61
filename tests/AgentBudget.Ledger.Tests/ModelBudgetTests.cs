using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Budgets on models and families of models, on any account, over everybody who runs them.</summary>
public sealed class ModelBudgetTests
{
    private const string Family = "useCases/promo/models/claude-sonnet-*";
    private const long SonnetCost = 18_000_000; // 1,000 tokens in and 1,000 out.
    private const long HaikuCost = 6_000_000;

    [Fact]
    public void A_family_is_limited_over_all_users_and_no_other_model_is()
    {
        LedgerFixture fixture = Fixture(limit: 0.036m);
        long kim = fixture.Open();
        long lee = fixture.Open(request => request.OnBehalfOf = "user:lee@acme.test");

        fixture.Hold(kim, Sonnet);
        fixture.Hold(lee, Sonnet);
        ReservationRefused refused = fixture.Reserve(kim, Sonnet).Event!.ReservationRefused;

        Assert.Equal(Reason.ModelBudget, refused.Reason);
        Assert.Equal(Family, refused.Grain);
        Assert.Equal("day", refused.Window);
        Assert.Equal((36_000_000, 36_000_000, SonnetCost), (refused.Limit, refused.Held, refused.Requested));
        Assert.NotNull(refused.ResetTime);
        // The use case's cheaper model is no sonnet.
        Assert.Equal(LedgerFixture.Haiku, refused.SuggestedModel);
        fixture.Hold(kim);
    }

    [Fact]
    public void Balances_show_the_families_of_a_path_and_of_a_grain()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        fixture.Hold(session, Sonnet);

        GrainBalance ofPath = fixture.Path(session).Single(balance => balance.Grain == Family);
        var ofGrain = (GetBalanceResponse)fixture.Send(new BalanceQuery(0, "useCases/promo")).View!;

        Assert.Equal(SonnetCost, LedgerFixture.Nanos(ofPath.Held));
        Assert.Equal(["useCases/promo", Family], ofGrain.Grains.Select(balance => balance.Grain));
        Assert.Equal(SonnetCost, LedgerFixture.Nanos(fixture.Balance(Family).Held));
    }

    [Fact]
    public void What_ran_counts_and_not_what_was_held()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        long asHaiku = fixture.Hold(session);
        long asSonnet = fixture.Hold(session, Sonnet);

        fixture.Commit(session, asHaiku, 1000, 1000, request => request.Model = LedgerFixture.Sonnet);
        fixture.Commit(session, asSonnet, 1000, 1000, request => request.Model = LedgerFixture.Haiku);

        GrainBalance family = fixture.Balance(Family);
        Assert.Equal((SonnetCost, 0), (LedgerFixture.Nanos(family.Settled), LedgerFixture.Nanos(family.Held)));
        // None of it was held here.
        Assert.Equal(SonnetCost, LedgerFixture.Nanos(family.Overrun));
        Assert.Equal(SonnetCost + HaikuCost, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    [Fact]
    public void Of_several_samplings_each_counts_by_its_model()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        long hold = fixture.Hold(session, Sonnet);

        fixture.Commit(session, hold, 0, 0, request =>
        {
            request.Usage.Items.Add(new CountedItem { Sku = "search", Count = 2 });
            request.Parts.Add(Part(LedgerFixture.Haiku));
            request.Parts.Add(Part(LedgerFixture.Sonnet));
        });

        // The items are the first sampling's.
        Assert.Equal(SonnetCost, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Assert.Equal(2000, fixture.Balance(Family).SettledTokens);
    }

    [Fact]
    public void A_bill_counts_as_a_whole_on_the_first_model()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        long hold = fixture.Hold(session, Sonnet);

        fixture.Commit(session, hold, 0, 0, request =>
        {
            request.BilledCost = Catalogs.Dollars(0.5m);
            request.Parts.Add(Part(LedgerFixture.Sonnet));
            request.Parts.Add(Part(LedgerFixture.Haiku));
        });

        Assert.Equal(500_000_000, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
    }

    [Fact]
    public void A_model_that_nobody_prices_counts_where_its_price_is_from_and_where_its_name_is()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();

        fixture.Commit(session, fixture.Hold(session, Sonnet), 1000, 1000, request => request.Model = "other-1");
        fixture.Commit(session, fixture.Hold(session), 1000, 1000, request => request.Model = "claude-sonnet-9");

        Assert.Equal(SonnetCost + HaikuCost, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
    }

    [Fact]
    public void A_hold_that_moves_to_another_model_moves_between_families()
    {
        LedgerFixture fixture = Fixture(limit: 0.018m);
        long session = fixture.Open();
        long first = fixture.Hold(session);

        fixture.Amend(session, first, request => request.Model = LedgerFixture.Sonnet);
        Answer second = fixture.Amend(
            session, fixture.Hold(session), request => request.Model = LedgerFixture.Sonnet);
        Assert.Equal(Reason.ModelBudget, second.Event!.ReservationRefused.Reason);
        fixture.Amend(session, first, request => request.Model = LedgerFixture.Haiku);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Family).Held));
        fixture.Hold(session, Sonnet);
    }

    [Fact]
    public void Releases_and_expiries_give_back_what_the_family_holds()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        fixture.Release(session, fixture.Hold(session, Sonnet));
        fixture.Hold(session, Sonnet);
        fixture.Hold(session, request =>
        {
            Sonnet(request);
            request.OnExpiry = OnExpiry.Charge;
        });

        fixture.Advance(601 * LedgerFixture.Second);

        GrainBalance family = fixture.Balance(Family);
        Assert.Equal((SonnetCost, 0), (LedgerFixture.Nanos(family.Settled), LedgerFixture.Nanos(family.Held)));
    }

    [Fact]
    public void A_commit_after_a_charged_expiry_takes_the_charge_back_where_it_counted()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        long hold = fixture.Hold(session, request =>
        {
            Sonnet(request);
            request.OnExpiry = OnExpiry.Charge;
        });
        fixture.Advance(601 * LedgerFixture.Second);

        fixture.Commit(session, hold, 1000, 1000, request => request.Model = LedgerFixture.Haiku);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Assert.Equal(HaikuCost, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    [Fact]
    public void A_new_family_counts_what_is_held_and_one_that_is_named_no_longer_is_forgotten()
    {
        LedgerFixture fixture = Fixture(limit: null);
        long session = fixture.Open();
        long hold = fixture.Hold(session, Sonnet);

        fixture.Change(catalog => Limit(catalog, 0.03m));
        Assert.Equal(SonnetCost, LedgerFixture.Nanos(fixture.Balance(Family).Held));
        Assert.Equal(Reason.ModelBudget, fixture.RefusalOf(session, Sonnet));
        fixture.Commit(session, hold, 1000, 1000);
        fixture.Change(catalog => catalog.UseCases[0].ModelBudgets.Clear());

        Assert.Equal(Outcome.GrainNotFound, fixture.Send(new BalanceQuery(0, Family)).Outcome);
        fixture.Hold(session, Sonnet);
        fixture.Restart();
        fixture.Hold(session, Sonnet);
    }

    [Fact]
    public void A_family_has_periods_extensions_resets_and_tiers_of_its_own()
    {
        LedgerFixture fixture = Fixture(limit: 0.02m);
        long session = fixture.Open();
        ReservationSettled settled =
            fixture.Commit(session, fixture.Hold(session, Sonnet), 1000, 1000).Event!.ReservationSettled;
        Assert.Contains(settled.TiersCrossed, crossing => crossing is { Grain: Family, AtPercent: 80 });
        Assert.Equal(Reason.ModelBudget, fixture.RefusalOf(session, Sonnet));

        Assert.Equal(Outcome.Done, fixture.Extend(Family, amount: 0.02m).Outcome);
        fixture.Commit(session, fixture.Hold(session, Sonnet), 1000, 1000);
        var reset = new ResetBudgetRequest { RequestId = fixture.NextRequestId(), Grain = Family, Reason = "once" };
        Assert.Equal(Outcome.Done, fixture.Send(new ResetBudgetCommand(reset, "finance")).Outcome);
        fixture.Commit(session, fixture.Hold(session, Sonnet), 1000, 1000);
        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Assert.Contains(fixture.Journal, past => past.PeriodEnded?.Grain == Family);
    }

    [Fact]
    public void A_dispute_stands_beside_the_family_until_it_is_decided()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        Answer lie = fixture.Commit(session, fixture.Hold(session, Sonnet), 10_000_000, 0);
        Assert.True(lie.Event!.ReservationSettled.Disputed);

        GrainBalance during = fixture.Balance(Family);
        fixture.Restart();
        Decide(fixture, lie, DisputeDecision.Dismissed);
        GrainBalance after = fixture.Balance(Family);

        Assert.Equal(SonnetCost, LedgerFixture.Nanos(during.Settled));
        Assert.Equal(30_000_000_000 - SonnetCost, LedgerFixture.Nanos(during.Disputed));
        Assert.Equal(SonnetCost, LedgerFixture.Nanos(after.Settled));
        Assert.Null(after.Disputed);
    }

    [Fact]
    public void A_confirmed_dispute_counts_on_a_family_that_was_named_meanwhile()
    {
        LedgerFixture fixture = Fixture(limit: null);
        long session = fixture.Open();
        Answer lie = fixture.Commit(session, fixture.Hold(session, Sonnet), 10_000_000, 0);
        fixture.Change(catalog => Limit(catalog, 1));
        Assert.NotNull(fixture.Balance(Family).Disputed);

        Decide(fixture, lie, DisputeDecision.Confirmed);

        Assert.Equal(30_000_000_000 - SonnetCost, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Assert.Equal(Reason.ModelBudget, fixture.RefusalOf(fixture.Open(), Sonnet));
    }

    [Fact]
    public void A_correction_of_a_reservation_moves_its_family_and_one_of_a_family_moves_its_account()
    {
        LedgerFixture fixture = Fixture(limit: 1);
        long session = fixture.Open();
        long hold = fixture.Hold(session, Sonnet);
        LedgerEvent settled = fixture.Commit(session, hold, 1000, 1000).Event!;
        var of = new AdjustedReservation(
            hold, settled.Spender, SonnetCost, 2000, settled.ReservationSettled.Model);

        Adjust(fixture, new AdjustSpendRequest { ReservationId = "r", Amount = Catalogs.Dollars(-0.008m) }, of);
        Assert.Equal(10_000_000, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Adjust(fixture, new AdjustSpendRequest { Grain = Family, Amount = Catalogs.Dollars(-0.01m) }, null);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance(Family).Settled));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("tenants/acme").Settled));
        Assert.Equal(10_000_000, LedgerFixture.Nanos(fixture.Balance("agents/writer").Settled));
    }

    [Theory]
    [InlineData("tenants/acme")]
    [InlineData("businessUnits/marketing")]
    [InlineData("useCases/promo")]
    [InlineData("agents/writer")]
    public void Any_account_carries_budgets_on_models(string account)
    {
        ModelBudget budget = Budget(LedgerFixture.Sonnet, 0);
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Downgrade.Clear();
            (account.Split('/')[0] switch
            {
                "tenants" => catalog.ModelBudgets,
                "businessUnits" => catalog.BusinessUnits[0].ModelBudgets,
                "useCases" => catalog.UseCases[0].ModelBudgets,
                _ => catalog.Agents[0].ModelBudgets,
            }).Add(budget);
        });
        long session = fixture.Open();

        ReservationRefused refused = fixture.Reserve(session, Sonnet).Event!.ReservationRefused;

        Assert.Equal((Reason.ModelBudget, $"{account}/models/{LedgerFixture.Sonnet}"), (refused.Reason, refused.Grain));
        fixture.Hold(session);
    }

    [Fact]
    public void A_downgrade_tier_of_a_family_moves_calls_to_the_cheaper_model()
    {
        LedgerFixture fixture = Fixture(limit: 0.018m, budget =>
        {
            budget.Tiers.Add(new Tier { AtPercent = 100, Action = TierAction.Downgrade });
            budget.Tiers.Add(new Tier { AtPercent = 200, Action = TierAction.Refuse });
        });
        long session = fixture.Open();
        fixture.Hold(session, Sonnet);

        ReservationHeld held = fixture.Reserve(session, Sonnet).Event!.ReservationHeld;

        Assert.Equal((LedgerFixture.Haiku, LedgerFixture.Sonnet), (held.Model, held.RequestedModel));
    }

    [Theory]
    [InlineData("claude-*-4", "a star stands for the rest")]
    [InlineData("", "must be 1 to 128")]
    [InlineData("claude-sonnet-*", "is there twice")]
    public void A_pattern_that_is_none_is_refused_with_its_place(string models, string description)
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.Change(catalog =>
        {
            Limit(catalog, 1);
            catalog.UseCases[0].ModelBudgets.Add(Budget(models, 1));
        });

        Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
        Assert.Contains(
            answer.Faults!,
            fault => fault.Field == "useCases[0].modelBudgets[1].models"
                && fault.Description.Contains(description, StringComparison.Ordinal));
    }

    private static LedgerFixture Fixture(decimal? limit, Action<Protocol.V1.Budget>? change = null) => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        catalog.Skus.Add(new Sku { Id = "search", Unit = "search", Cost = Catalogs.Dollars(0.001m) });
        if (limit is null) return;
        Limit(catalog, limit.Value);
        change?.Invoke(catalog.UseCases[0].ModelBudgets[0].Budget);
    });

    private static void Limit(Catalog catalog, decimal limit) =>
        catalog.UseCases[0].ModelBudgets.Add(Budget("claude-sonnet-*", limit));

    private static ModelBudget Budget(string models, decimal limit) => new()
    {
        Models = models,
        Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(limit), Period = Period.Day },
    };

    private static void Sonnet(ReserveTokensRequest request) => request.Model = LedgerFixture.Sonnet;

    private static UsagePart Part(string model) => new()
    {
        Model = model,
        Usage = new TokenUsage { InputTokens = 1000, OutputTokens = 1000 },
    };

    private static void Decide(LedgerFixture fixture, Answer lie, DisputeDecision decision)
    {
        var request = new DecideDisputeRequest
        {
            RequestId = fixture.NextRequestId(),
            Dispute = $"disputes/d{lie.Event!.Sequence}",
            Decision = decision,
            Reason = "looked at",
        };
        Assert.Equal(Outcome.Done, fixture.Send(new DecideDisputeCommand(request, "finance")).Outcome);
    }

    private static void Adjust(LedgerFixture fixture, AdjustSpendRequest request, AdjustedReservation? of)
    {
        request.RequestId = fixture.NextRequestId();
        request.Reason = "credit note";
        Assert.Equal(Outcome.Done, fixture.Send(new AdjustSpendCommand(request, of, "finance")).Outcome);
    }
}
