using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using static AgentBudget.Ledger.Tests.LedgerFixture;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// Changes of a hold. A call of 1,000 in and 1,000 out is 6,000,000 with Haiku, 18,000,000 with Sonnet.
/// </summary>
public sealed class AmendTests
{
    private const string Promo = "useCases/promo";

    private static readonly string[] Path =
        [Promo, "agents/writer", "businessUnits/marketing", "tenants/acme"];

    [Fact]
    public void A_fallback_to_another_model_prices_the_hold_again_on_every_account()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        Answer answer = ledger.Amend(session, reservation, request => request.Model = Sonnet);

        ReservationAmended amended = answer.Event!.ReservationAmended;
        Assert.Equal((reservation, Sonnet, 18_000_000L, 2000L, ""),
            (amended.Reservation, amended.Model, amended.CostNanos, amended.Tokens, amended.RequestedModel));
        Assert.All(Path, account => Assert.Equal(18_000_000, Nanos(ledger.Balance(account).Held)));
        ledger.Commit(session, reservation, 1000, 1000);
        Assert.Equal(18_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_larger_estimate_holds_more_and_a_smaller_one_less()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        ledger.Amend(session, reservation, Estimate(1000, 3000));
        Assert.Equal((16_000_000L, 4000L), Held(ledger));
        ledger.Amend(session, reservation, Estimate(0, 10));
        Assert.Equal((50_000L, 10L), Held(ledger));
    }

    [Fact]
    public void A_later_expiry_keeps_amount_price_and_model()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Change(catalog => catalog.Prices[1].Rates.Output *= 2);
        ledger.Advance(599 * Second);

        ledger.Amend(session, reservation, Ttl(600));
        ledger.Advance(599 * Second);

        Assert.Equal((6_000_000L, 2000L), Held(ledger));
        ledger.Commit(session, reservation, 1000, 1000);
        Assert.Equal(6_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void An_amended_hold_expires_at_its_new_time_and_not_a_nano_later()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Amend(session, reservation, Ttl(1200));

        ledger.Advance((1200 * Second) - 1);
        Assert.Equal((6_000_000L, 2000L), Held(ledger));
        ledger.Advance(1);

        Assert.Equal(reservation, ledger.Journal[^1].ReservationExpired.Reservation);
        Assert.Equal((0L, 0L), Held(ledger));
    }

    [Fact]
    public void An_amendment_that_names_a_model_or_an_estimate_freezes_the_prices_in_force()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Change(catalog => catalog.Prices[1].Rates.Output *= 2);

        ReservationAmended amended =
            ledger.Amend(session, reservation, Estimate(1000, 1000)).Event!.ReservationAmended;
        ledger.Change(catalog => catalog.Prices[1].Rates.Output *= 2);
        ledger.Commit(session, reservation, 1000, 1000);

        Assert.Equal((11_000_000L, 2L), (amended.CostNanos, amended.PriceVersion));
        Assert.Equal(11_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void A_refused_amendment_leaves_the_old_hold_as_it_was()
    {
        var ledger = new LedgerFixture(NoDowngrade);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        Answer answer = ledger.Amend(session, reservation, Estimate(1_200_000, 1000));

        ReservationRefused refused = answer.Event!.ReservationRefused;
        Assert.Equal((Reason.UseCaseBudget, Promo, reservation), (refused.Reason, refused.Grain, refused.Reservation));
        Assert.Equal((6_000_000L, 1_199_000_000L), (refused.Held, refused.Requested));
        Assert.Equal((6_000_000L, 2000L), Held(ledger));
        ledger.Commit(session, reservation, 1000, 1000);
        Assert.Equal(6_000_000, Nanos(ledger.Balance(Promo).Settled));
    }

    [Fact]
    public void An_amendment_asks_for_what_is_beyond_its_hold_and_not_one_nano_more()
    {
        var ledger = new LedgerFixture(catalog =>
        {
            NoDowngrade(catalog);
            catalog.UseCases[0].Budget = Plain(1_000_000_000);
        });
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.Estimate = Input(400_000));
        ledger.Hold(session, request => request.Estimate = Input(400_000));

        Assert.NotNull(ledger.Amend(session, reservation, Estimate(600_001, 0)).Event!.ReservationRefused);
        Assert.NotNull(ledger.Amend(session, reservation, Estimate(600_000, 0)).Event!.ReservationAmended);
        Assert.Equal(1_000_000_000, Nanos(ledger.Balance(Promo).Held));
    }

    [Fact]
    public void An_amendment_that_shrinks_is_allowed_where_the_limit_was_lowered_below_exposure()
    {
        var ledger = new LedgerFixture(NoDowngrade);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Extend(Promo, limit: 0.001m);

        Assert.NotNull(ledger.Amend(session, reservation, Estimate(1000, 1001)).Event!.ReservationRefused);
        Assert.NotNull(ledger.Amend(session, reservation, Estimate(1000, 999)).Event!.ReservationAmended);
        Assert.NotNull(ledger.Amend(session, reservation, Ttl(60)).Event!.ReservationAmended);
    }

    [Fact]
    public void An_amendment_above_the_soft_cap_runs_on_the_cheaper_model()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Hold(session, request => request.Estimate = Input(985_000));

        ReservationAmended amended =
            ledger.Amend(session, reservation, request => request.Model = Sonnet).Event!.ReservationAmended;

        Assert.Equal((Haiku, Sonnet, 6_000_000L), (amended.Model, amended.RequestedModel, amended.CostNanos));
    }

    [Fact]
    public void A_larger_estimate_above_the_soft_cap_moves_the_held_model_to_the_cheaper_one()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.Model = Sonnet);
        ledger.Hold(session, request => request.Estimate = Input(970_000));

        ReservationAmended amended = ledger.Amend(
            session, reservation, request => request.Estimate = Input(20_000)).Event!.ReservationAmended;

        Assert.Equal((Haiku, Sonnet, 20_000_000L), (amended.Model, amended.RequestedModel, amended.CostNanos));
    }

    [Fact]
    public void An_amendment_is_no_further_step_and_no_further_hold()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open(request => request.Ceilings =
            new Ceilings { StepsPerSession = 1, OpenHolds = 1, ToolCallsPerSession = 1 });
        long reservation = ledger.Hold(session, request => request.Tool = "crm.read");

        Assert.NotNull(ledger.Amend(session, reservation, request => request.Model = Sonnet).Event!.ReservationAmended);
        Assert.Equal(1, ledger.Session(session).Steps);
    }

    [Fact]
    public void An_amendment_is_refused_for_the_reasons_of_a_new_hold()
    {
        var ledger = new LedgerFixture(catalog => catalog.Agents[0].Models.Remove(Sonnet));
        long session = ledger.Open(request => request.Ceilings = new Ceilings { TokensPerRequest = 5000 });
        long reservation = ledger.Hold(session);

        Assert.Equal(Reason.ModelOutOfScope, RefusalOf(ledger, session, reservation, r => r.Model = Sonnet));
        Assert.Equal(Reason.RequestCeiling, RefusalOf(ledger, session, reservation, Estimate(5000, 1)));
        Assert.Equal(
            Reason.UnknownPrice,
            RefusalOf(
                ledger, session, reservation,
                r => r.Estimate = new TokenEstimate { InputImageTokens = 1, MaxOutputTokens = 0 }));
        ledger.End(session);
        Assert.Equal(Reason.SessionClosed, RefusalOf(ledger, session, reservation, Ttl(60)));
        ledger.Advance(30 * Second);
        Assert.Equal(4, ledger.Journal[^1].SessionClosed.Refused);
    }

    [Fact]
    public void After_a_partial_commit_an_amendment_prices_what_is_still_to_come()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session);
        ledger.Commit(session, reservation, 1000, 400, request => request.Final = false);

        ReservationAmended amended =
            ledger.Amend(session, reservation, request => request.Model = Sonnet).Event!.ReservationAmended;

        Assert.Equal((600L, 9_000_000L), (amended.Tokens, amended.CostNanos));
        Assert.Equal(600, amended.Estimate.MaxOutputTokens);
    }

    [Fact]
    public void A_terminal_reservation_cannot_be_amended()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long settled = ledger.Hold(session);
        ledger.Commit(session, settled, 1, 1);
        long released = ledger.Hold(session);
        ledger.Release(session, released);
        long expired = ledger.Hold(session, request => request.Ttl = new Duration { Seconds = 1 });
        ledger.Sleep(Second);

        Assert.All(
            [settled, released, expired],
            number => Assert.Equal(Outcome.ReservationTerminal, ledger.Amend(session, number, Ttl(60)).Outcome));
        Assert.Equal(Outcome.ReservationNotFound, ledger.Amend(ledger.Open(), released, Ttl(60)).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, ledger.Amend(session, 99_999, Ttl(60)).Outcome);
    }

    [Fact]
    public void An_amendment_has_one_effect_and_one_answer_refused_ones_included()
    {
        var ledger = new LedgerFixture(NoDowngrade);
        long session = ledger.Open();
        long reservation = ledger.Hold(session);

        Assert.All([Estimate(1000, 2000), Estimate(1_200_000, 1)], change =>
        {
            string id = ledger.NextRequestId();
            LedgerEvent first = Send(id).Event!;
            int events = ledger.Journal.Count;
            Assert.Same(first, Send(id).Event);
            Assert.Equal(Outcome.KeyReused, ledger.Amend(session, reservation, r => r.RequestId = id).Outcome);
            Assert.Equal(events, ledger.Journal.Count);

            Answer Send(string requestId) => ledger.Amend(session, reservation, request =>
            {
                change(request);
                request.RequestId = requestId;
            });
        });
    }

    [Fact]
    public void A_session_that_goes_on_after_a_restart_amends_as_before()
    {
        var ledger = new LedgerFixture();
        long session = ledger.Open();
        long reservation = ledger.Hold(session, request => request.Tool = "crm.read");
        ledger.Amend(session, reservation, request => request.Model = Sonnet);
        ledger.Restart();

        ReservationAmended amended =
            ledger.Amend(session, reservation, request => request.Model = Haiku).Event!.ReservationAmended;

        Assert.Equal((Haiku, 6_000_000L), (amended.Model, amended.CostNanos));
    }

    private static Reason RefusalOf(
        LedgerFixture ledger, long session, long reservation, Action<AmendReservationRequest> change) =>
        ledger.Amend(session, reservation, change).Event!.ReservationRefused.Reason;

    private static Action<AmendReservationRequest> Estimate(long input, long output) => request =>
        request.Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = output };

    private static Action<AmendReservationRequest> Ttl(long seconds) =>
        request => request.Ttl = new Duration { Seconds = seconds };

    private static TokenEstimate Input(long tokens) => Catalogs.Input(tokens);

    private static (long Nanos, long Tokens) Held(LedgerFixture ledger)
    {
        GrainBalance balance = ledger.Balance(Promo);
        return (Nanos(balance.Held), balance.HeldTokens);
    }

    private static void NoDowngrade(Catalog catalog) => catalog.UseCases[0].Downgrade.Clear();

    private static Protocol.V1.Budget Plain(long nanos) => new()
    {
        Limit = Prices.MoneyMath.ToMoney(nanos, "USD"),
        Tiers = { new Tier { AtPercent = 100, Action = TierAction.Refuse } },
    };
}
