using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Ledger.Tests;

public sealed class SessionTests
{
    private const long Hour = 3600 * LedgerFixture.Second;

    [Fact]
    public void A_session_is_one_task_of_one_agent_for_a_use_case_and_a_user()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.TryOpen(request => request.Tools.Add("crm.read"));

        LedgerEvent opened = answer.Event!;
        Assert.Equal(
            new Spender
            {
                Session = $"sessions/s{opened.Sequence}",
                Agent = "agents/writer",
                UseCase = "useCases/promo",
                BusinessUnit = "businessUnits/marketing",
                OnBehalfOf = "user:kim@acme.test",
            },
            opened.Spender);
        Assert.Equal("admin", opened.Actor);
        Session session = fixture.Session(opened.Sequence);
        Assert.Equal(State.Open, session.State);
        Assert.Equal("draft", session.Task);
        Assert.Equal(["crm.read"], session.Tools);
        Assert.Equal([LedgerFixture.Sonnet, LedgerFixture.Haiku], session.Models);
        Assert.False(session.Unattended);
        Assert.Equal(1, fixture.Ledger.OpenSessions);
    }

    [Fact]
    public void A_session_works_for_nobody_where_it_said_so()
    {
        var fixture = new LedgerFixture();

        long session = fixture.Open(request =>
        {
            request.OnBehalfOf = "";
            request.Unattended = true;
        });

        Assert.True(fixture.Session(session).Unattended);
    }

    [Fact]
    public void Spend_is_charged_to_the_business_unit_of_the_use_case()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.BusinessUnits.Add(new BusinessUnit { Id = "supply" });
            catalog.UseCases[0].BusinessUnit = "supply";
        });

        fixture.Hold(fixture.Open());

        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("businessUnits/supply").Held));
        Assert.Equal(0, LedgerFixture.Nanos(fixture.Balance("businessUnits/marketing").Held));
    }

    [Theory]
    [InlineData(0, 3600)]
    [InlineData(1, 1)]
    [InlineData(600, 600)]
    [InlineData(7200, 3600)]
    public void A_session_lives_as_long_as_asked_and_at_most_the_agents_time(long askedSeconds, long seconds)
    {
        var fixture = new LedgerFixture();

        long session = fixture.Open(request =>
            request.Ttl = askedSeconds == 0 ? null : new() { Seconds = askedSeconds });

        Assert.Equal(fixture.Now + (seconds * LedgerFixture.Second), ExpireNanos(fixture, session));
    }

    [Fact]
    public void A_session_cannot_spend_from_its_expiry_on()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Sleep(Hour - 1);
        fixture.Hold(session);

        fixture.Sleep(1);

        Assert.Equal(Reason.SessionExpired, fixture.RefusalOf(session));
        Assert.Equal(State.Expired, fixture.Session(session).State);
        Assert.Equal(0, fixture.Ledger.OpenSessions);
    }

    [Fact]
    public void An_ended_session_cannot_spend_from_that_moment_and_keeps_its_outcome()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.End(session, request => request.Outcome.Metrics["quotesBound"] = 131);

        Assert.Equal(Reason.SessionClosed, fixture.RefusalOf(session));
        Session ended = fixture.Session(session);
        Assert.Equal(State.Ended, ended.State);
        Assert.Equal(131, ended.Outcome.Metrics["quotesBound"]);
        Assert.Equal(fixture.Now, LogTime.FromTimestamp(ended.EndTime));
    }

    [Fact]
    public void A_revoked_session_cannot_spend_from_that_moment_and_says_why()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();

        LedgerEvent revoked = fixture.Revoke(session).Event!;

        Assert.Equal(State.Revoked, revoked.SessionEnded.State);
        Assert.Equal("leaked", revoked.SessionEnded.Reason);
        Assert.Equal(State.Revoked, revoked.SessionEnded.Session.State);
        Assert.Equal(
            fixture.Now + (30 * LedgerFixture.Second), LogTime.FromTimestamp(revoked.SessionEnded.GraceEndTime));
        Assert.Equal(Reason.SessionRevoked, fixture.RefusalOf(session));
        Assert.Equal("leaked", fixture.Session(session).Reason);
    }

    [Fact]
    public void An_ended_session_never_reopens()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.End(session);

        Assert.Equal(Outcome.SessionNotOpen, fixture.Renew(session).Outcome);
        Assert.Equal(Outcome.SessionNotOpen, fixture.End(session).Outcome);
        Assert.Equal(Outcome.SessionNotOpen, fixture.Revoke(session).Outcome);
        Assert.Equal(State.Ended, fixture.Session(session).State);
        Assert.Equal(Outcome.SessionNotFound, fixture.End(999).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Renew(999).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Revoke(999).Outcome);
    }

    [Fact]
    public void Renewing_moves_the_expiry_from_now_and_never_past_the_lifetime()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].SessionLifetime = new() { Seconds = 2 * 3600 });
        long session = fixture.Open();
        long opened = fixture.Now;
        fixture.Advance(Hour / 2);

        fixture.Renew(session, ttlSeconds: 60);
        Assert.Equal(fixture.Now + (60 * LedgerFixture.Second), ExpireNanos(fixture, session));
        fixture.Renew(session);
        Assert.Equal(fixture.Now + Hour, ExpireNanos(fixture, session));
        fixture.Advance(Hour - 1);
        LedgerEvent renewed = fixture.Renew(session, ttlSeconds: 3600).Event!;
        Assert.Equal(opened + (2 * Hour), ExpireNanos(fixture, session));
        Assert.Equal(renewed.SessionRenewed.ExpireTime, renewed.SessionRenewed.Session.ExpireTime);
        fixture.Advance(Hour);
        Assert.Equal(State.Expired, fixture.Session(session).State);
    }

    [Fact]
    public void The_grace_releases_every_open_hold_with_one_closing_record()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Commit(session, fixture.Hold(session), 1000, 1000);
        long first = fixture.Hold(session);
        long second = fixture.Hold(session);
        fixture.Commit(session, second, 1000, 0, request => request.Final = false);
        fixture.End(session, request => request.Outcome.Metrics["quotesBound"] = 131);
        int events = fixture.Journal.Count;

        fixture.Advance((30 * LedgerFixture.Second) - 1);
        Assert.Equal(2, fixture.Ledger.OpenReservations);
        fixture.Advance(1);

        Assert.Equal(events + 1, fixture.Journal.Count);
        SessionClosed closed = fixture.Journal[^1].SessionClosed;
        Assert.Equal([first, second], closed.Released.Order());
        Assert.Equal((11_000_000, 3000), (closed.ReleasedNanos, closed.ReleasedTokens));
        Assert.Equal((7_000_000, 3000), (closed.SettledNanos, closed.SettledTokens));
        Assert.Equal((3, 0), (closed.Steps, closed.Refused));
        Assert.Equal(131, closed.Outcome.Metrics["quotesBound"]);
        Assert.Equal(0, fixture.Ledger.OpenReservations);
        Assert.All(fixture.Path(session), account => Assert.Equal(0, LedgerFixture.Nanos(account.Held)));
    }

    [Fact]
    public void Every_end_writes_a_closing_record_also_without_a_hold()
    {
        var fixture = new LedgerFixture();
        long ended = fixture.Open();
        fixture.End(ended);
        long revoked = fixture.Open();
        fixture.Revoke(revoked);
        long expired = fixture.Open(request => request.Ttl = new() { Seconds = 1 });

        fixture.Advance(Hour);

        Assert.Equal(
            [$"sessions/s{revoked}", $"sessions/s{ended}", $"sessions/s{expired}"],
            fixture.Journal.Where(entry => entry.SessionClosed is not null).Select(entry => entry.Spender.Session));
    }

    [Fact]
    public void A_hold_can_be_released_by_its_gateway_in_the_grace()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        fixture.End(session);

        Assert.Equal(6_000_000, fixture.Release(session, reservation).Event!.ReservationReleased.ReleasedNanos);
    }

    [Fact]
    public void A_closed_session_is_forgotten_24_hours_later()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.End(session);
        fixture.Advance(30 * LedgerFixture.Second);

        fixture.Sleep(LedgerFixture.Day - 1);
        Assert.Equal(State.Ended, fixture.Session(session).State);
        fixture.Sleep(1);
        Assert.Equal(Outcome.SessionNotFound, fixture.Send(new SessionQuery(session)).Outcome);
        Assert.Equal(Outcome.SessionNotFound, fixture.Send(new BalanceQuery(session, "")).Outcome);
        Assert.Empty(fixture.Sessions().Sessions);
    }

    [Fact]
    public void A_day_of_closed_sessions_leaves_nothing_behind_after_a_month()
    {
        var fixture = new LedgerFixture(
            catalog => catalog.Agents[0].Budget =
                new Protocol.V1.Budget { Limit = Catalogs.Dollars(1000), Period = Period.Day },
            comparesEachTurn: false);
        fixture.Advance(3 * LedgerFixture.Day);
        int before = fixture.Ledger.Snapshot().Length;
        for (int number = 0; number < 200; number++)
        {
            long session = fixture.Open();
            fixture.Commit(session, fixture.Hold(session), 0, 0);
            fixture.Release(session, fixture.Hold(session, request => request.Estimate.MaxOutputTokens = 1));
            fixture.Hold(session, request => request.Estimate.MaxOutputTokens = 1);
            if (number % 2 == 0) fixture.End(session);
        }

        fixture.Compare();
        fixture.Advance(3 * LedgerFixture.Day);
        Assert.Equal(0, fixture.Ledger.KnownSessions);
        fixture.Advance(29 * LedgerFixture.Day);

        Assert.Empty(fixture.Ledger.SessionsAndArchived);
        Assert.Equal(0, fixture.Ledger.OpenReservations);
        // Sequence numbers are longer by then.
        Assert.InRange(fixture.Ledger.Snapshot().Length, before, before + 16);
        fixture.Compare();
    }

    [Fact]
    public void A_ceiling_in_another_currency_is_a_fault()
    {
        var fixture = new LedgerFixture();

        Answer answer = fixture.TryOpen(request => request.Ceilings =
            new Ceilings { CostPerSession = new Money { CurrencyCode = "EUR", Units = 1 } });

        Assert.Equal(Outcome.CurrencyInvalid, answer.Outcome);
        Assert.Equal("ceilings.costPerSession.currencyCode", Assert.Single(answer.Faults!).Field);
    }

    private static long ExpireNanos(LedgerFixture fixture, long session) =>
        LogTime.FromTimestamp(fixture.Session(session).ExpireTime);
}
