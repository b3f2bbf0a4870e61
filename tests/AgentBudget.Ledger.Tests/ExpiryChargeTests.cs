using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>
/// A hold that was charged as its time ran out is settled once more by what the call really used, and by nothing else.
/// </summary>
public sealed class ExpiryChargeTests
{
    private const long Dollar = 1_000_000_000;

    [Theory]
    [InlineData(400)]
    [InlineData(30)]
    [InlineData(100)]
    [InlineData(0)]
    public void The_first_commit_after_a_charged_expiry_settles_the_difference(long used)
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);
        Assert.All(fixture.Path(session), account => Assert.Equal(100 * Dollar, LedgerFixture.Nanos(account.Settled)));
        fixture.Restart();

        ReservationSettled settled = fixture.Commit(session, reservation, used, 0).Event!.ReservationSettled;

        Assert.True(settled.Late);
        Assert.True(settled.Final);
        Assert.Equal((used * Dollar, used), (settled.CostNanos, settled.Tokens));
        Assert.Equal((100 * Dollar, 100), (settled.ExpiryCharge.CostNanos, settled.ExpiryCharge.Tokens));
        Assert.Equal(Math.Max(0, used - 100) * Dollar, settled.OverrunNanos);
        foreach (GrainBalance account in fixture.Path(session))
        {
            Assert.Equal((used * Dollar, used), (LedgerFixture.Nanos(account.Settled), account.SettledTokens));
            Assert.Equal(0, LedgerFixture.Nanos(account.Held));
        }
    }

    [Fact]
    public void The_difference_is_settled_once()
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);
        long first = fixture.Commit(session, reservation, 400, 0, request => request.RequestId = "one").Event!.Sequence;

        Answer again = fixture.Commit(session, reservation, 400, 0, request => request.RequestId = "one");
        Assert.Equal(first, again.DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Commit(fixture, session, reservation, 401, "one"));
        Assert.Equal(Outcome.ReservationTerminal, Commit(fixture, session, reservation, 400, "two"));
        fixture.Restart();
        Assert.Equal(Outcome.ReservationTerminal, Commit(fixture, session, reservation, 30, "three"));
        Assert.Equal(400 * Dollar, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
    }

    [Fact]
    public void A_charged_hold_is_neither_released_nor_amended()
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);

        Assert.Equal(Outcome.ReservationTerminal, fixture.Release(session, reservation).Outcome);
        Assert.Equal(
            Outcome.ReservationTerminal, fixture.Amend(session, reservation, request => request.Ttl = new()
            {
                Seconds = 60,
            }).Outcome);
    }

    [Fact]
    public void The_parts_of_a_stream_sum_to_what_it_used_after_a_charged_expiry()
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);

        ReservationSettled part = fixture
            .Commit(session, reservation, 10, 0, request => request.Final = false).Event!.ReservationSettled;
        fixture.Restart();
        ReservationSettled rest = fixture.Commit(session, reservation, 25, 0).Event!.ReservationSettled;

        Assert.Equal(100 * Dollar, part.ExpiryCharge.CostNanos);
        Assert.Null(rest.ExpiryCharge);
        Assert.Equal(25 * Dollar, rest.OverrunNanos);
        Assert.Equal(35 * Dollar, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, reservation, 1, 0).Outcome);
    }

    [Fact]
    public void What_was_settled_in_part_before_the_expiry_stays()
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Commit(session, reservation, 40, 0, request => request.Final = false);
        fixture.Advance(6 * LedgerFixture.Second);
        Assert.Equal(60 * Dollar, fixture.Journal[^1].ReservationSettled.CostNanos);

        fixture.Commit(session, reservation, 5, 0);

        Assert.Equal(45 * Dollar, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
    }

    [Fact]
    public void A_lower_use_than_was_charged_makes_room_and_a_tier_may_be_told_again()
    {
        LedgerFixture fixture = DollarAToken(limit: 120);
        long session = fixture.Open();
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);
        Assert.Equal([50, 80], fixture.Journal[^1].ReservationSettled.TiersCrossed.Select(tier => tier.AtPercent));
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session, Asks(80)));

        fixture.Commit(session, reservation, 30, 0);

        Assert.Equal(Reason.Unspecified, fixture.RefusalOf(session, Asks(80)));
        long second = fixture.Hold(session, Asks(1));
        ReservationSettled settled = fixture.Commit(session, second, 70, 0).Event!.ReservationSettled;
        Assert.Equal([50, 80], settled.TiersCrossed.Select(tier => tier.AtPercent));
    }

    [Fact]
    public void A_difference_down_in_a_later_period_never_goes_below_nothing()
    {
        LedgerFixture fixture = DollarAToken();
        long session = fixture.Open(request => request.Ttl = new() { Seconds = 3600 });
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(6 * LedgerFixture.Second);
        fixture.Advance(14 * LedgerFixture.Day);
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));

        Assert.Equal(Outcome.Done, fixture.Commit(session, reservation, 30, 0).Outcome);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
        Assert.Equal(30 * Dollar, fixture.Ledger.Accounts["useCases/promo"].Window.LifetimeNanos);
    }

    [Fact]
    public void In_a_rolling_window_the_difference_leaves_with_the_charge()
    {
        LedgerFixture fixture = DollarAToken(limit: 1000, budget =>
        {
            budget.Period = Period.Rolling;
            budget.Rolling = new() { Seconds = 86_400 };
        });
        long session = fixture.Open(request => request.Ttl = new() { Seconds = 3600 });
        long reservation = HoldToBeCharged(fixture, session);
        fixture.Advance(3 * 3600 * LedgerFixture.Second);
        fixture.Commit(session, reservation, 30, 0);
        Assert.Equal(30 * Dollar, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));

        fixture.Advance(2 * LedgerFixture.Day);

        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
    }

    private static LedgerFixture DollarAToken(decimal limit = 1_000, Action<Protocol.V1.Budget>? change = null) =>
        new(catalog =>
        {
            catalog.UseCases[0].Budget.Limit = Catalogs.Dollars(limit);
            change?.Invoke(catalog.UseCases[0].Budget);
            catalog.Prices.Add(Catalogs.Price("gold", input: 1_000_000, output: 1_000_000));
            catalog.Agents[0].Models.Add("gold");
        });

    private static long HoldToBeCharged(LedgerFixture fixture, long session) => fixture.Hold(session, request =>
    {
        Asks(100)(request);
        request.Ttl = new() { Seconds = 5 };
        request.OnExpiry = OnExpiry.Charge;
    });

    private static Action<ReserveTokensRequest> Asks(long tokens) => request =>
    {
        request.Model = "gold";
        request.Estimate = Catalogs.Input(tokens);
    };

    private static Outcome Commit(
        LedgerFixture fixture, long session, long reservation, long input, string requestId) =>
        fixture.Commit(session, reservation, input, 0, request => request.RequestId = requestId).Outcome;
}
