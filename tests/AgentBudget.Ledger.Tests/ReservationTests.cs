using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class ReservationTests
{
    [Fact]
    public void Reserve_holds_the_amount_on_every_account_of_the_path()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        fixture.Hold(session);

        IReadOnlyList<GrainBalance> path = fixture.Path(session);
        Assert.Equal(
            [$"sessions/s{session}", "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme"],
            path.Select(account => account.Grain));
        Assert.All(path, account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Held)));
        Assert.All(path, account => Assert.Equal(2000, account.HeldTokens));
    }

    [Fact]
    public void Commit_of_less_than_held_returns_the_rest_at_once()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled settled =
            fixture.Commit(session, reservation, input: 1000, output: 500).Event!.ReservationSettled;

        Assert.Equal(3_500_000, settled.CostNanos);
        Assert.Equal(0, settled.OverrunNanos);
        Assert.False(settled.Late);
        Assert.All(fixture.Path(session), account => Assert.Equal(3_500_000, LedgerFixture.Nanos(account.Settled)));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Commit_of_more_than_held_is_charged_in_full_and_marked_overrun()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled settled =
            fixture.Commit(session, reservation, input: 1000, output: 2000).Event!.ReservationSettled;

        Assert.Equal(11_000_000, settled.CostNanos);
        Assert.Equal(5_000_000, settled.OverrunNanos);
        Assert.All(fixture.Path(session), account => Assert.Equal(11_000_000, LedgerFixture.Nanos(account.Settled)));
        Assert.All(fixture.Path(session), account => Assert.Equal(5_000_000, LedgerFixture.Nanos(account.Overrun)));
    }

    [Fact]
    public void Grants_stop_exactly_at_the_hard_cap()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].AllowWithoutCheaperModel = true);
        long session = fixture.Open();

        int granted = 0;
        while (fixture.RefusalOf(session) == Reason.Unspecified) granted++;

        // 1.10 at 0.006 a call.
        Assert.Equal(183, granted);
        Assert.Equal(Reason.UseCaseBudget, fixture.RefusalOf(session));
    }

    [Fact]
    public void Above_the_soft_cap_a_call_runs_on_the_cheaper_model()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        for (int call = 0; call < 55; call++) fixture.Hold(session, request => request.Model = LedgerFixture.Sonnet);

        Answer answer = fixture.Reserve(session, request => request.Model = LedgerFixture.Sonnet);

        ReservationHeld held = answer.Event!.ReservationHeld;
        Assert.Equal(LedgerFixture.Haiku, held.Model);
        Assert.Equal(LedgerFixture.Sonnet, held.RequestedModel);
        Assert.Equal(6_000_000, held.CostNanos);
    }

    [Fact]
    public void A_hold_expires_at_its_time_and_returns_to_every_account()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.Ttl = new() { Seconds = 60 });

        fixture.Advance(60 * LedgerFixture.Second);

        Assert.Equal(reservation, fixture.Journal[^1].ReservationExpired.Reservation);
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Commit_after_expiry_is_late_and_charged_in_full()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.Ttl = new() { Seconds = 60 });
        fixture.Advance(61 * LedgerFixture.Second);

        ReservationSettled settled =
            fixture.Commit(session, reservation, input: 1000, output: 500).Event!.ReservationSettled;

        Assert.True(settled.Late);
        Assert.Equal(3_500_000, settled.CostNanos);
        Assert.Equal(3_500_000, settled.OverrunNanos);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, reservation, 1, 1).Outcome);
    }

    [Fact]
    public void A_commit_says_who_counted()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        UsageSource CountedBy(UsageSource source) => fixture.Commit(
            session, fixture.Hold(session), 1000, 500, request => request.UsageSource = source)
            .Event!.ReservationSettled.UsageSource;

        Assert.Equal(UsageSource.Provider, CountedBy(UsageSource.Unspecified));
        Assert.Equal(UsageSource.Estimated, CountedBy(UsageSource.Estimated));
    }

    [Fact]
    public void Commit_of_exactly_what_is_held_leaves_no_hold_and_no_overrun()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        ReservationSettled settled =
            fixture.Commit(session, fixture.Hold(session), 1000, 1000).Event!.ReservationSettled;

        Assert.Equal((6_000_000, 6_000_000, 0), (settled.CostNanos, settled.UnheldNanos, settled.OverrunNanos));
        Assert.Equal((2000, 2000, 0), (settled.Tokens, settled.UnheldTokens, settled.OverrunTokens));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Commit_of_nothing_settles_nothing_and_returns_the_hold()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        ReservationSettled settled = fixture.Commit(session, fixture.Hold(session), 0, 0).Event!.ReservationSettled;

        Assert.Equal((0, 6_000_000), (settled.CostNanos, settled.UnheldNanos));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Overrun_is_by_money_and_by_tokens_each()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        // More tokens for less money: output is dearer than input.
        ReservationSettled settled = fixture.Commit(session, fixture.Hold(session), 2500, 0).Event!.ReservationSettled;

        Assert.Equal((2_500_000, 0), (settled.CostNanos, settled.OverrunNanos));
        Assert.Equal((2500, 500), (settled.Tokens, settled.OverrunTokens));
    }

    [Fact]
    public void An_overrun_above_every_limit_is_charged_in_full()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        long reservation = fixture.Hold(session, request =>
            request.Estimate = new TokenEstimate { InputTokens = 10_000, MaxOutputTokens = 10_000 });
        fixture.Commit(session, reservation, 1_000_000, 1_000_000);

        GrainBalance useCase = fixture.Balance("useCases/promo");
        Assert.Equal(6_000_000_000, LedgerFixture.Nanos(useCase.Settled));
        Assert.Equal(5_940_000_000, LedgerFixture.Nanos(useCase.Overrun));
        Assert.Equal(0, LedgerFixture.Nanos(useCase.Available));
        Assert.Equal(110, useCase.Tier);
    }

    [Fact]
    public void A_partial_commit_settles_a_part_and_keeps_the_rest_held()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        ReservationSettled part = fixture
            .Commit(session, reservation, 1000, 0, request => request.Final = false).Event!.ReservationSettled;

        Assert.Equal((1_000_000, 1_000_000, 0), (part.CostNanos, part.UnheldNanos, part.OverrunNanos));
        Assert.False(part.Final);
        Assert.All(fixture.Path(session), account => Assert.Equal(5_000_000, LedgerFixture.Nanos(account.Held)));
        Assert.All(fixture.Path(session), account => Assert.Equal(1_000_000, LedgerFixture.Nanos(account.Settled)));
        ReservationSettled last = fixture.Commit(session, reservation, 0, 500).Event!.ReservationSettled;
        Assert.Equal((2_500_000, 5_000_000, 0), (last.CostNanos, last.UnheldNanos, last.OverrunNanos));
        Assert.All(fixture.Path(session), account => Assert.Equal(3_500_000, LedgerFixture.Nanos(account.Settled)));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Partial_commits_beyond_the_hold_are_overrun_and_keep_the_reservation_open()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);

        fixture.Commit(session, reservation, 0, 1000, request => request.Final = false);
        ReservationSettled more = fixture
            .Commit(session, reservation, 0, 1000, request => request.Final = false).Event!.ReservationSettled;

        Assert.Equal((5_000_000, 1_000_000, 4_000_000), (more.CostNanos, more.UnheldNanos, more.OverrunNanos));
        Assert.False(more.Late);
        Assert.Equal(1, fixture.Ledger.OpenReservations);
        ReservationSettled last = fixture.Commit(session, reservation, 0, 1).Event!.ReservationSettled;
        Assert.Equal((5000, 0, 5000), (last.CostNanos, last.UnheldNanos, last.OverrunNanos));
        Assert.Equal(0, fixture.Ledger.OpenReservations);
    }

    [Fact]
    public void What_is_left_of_a_partly_settled_hold_returns_when_it_expires()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Commit(session, reservation, 1000, 0, request => request.Final = false);

        fixture.Advance(600 * LedgerFixture.Second);

        Assert.Equal(5_000_000, fixture.Journal[^1].ReservationExpired.ReleasedNanos);
        Assert.Equal(1000, fixture.Journal[^1].ReservationExpired.ReleasedTokens);
        Assert.All(fixture.Path(session), account => Assert.Equal(1_000_000, LedgerFixture.Nanos(account.Settled)));
    }

    [Fact]
    public void Release_returns_the_whole_hold_to_every_account()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        ReservationReleased released = fixture.Release(session, fixture.Hold(session)).Event!.ReservationReleased;

        Assert.Equal((6_000_000, 2000, "not sent"), (released.ReleasedNanos, released.ReleasedTokens, released.Reason));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
        Assert.All(fixture.Path(session), account => Assert.Equal(0, account.HeldTokens));
    }

    [Fact]
    public void A_hold_stands_for_10_minutes_where_nobody_says_otherwise_and_not_a_nano_longer()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Hold(session);

        fixture.Advance((600 * LedgerFixture.Second) - 1);
        Assert.Equal(1, fixture.Ledger.OpenReservations);
        fixture.Advance(1);
        Assert.Equal(0, fixture.Ledger.OpenReservations);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(86_400)]
    public void A_hold_stands_as_long_as_its_ttl_says(long seconds)
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].SessionTtl = new() { Seconds = 86_400 });
        long session = fixture.Open();
        fixture.Hold(session, request => request.Ttl = new() { Seconds = seconds });

        fixture.Advance((seconds * LedgerFixture.Second) - 1);
        Assert.Equal(1, fixture.Ledger.OpenReservations);
        fixture.Advance(1);
        Assert.Equal(0, fixture.Ledger.OpenReservations);
    }

    [Theory]
    [InlineData(UsageSource.Unspecified, UsageSource.Provider)]
    [InlineData(UsageSource.Provider, UsageSource.Provider)]
    [InlineData(UsageSource.Estimated, UsageSource.Estimated)]
    public void A_charge_says_whether_the_provider_counted_or_somebody_estimated(UsageSource given, UsageSource told)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        Answer answer = fixture.Commit(
            session, fixture.Hold(session), 1000, 500, request => request.UsageSource = given);

        Assert.Equal(told, answer.Event!.ReservationSettled.UsageSource);
    }

    [Fact]
    public void A_hold_that_is_charged_on_expiry_settles_as_estimated()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.OnExpiry = OnExpiry.Charge);
        fixture.Restart();

        fixture.Advance(600 * LedgerFixture.Second);

        ReservationSettled settled = fixture.Journal[^1].ReservationSettled;
        Assert.Equal(reservation, settled.Reservation);
        Assert.Equal((6_000_000, 2000, 0), (settled.CostNanos, settled.Tokens, settled.OverrunNanos));
        Assert.Equal(UsageSource.Estimated, settled.UsageSource);
        Assert.Equal(new TokenUsage { InputTokens = 1000, OutputTokens = 1000 }, settled.Usage);
        Assert.True(settled.Final);
        Assert.False(settled.Late);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Release(session, reservation).Outcome);
    }

    [Fact]
    public void What_was_settled_in_part_is_not_charged_again_on_expiry()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.OnExpiry = OnExpiry.Charge);
        fixture.Commit(session, reservation, 1000, 100, request => request.Final = false);

        fixture.Advance(600 * LedgerFixture.Second);

        Assert.Equal(4_500_000, fixture.Journal[^1].ReservationSettled.CostNanos);
        Assert.All(fixture.Path(session), account => Assert.Equal(6_000_000, LedgerFixture.Nanos(account.Settled)));
        Assert.All(fixture.Path(session), account => Assert.Equal(2000, account.SettledTokens));
    }

    [Fact]
    public void Commit_after_release_is_late_and_charged_in_full()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.Release(session, reservation);
        fixture.Restart();

        ReservationSettled settled = fixture.Commit(session, reservation, 1000, 500).Event!.ReservationSettled;

        Assert.True(settled.Late);
        Assert.Equal((3_500_000, 0, 3_500_000), (settled.CostNanos, settled.UnheldNanos, settled.OverrunNanos));
    }

    [Fact]
    public void Commit_in_the_grace_of_its_session_takes_its_own_hold_and_is_late()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);
        fixture.Advance((30 * LedgerFixture.Second) - 1);

        ReservationSettled settled = fixture.Commit(session, reservation, 1000, 500).Event!.ReservationSettled;

        Assert.True(settled.Late);
        Assert.Equal((3_500_000, 6_000_000, 0), (settled.CostNanos, settled.UnheldNanos, settled.OverrunNanos));
    }

    [Fact]
    public void Commit_after_the_grace_is_late_and_charged_in_full_for_30_days()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);
        fixture.Revoke(session);
        fixture.Advance(30 * LedgerFixture.Second);

        ReservationSettled settled = fixture.Commit(session, first, 1000, 500).Event!.ReservationSettled;
        Assert.True(settled.Late);
        Assert.Equal((3_500_000, 3_500_000), (settled.CostNanos, settled.OverrunNanos));

        fixture.Sleep((30 * LedgerFixture.Day) - 1);
        fixture.Commit(session, second, 1, 0, request => request.Final = false);
        fixture.Sleep(1);
        Assert.Equal(Outcome.SessionNotFound, fixture.Commit(session, second, 1, 0).Outcome);
    }

    [Fact]
    public void A_released_or_expired_hold_is_forgotten_after_30_days_in_a_session_that_lives_on()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Agents[0].SessionTtl = new() { Seconds = 30 * 86_400 };
            catalog.Agents[0].SessionLifetime = new() { Seconds = 30 * 86_400 };
        });
        long session = fixture.Open();
        long released = fixture.Hold(session);
        fixture.Release(session, released);

        fixture.Sleep(29 * LedgerFixture.Day);
        Assert.Equal(
            Outcome.Done, fixture.Commit(session, released, 1, 0, request => request.Final = false).Outcome);
        fixture.Sleep(LedgerFixture.Day);

        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(session, released, 1, 0).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Release(session, released).Outcome);
    }

    [Fact]
    public void A_terminal_state_never_changes()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long settled = fixture.Hold(session);
        fixture.Commit(session, settled, 1, 1);
        long released = fixture.Hold(session);
        fixture.Release(session, released);
        long expired = fixture.Hold(session);
        fixture.Advance(600 * LedgerFixture.Second);
        int events = fixture.Journal.Count;

        Assert.Equal(Outcome.ReservationTerminal, fixture.Commit(session, settled, 1, 1).Outcome);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Release(session, settled).Outcome);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Release(session, released).Outcome);
        Assert.Equal(Outcome.ReservationTerminal, fixture.Release(session, expired).Outcome);
        Assert.Equal(events, fixture.Journal.Count);
    }

    [Fact]
    public void A_reservation_of_another_session_is_not_found_like_an_absent_one()
    {
        var fixture = new LedgerFixture();
        long own = fixture.Open();
        long other = fixture.Open();
        long reservation = fixture.Hold(own);

        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(other, reservation, 1, 1).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Release(other, reservation).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(own, 999, 1, 1).Outcome);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(own, own, 1, 1).Outcome);
        fixture.Commit(own, reservation, 1, 1);
        Assert.Equal(Outcome.ReservationNotFound, fixture.Commit(other, reservation, 1, 1).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Commit(999, reservation, 1, 1).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Release(999, reservation).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Reserve(999).Outcome);
    }
}
