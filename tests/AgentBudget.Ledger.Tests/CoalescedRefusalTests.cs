using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class CoalescedRefusalTests
{
    private const int Told = 8;

    [Fact]
    public void Of_ten_seconds_the_first_8_refusals_of_a_reason_are_told_one_by_one_and_the_rest_together()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        int before = fixture.Journal.Count;

        Refuse(fixture, session, times: 100);
        Assert.Equal(Told, fixture.Journal.Count - before);
        fixture.Advance(10 * LedgerFixture.Second);

        LedgerEvent told = fixture.Journal[^1];
        Assert.Equal(before + Told + 1, fixture.Journal.Count);
        Assert.Equal((Reason.UnknownPrice, 100 - Told), (told.RefusalsCoalesced.Reason, told.RefusalsCoalesced.Count));
        Assert.Equal(LedgerFixture.Haiku, told.RefusalsCoalesced.Model);
        Assert.Equal("", told.RequestId);
        Assert.Equal(
            LogTime.FromTimestamp(told.Time),
            LogTime.FromTimestamp(told.RefusalsCoalesced.FirstTime) + (10 * LedgerFixture.Second));
    }

    [Fact]
    public void A_runaway_loop_cannot_flood_the_journal_and_its_refusals_are_counted_to_the_last()
    {
        var fixture = new LedgerFixture(comparesEachTurn: false);
        long session = fixture.Open();
        int before = fixture.Journal.Count;

        Refuse(fixture, session, times: 25_000);
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);

        // One event for every thousand, the first few, the end and the closing record.
        Assert.InRange(fixture.Journal.Count - before, 1, 25 + Told + 3);
        Assert.Equal(25_000, fixture.Journal[^1].SessionClosed.Refused);
        fixture.Compare();
    }

    [Fact]
    public void Each_reason_has_its_own_first_refusals_and_its_own_count()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        for (int time = 0; time < 20; time++)
        {
            Refuse(fixture, session, times: 1);
            Assert.Equal(Reason.ToolOutOfScope, fixture.RefusalOf(session, request => request.Tool = "billing.pay"));
        }

        fixture.Advance(10 * LedgerFixture.Second);

        Assert.Equal(2 * Told, fixture.Journal.Count(entry => entry.ReservationRefused is not null));
        Assert.Equal(
            [(Reason.ToolOutOfScope, 20L - Told), (Reason.UnknownPrice, 20L - Told)],
            fixture.Journal.Where(IsCoalesced).Select(
                entry => (entry.RefusalsCoalesced.Reason, entry.RefusalsCoalesced.Count)));
    }

    [Fact]
    public void What_is_untold_is_told_before_the_next_event_of_its_session()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        Refuse(fixture, session, times: Told + 3);

        fixture.Hold(session);

        Assert.Equal(3, fixture.Journal[^2].RefusalsCoalesced.Count);
        Assert.Equal(LedgerEvent.FactOneofCase.ReservationHeld, fixture.Journal[^1].FactCase);
    }

    [Fact]
    public void A_refusal_that_was_told_alone_answers_the_same_again_and_one_that_was_only_counted_is_decided_anew()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        for (int time = 0; time < Told + 1; time++)
        {
            Answer answer = fixture.Reserve(session, request =>
            {
                request.RequestId = $"try-{time}";
                request.Estimate.InputTokens = 2_000_000;
            });
            Assert.Equal(Reason.UseCaseBudget, answer.Event!.ReservationRefused.Reason);
            Assert.Equal(time < Told, answer.Event.Sequence > 0);
        }

        fixture.Extend("useCases/promo", amount: 100);

        Assert.NotNull(Again(0).Event!.ReservationRefused);
        Assert.NotNull(Again(Told).Event!.ReservationHeld);

        Answer Again(int time) => fixture.Reserve(session, request =>
        {
            request.RequestId = $"try-{time}";
            request.Estimate.InputTokens = 2_000_000;
        });
    }

    [Fact]
    public void A_breaker_trips_by_refusals_that_are_only_counted_at_the_very_one()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Breakers =
            new Breakers { Refusals = new CountBreaker { Times = 20 } });
        long session = fixture.Open();

        Refuse(fixture, session, times: 20);
        Assert.Equal(Session.Types.State.Open, fixture.Session(session).State);
        Refuse(fixture, session, times: 1);

        Assert.Equal(21, fixture.Journal[^1].BreakerTripped.Count);
        Assert.Equal(21 - Told, fixture.Journal[^2].RefusalsCoalesced.Count);
        Assert.Equal(Reason.SessionSuspended, fixture.RefusalOf(session));
    }

    [Fact]
    public void Refusals_after_the_end_are_told_as_long_as_the_session_is_known()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);
        fixture.Sleep(LedgerFixture.Day - LedgerFixture.Second);
        for (int time = 0; time < Told + 5; time++)
            Assert.Equal(Reason.SessionClosed, fixture.RefusalOf(session));

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(5, fixture.Journal.Single(IsCoalesced).RefusalsCoalesced.Count);
        fixture.Open();
        Assert.Equal(1, fixture.Ledger.KnownSessions);
    }

    private static bool IsCoalesced(LedgerEvent entry) => entry.RefusalsCoalesced is not null;

    private static void Refuse(LedgerFixture fixture, long session, int times)
    {
        for (int time = 0; time < times; time++)
        {
            Assert.Equal(
                Reason.UnknownPrice, fixture.RefusalOf(session, request => request.Estimate.CacheReadTokens = 1));
        }
    }
}
