using AgentBudget.Protocol.V1;

namespace AgentBudget.Grains.Tests;

public sealed class ReservationTests
{
    [Fact]
    public void Reserve_holds_the_amount_on_every_grain_of_the_path()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        fixture.Hold(session);

        IReadOnlyList<GrainBalance> path = fixture.Path(session);
        Assert.Equal(
            [$"sessions/s{session}", "agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme"],
            path.Select(grain => grain.Grain));
        Assert.All(path, grain => Assert.Equal(6_000_000, LedgerFixture.Nanos(grain.Held)));
        Assert.All(path, grain => Assert.Equal(2000, grain.HeldTokens));
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
        Assert.All(fixture.Path(session), grain => Assert.Equal(3_500_000, LedgerFixture.Nanos(grain.Settled)));
        Assert.All(fixture.Path(session), grain => Assert.Equal(0, LedgerFixture.Nanos(grain.Held)));
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
        Assert.All(fixture.Path(session), grain => Assert.Equal(11_000_000, LedgerFixture.Nanos(grain.Settled)));
        Assert.All(fixture.Path(session), grain => Assert.Equal(5_000_000, LedgerFixture.Nanos(grain.Overrun)));
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
    public void A_hold_expires_at_its_time_and_returns_to_every_grain()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request => request.Ttl = new() { Seconds = 60 });

        fixture.Advance(60 * LedgerFixture.Second);

        Assert.Equal(reservation, fixture.Journal[^1].ReservationExpired.Reservation);
        Assert.All(fixture.Path(session), grain => Assert.Equal(0, LedgerFixture.Nanos(grain.Held)));
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
    public void The_same_request_id_has_one_effect_and_one_answer()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        Answer first = fixture.Reserve(session, request => request.RequestId = "same");
        Answer second = fixture.Reserve(session, request => request.RequestId = "same");

        Assert.Same(first.Event, second.Event);
        Assert.All(fixture.Path(session), grain => Assert.Equal(6_000_000, LedgerFixture.Nanos(grain.Held)));
    }

    [Fact]
    public void The_same_request_id_with_other_content_is_refused_without_effect()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Reserve(session, request => request.RequestId = "same");

        Answer answer = fixture.Reserve(session, request =>
        {
            request.RequestId = "same";
            request.Model = LedgerFixture.Sonnet;
        });

        Assert.Equal(Outcome.KeyReused, answer.Outcome);
        Assert.All(fixture.Path(session), grain => Assert.Equal(6_000_000, LedgerFixture.Nanos(grain.Held)));
    }
}
