using AgentBudget.Ledger.Budgets;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Tests;

public sealed class TierTests
{
    // A use case of 1.00: soft cap at 1.00, hard cap at 1.10. A Sonnet call holds 0.018, a Haiku call 0.006.
    private const int CallsToSoftCap = 55;

    [Fact]
    public void The_soft_cap_downgrades_what_would_pass_it_and_not_what_reaches_it()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(0.036m));
        long session = fixture.Open();

        Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        LedgerEvent third = Sonnet(fixture, session);
        Assert.Null(third.ReservationHeld);
        Assert.Equal(39_600_000, third.ReservationRefused.Limit);
        Assert.Equal(6_000_000, third.ReservationRefused.Requested);
    }

    [Fact]
    public void A_downgraded_call_is_priced_again_at_the_cheaper_model_and_settled_at_it()
    {
        LedgerFixture fixture = AtSoftCap(out long session);

        LedgerEvent held = Sonnet(fixture, session);

        Assert.Equal(LedgerFixture.Haiku, held.ReservationHeld.Model);
        Assert.Equal(LedgerFixture.Sonnet, held.ReservationHeld.RequestedModel);
        Assert.Equal(6_000_000, held.ReservationHeld.CostNanos);
        Assert.Equal(
            3_500_000, fixture.Commit(session, held.Sequence, 1000, 500).Event!.ReservationSettled.CostNanos);
    }

    [Fact]
    public void Downgraded_calls_stop_exactly_at_the_hard_cap_of_110_percent()
    {
        LedgerFixture fixture = AtSoftCap(out long session);

        // 0.990 is held; 1.10 leaves 0.110: eighteen Haiku calls of 0.006, and 0.002 remain.
        for (int call = 0; call < 18; call++) Assert.NotNull(Sonnet(fixture, session).ReservationHeld);
        ReservationRefused refused = Sonnet(fixture, session).ReservationRefused;

        Assert.Equal(Reason.UseCaseBudget, refused.Reason);
        Assert.Equal(1_100_000_000, refused.Limit);
        Assert.Equal(1_098_000_000, refused.Held);
        fixture.Hold(session, Half);
        fixture.Hold(session, Half);

        static void Half(ReserveTokensRequest request)
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 };
        }
    }

    [Fact]
    public void A_use_case_warns_its_owner_at_50_finance_too_at_80_and_has_its_caps_at_100_and_110()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        TierCrossing half = Assert.Single(Spend(fixture, session, 500));
        Assert.Equal((50, "useCases/promo"), (half.AtPercent, half.Grain));
        Assert.Equal(["owner"], half.Notify);
        TierCrossing most = Assert.Single(Spend(fixture, session, 300));
        Assert.Equal((80, "useCases/promo"), (most.AtPercent, most.Grain));
        Assert.Equal(["owner", "finance"], most.Notify);

        // Above 100 percent at the cheaper model alone, and above 110 not at all.
        Assert.Equal(LedgerFixture.Sonnet, Ask(66).ReservationHeld.Model);
        Assert.Equal(LedgerFixture.Haiku, Ask(102).ReservationHeld.Model);
        ReservationRefused refused = Ask(1).ReservationRefused;
        Assert.Equal((Reason.UseCaseBudget, 1_100_000_000), (refused.Reason, refused.Limit));

        LedgerEvent Ask(long thousands) => fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            Tokens(thousands)(request);
        }).Event!;
    }

    [Fact]
    public void An_account_at_its_hard_cap_grants_again_once_its_period_ends()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();
        Spend(fixture, session, 100);
        Assert.Equal(Reason.AgentBudget, fixture.RefusalOf(session, Tokens(1)));

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(fixture.Open(), Tokens(100)));
    }

    [Fact]
    public void Without_a_cheaper_model_a_call_is_refused_at_the_soft_cap_by_default()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Downgrade.Clear());
        long session = fixture.Open();
        for (int call = 0; call < CallsToSoftCap; call++) Sonnet(fixture, session);

        ReservationRefused refused = Sonnet(fixture, session).ReservationRefused;

        Assert.Equal(Reason.UseCaseBudget, refused.Reason);
        Assert.Equal(1_000_000_000, refused.Limit);
        Assert.Equal(990_000_000, refused.Held);
        Assert.Equal(18_000_000, refused.Requested);
    }

    [Fact]
    public void Without_a_cheaper_model_a_call_is_allowed_to_the_hard_cap_where_the_use_case_says_so()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.UseCases[0].Downgrade.Clear();
            catalog.UseCases[0].AllowWithoutCheaperModel = true;
        });
        long session = fixture.Open();
        for (int call = 0; call < CallsToSoftCap; call++) Sonnet(fixture, session);

        // Six more fit 0.110.
        for (int call = 0; call < 6; call++)
            Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        Assert.Equal(1_100_000_000, Sonnet(fixture, session).ReservationRefused.Limit);
    }

    [Fact]
    public void A_cheaper_model_outside_the_sessions_scope_is_none()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open(request => request.Models.Add(LedgerFixture.Sonnet));
        for (int call = 0; call < CallsToSoftCap; call++) Sonnet(fixture, session);

        Assert.Equal(1_000_000_000, Sonnet(fixture, session).ReservationRefused.Limit);
    }

    [Fact]
    public void A_cheaper_model_outside_the_agents_present_scope_is_none()
    {
        LedgerFixture fixture = AtSoftCap(out long session);
        fixture.Change(catalog => catalog.Agents[0].Models.Remove(LedgerFixture.Haiku));

        Assert.Equal(1_000_000_000, Sonnet(fixture, session).ReservationRefused.Limit);
    }

    [Fact]
    public void A_cheaper_model_without_a_rate_that_the_call_needs_is_none()
    {
        LedgerFixture fixture = AtSoftCap(out long session);
        fixture.Change(catalog => catalog.Prices[0].Rates.CacheRead = 300_000_000);

        Answer answer = fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000, CacheReadTokens = 1 };
        });

        Assert.Equal(1_000_000_000, answer.Event!.ReservationRefused.Limit);
    }

    [Fact]
    public void A_cheaper_model_whose_price_is_not_yet_in_force_is_none()
    {
        LedgerFixture fixture = AtSoftCap(out long session);
        fixture.Change(catalog => catalog.Prices[1].EffectiveFrom =
            Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(LedgerFixture.Start.AddDays(1)));

        Assert.Equal(1_000_000_000, Sonnet(fixture, session).ReservationRefused.Limit);
    }

    [Fact]
    public void An_alias_is_downgraded_like_its_model()
    {
        LedgerFixture fixture = AtSoftCap(out long session, catalog => catalog.Prices[0].Aliases.Add("sonnet"));

        ReservationHeld held = fixture.Reserve(session, request => request.Model = "sonnet").Event!.ReservationHeld;

        Assert.Equal(LedgerFixture.Haiku, held.Model);
        Assert.Equal("sonnet", held.RequestedModel);
    }

    [Fact]
    public void A_soft_cap_of_any_account_on_the_path_downgrades()
    {
        var fixture = new LedgerFixture(catalog => catalog.Budget = new Protocol.V1.Budget
        {
            Limit = Catalogs.Dollars(0.018m),
            Tiers =
            {
                new Tier { AtPercent = 100, Action = TierAction.Downgrade },
                new Tier { AtPercent = 200, Action = TierAction.Refuse },
            },
        });
        long session = fixture.Open();

        Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        Assert.Equal(LedgerFixture.Haiku, Sonnet(fixture, session).ReservationHeld.Model);
    }

    [Fact]
    public void A_token_limit_has_its_soft_and_hard_cap_too()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.UseCases[0].Budget = new Protocol.V1.Budget { Tokens = 10_000 });
        long session = fixture.Open();

        for (int call = 0; call < 5; call++)
            Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        LedgerEvent above = fixture.Reserve(session, request =>
        {
            request.Model = LedgerFixture.Sonnet;
            request.Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 0 };
        }).Event!;
        Assert.Equal(LedgerFixture.Haiku, above.ReservationHeld.Model);
        ReservationRefused refused = Sonnet(fixture, session).ReservationRefused;
        Assert.Equal(11_000, refused.Limit);
        Assert.Equal(ReservationRefused.Types.Unit.Tokens, refused.Unit);
    }

    [Fact]
    public void A_ladder_of_its_own_moves_both_caps()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget.Tiers.Add(
        [
            new Tier { AtPercent = 10, Action = TierAction.Downgrade },
            new Tier { AtPercent = 50, Action = TierAction.Refuse },
        ]));
        long session = fixture.Open();

        for (int call = 0; call < 5; call++)
            Assert.Equal(LedgerFixture.Sonnet, Sonnet(fixture, session).ReservationHeld.Model);
        Assert.Equal(LedgerFixture.Haiku, Sonnet(fixture, session).ReservationHeld.Model);
        Assert.Equal(500_000_000, LedgerFixture.Nanos(fixture.Balance("useCases/promo").HardCap));
    }

    [Fact]
    public void A_ladder_that_only_notifies_stops_at_the_limit()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget.Tiers.Add(
            new Tier { AtPercent = 90, Notify = { "owner" } }));

        Assert.Equal(1_000_000_000, LedgerFixture.Nanos(fixture.Balance("useCases/promo").HardCap));
    }

    [Theory]
    [InlineData(101, 110, 111)]
    [InlineData(1, 110, 1)]
    [InlineData(9, 110, 9)]
    [InlineData(10, 110, 11)]
    [InlineData(long.MaxValue / 10, 1000, 9_223_372_036_854_775_800)]
    [InlineData(long.MaxValue - 1, 1000, long.MaxValue - 1)]
    public void A_cap_is_never_above_its_percentage(long limit, int percent, long cap)
    {
        var ladder = new TierLadder([new Tier { AtPercent = percent, Action = TierAction.Refuse }]);

        Assert.Equal(cap, ladder.HardCap(limit));
    }

    [Fact]
    public void Notify_tiers_fire_on_settled_spend_and_not_on_held()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, Tokens(60));

        Assert.Equal(50, fixture.Balance("agents/writer").Tier);
        TierCrossing crossing = Assert.Single(Settle(fixture, session, reservation, 60));

        Assert.Equal("agents/writer", crossing.Grain);
        Assert.Equal(50, crossing.AtPercent);
        Assert.Equal(["owner"], crossing.Notify);
    }

    [Fact]
    public void A_notify_tier_fires_at_its_percentage_exactly()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();

        Assert.Empty(Spend(fixture, session, 49));
        Assert.Single(Spend(fixture, session, 1));
    }

    [Fact]
    public void A_notify_tier_fires_once_in_a_period_and_again_in_the_next()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();

        Assert.Equal([50], Spend(fixture, session, 50).Select(crossing => crossing.AtPercent));
        Assert.Empty(Spend(fixture, session, 10));
        fixture.Restart();
        Assert.Equal([80], Spend(fixture, session, 20).Select(crossing => crossing.AtPercent));
        Assert.Empty(Spend(fixture, session, 5));
        fixture.Advance(LedgerFixture.Day);
        session = fixture.Open();
        Assert.Equal([50, 80], Spend(fixture, session, 85).Select(crossing => crossing.AtPercent));
    }

    [Fact]
    public void A_notify_tier_fires_again_after_an_extension_moved_the_account_below()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();
        Assert.Equal([50, 80], Spend(fixture, session, 80).Select(crossing => crossing.AtPercent));

        fixture.Extend("agents/writer", limit: 0.2m);

        Assert.Empty(Spend(fixture, session, 10));
        Assert.Equal([50], Spend(fixture, session, 10).Select(crossing => crossing.AtPercent));
        Assert.Equal([80], Spend(fixture, session, 60).Select(crossing => crossing.AtPercent));
    }

    [Fact]
    public void An_extension_that_stays_above_a_tier_does_not_notify_it_again()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();
        Spend(fixture, session, 80);

        fixture.Extend("agents/writer", limit: 0.11m);

        Assert.Empty(Spend(fixture, session, 1));
        Assert.Equal([80], Spend(fixture, session, 8).Select(crossing => crossing.AtPercent));
    }

    [Fact]
    public void Enforcing_tiers_notify_nobody()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();

        Assert.Equal([50, 80], Spend(fixture, session, 100).Select(crossing => crossing.AtPercent));
    }

    [Fact]
    public void An_overrun_and_a_charge_on_expiry_fire_tiers_too()
    {
        LedgerFixture fixture = WithTenDollarCent();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, Tokens(2));
        Assert.Equal([50, 80], Settle(fixture, session, reservation, 200).Select(crossing => crossing.AtPercent));

        fixture.Extend("agents/writer", limit: 1);
        fixture.Hold(session, request =>
        {
            Tokens(50)(request);
            Tokens(350)(request);
            request.OnExpiry = OnExpiry.Charge;
        });
        fixture.Advance(600 * LedgerFixture.Second);
        Assert.Equal(
            [50], fixture.Journal[^1].ReservationSettled.TiersCrossed.Select(crossing => crossing.AtPercent));
    }

    // The agent may spend 0.1 a day; a thousand tokens in cost a thousandth.
    private static LedgerFixture WithTenDollarCent() => new(catalog =>
    {
        catalog.UseCases[0].Budget = null;
        catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.1m), Period = Period.Day };
    });

    private static Action<ReserveTokensRequest> Tokens(long thousands) =>
        request => request.Estimate = new TokenEstimate { InputTokens = thousands * 1000, MaxOutputTokens = 0 };

    private static RepeatedField<TierCrossing> Spend(LedgerFixture fixture, long session, long thousands) =>
        Settle(fixture, session, fixture.Hold(session, Tokens(thousands)), thousands);

    private static RepeatedField<TierCrossing> Settle(
        LedgerFixture fixture, long session, long reservation, long thousands) =>
        fixture.Commit(session, reservation, thousands * 1000, 0).Event!.ReservationSettled.TiersCrossed;

    private static LedgerFixture AtSoftCap(out long session, Action<Catalog>? change = null)
    {
        var fixture = new LedgerFixture(change);
        session = fixture.Open();
        for (int call = 0; call < CallsToSoftCap; call++) Sonnet(fixture, session);
        return fixture;
    }

    private static LedgerEvent Sonnet(LedgerFixture fixture, long session) =>
        fixture.Reserve(session, request => request.Model = LedgerFixture.Sonnet).Event!;
}
