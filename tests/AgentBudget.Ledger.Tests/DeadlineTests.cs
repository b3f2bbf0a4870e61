using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;
using Fact = AgentBudget.Protocol.V1.LedgerEvent.FactOneofCase;

namespace AgentBudget.Ledger.Tests;

public sealed class DeadlineTests
{
    [Fact]
    public void Deadlines_are_handled_in_order_and_each_at_its_own_time()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(1), Period = Period.Day });
        long start = fixture.Now;
        fixture.Extend("useCases/promo", amount: 1, expiresAtNanos: start + (40 * LedgerFixture.Second));
        long session = fixture.Open(request => request.Ttl = new() { Seconds = 60 });
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 50 });
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 20 });
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 70 });
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 500 });
        int events = fixture.Journal.Count;

        fixture.Advance(LedgerFixture.Day);

        Assert.Equal(
            [
                (Fact.ReservationExpired, 20L), (Fact.ExtensionExpired, 40), (Fact.ReservationExpired, 50),
                (Fact.SessionEnded, 60), (Fact.ReservationExpired, 70), (Fact.SessionClosed, 90),
                (Fact.PeriodEnded, 13 * 3600),
            ],
            fixture.Journal.Skip(events).Select(entry =>
                (entry.FactCase, (LogTime.FromTimestamp(entry.Time) - start) / LedgerFixture.Second)));
    }

    [Fact]
    public void Of_deadlines_at_one_instant_a_period_ends_first_then_extensions_then_holds_then_sessions()
    {
        var fixture = new LedgerFixture(catalog => catalog.UseCases[0].Budget.Period = Period.Day);
        long midnight = fixture.Now + (13 * 3600 * LedgerFixture.Second);
        fixture.Extend("useCases/promo", amount: 1, expiresAtNanos: midnight);
        fixture.Advance((13 * 3600 * LedgerFixture.Second) - (60 * LedgerFixture.Second));
        long session = fixture.Open(request => request.Ttl = new() { Seconds = 60 });
        long first = fixture.Hold(session, request => request.Ttl = new() { Seconds = 60 });
        long second = fixture.Hold(session, request =>
        {
            request.Ttl = new() { Seconds = 60 };
            request.OnExpiry = OnExpiry.Charge;
        });

        fixture.Advance(60 * LedgerFixture.Second);

        Assert.Equal(
            [
                Fact.PeriodEnded, Fact.ExtensionExpired, Fact.ReservationExpired, Fact.ReservationSettled,
                Fact.SessionEnded,
            ],
            fixture.Journal.TakeLast(5).Select(entry => entry.FactCase));
        Assert.Equal(first, fixture.Journal[^3].ReservationExpired.Reservation);
        Assert.Equal(second, fixture.Journal[^2].ReservationSettled.Reservation);
        Assert.Equal(6_000_000, LedgerFixture.Nanos(fixture.Balance("useCases/promo").Settled));
    }

    [Fact]
    public void A_command_sees_every_deadline_before_it_handled()
    {
        var fixture = new LedgerFixture(catalog => catalog.Agents[0].Ceilings = new Ceilings { OpenHolds = 1 });
        long session = fixture.Open();
        fixture.Hold(session, request => request.Ttl = new() { Seconds = 1 });
        Assert.Equal(Reason.SessionCeiling, fixture.RefusalOf(session));

        fixture.Sleep(LedgerFixture.Second);

        fixture.Hold(session);
    }

    [Fact]
    public void Log_time_never_goes_back_when_the_clock_does()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long opened = fixture.Ledger.LogTimeNanos;
        fixture.Sleep(-3600 * LedgerFixture.Second);

        long reservation = fixture.Hold(session);

        Assert.Equal(opened, fixture.Ledger.LogTimeNanos);
        LedgerEvent held = fixture.Journal[(int)reservation - 1];
        Assert.Equal(opened, LogTime.FromTimestamp(held.Time));
        Assert.Equal(
            opened + (600 * LedgerFixture.Second), LogTime.FromTimestamp(held.ReservationHeld.ExpireTime));
    }

    [Fact]
    public void One_call_handles_a_bounded_number_of_deadlines_and_says_that_more_are_due()
    {
        var fixture = new LedgerFixture(comparesEachTurn: false);
        long session = 0;
        for (int hold = 0; hold < TenantLedger.DeadlinesPerTurnMax + 1; hold++)
        {
            if (hold % 1000 == 0) session = fixture.Open();
            fixture.Hold(session, request =>
            {
                request.Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 0 };
                request.Ttl = new() { Seconds = 1 };
            });
        }

        fixture.Sleep(LedgerFixture.Second);
        var events = new List<LedgerEvent>();
        fixture.Ledger.HandleDeadlines(fixture.Now, events);

        Assert.Equal(TenantLedger.DeadlinesPerTurnMax, events.Count);
        Assert.Equal(fixture.Now, fixture.Ledger.NextDeadlineNanos);
        fixture.Ledger.HandleDeadlines(fixture.Now, events);
        Assert.Equal(TenantLedger.DeadlinesPerTurnMax + 1, events.Count);
        Assert.True(fixture.Ledger.NextDeadlineNanos > fixture.Now);
    }

    [Fact]
    public void Deadlines_are_the_same_after_a_restart()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(1), Period = Period.Week });
        fixture.Extend("agents/writer", amount: 1, expiresAtNanos: fixture.Now + (9 * LedgerFixture.Day));
        long open = fixture.Open();
        fixture.Hold(open, request => request.Ttl = new() { Seconds = 5 });
        long ended = fixture.Open();
        fixture.Hold(ended);
        fixture.End(ended);

        while (fixture.Now < LogTime.FromTimestamp(fixture.Journal[0].Time) + (10 * LedgerFixture.Day))
        {
            long next = fixture.Ledger.NextDeadlineNanos;
            fixture.Restart();
            Assert.Equal(next, fixture.Ledger.NextDeadlineNanos);
            fixture.Advance(Math.Max(1, next - fixture.Now));
        }

        Assert.Contains(fixture.Journal, entry => entry.ExtensionExpired is not null);
    }

    [Fact]
    public void An_event_that_cannot_follow_is_refused_by_replay()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Hold(session);
        LedgerEvent Next(Action<LedgerEvent> change)
        {
            LedgerEvent next = fixture.Journal[^1].Clone();
            next.Sequence++;
            change(next);
            return next;
        }

        LedgerEvent[] wrong =
        [
            Next(entry => entry.Sequence++),
            Next(entry => entry.Sequence--),
            Next(entry => entry.Time.Seconds--),
            Next(entry => entry.ClearFact()),
            Next(entry => entry.Spender.Session = "sessions/s77"),
            Next(entry => entry.Spender.Session = "agents/writer"),
            Next(entry => entry.ReservationHeld.PriceVersion = 9),
            Next(entry => entry.ReservationHeld.CostNanos = 2_000_000_000),
            Next(entry => entry.ReservationReleased = new ReservationReleased { Reservation = 77 }),
            Next(entry => entry.RequestId = fixture.Journal[^1].RequestId),
        ];

        Assert.All(wrong, entry => Assert.Throws<InvariantException>(() =>
        {
            TenantLedger ledger = TenantLedger.Restore("acme", fixture.Ledger.Snapshot());
            ledger.Apply(entry);
        }));
    }

    [Fact]
    public void A_snapshot_of_another_tenant_or_format_is_refused()
    {
        byte[] snapshot = new LedgerFixture().Ledger.Snapshot();

        Assert.Throws<InvariantException>(() => TenantLedger.Restore("umbrella", snapshot));
        Assert.Throws<InvariantException>(() => TenantLedger.Restore("acme", []));
        Assert.Throws<InvariantException>(() => TenantLedger.Restore("acme", [9, .. snapshot[1..]]));
        Assert.ThrowsAny<Exception>(() => TenantLedger.Restore("acme", snapshot.AsSpan(0, snapshot.Length - 1)));
    }

    [Fact]
    public void A_clock_that_steps_back_skips_no_deadline_that_log_time_has_reached()
    {
        var fixture = new LedgerFixture();
        long first = fixture.Open();
        long second = fixture.Open();
        fixture.Hold(first, request => request.Ttl = new() { Seconds = 60 });
        long late = fixture.Hold(second, request => request.Ttl = new() { Seconds = 60 });
        for (int i = 0; i < TenantLedger.DeadlinesPerTurnMax / 2; i++)
        {
            fixture.Ledger.Handle(Reserve(first, i), fixture.Now, fixture.Journal);
            fixture.Ledger.Handle(Reserve(second, i), fixture.Now, fixture.Journal);
        }

        fixture.Ledger.HandleDeadlines(fixture.Now + (60 * LedgerFixture.Second), fixture.Journal);
        fixture.Now -= LedgerFixture.Second;
        Answer answer = fixture.Commit(second, late, input: 1, output: 1);

        Assert.True(answer.Event!.ReservationSettled.Late);

        static ReserveCommand Reserve(long session, int number) => new(session, new ReserveTokensRequest
        {
            RequestId = $"hold-{number}",
            Model = LedgerFixture.Haiku,
            Estimate = new TokenEstimate { InputTokens = 1, MaxOutputTokens = 0 },
            Ttl = new() { Seconds = 60 },
        });
    }

    [Fact]
    public void A_charge_on_expiry_after_a_partial_commit_counts_no_bucket_twice()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session, request =>
        {
            request.Ttl = new() { Seconds = 60 };
            request.OnExpiry = OnExpiry.Charge;
        });
        fixture.Commit(session, reservation, input: 400, output: 400, request => request.Final = false);

        fixture.Advance(60 * LedgerFixture.Second);

        ReservationSettled expired = fixture.Journal[^1].ReservationSettled;
        Assert.Equal(1200, expired.Tokens);
        Assert.Equal(new TokenUsage { InputTokens = 600, OutputTokens = 600 }, expired.Usage);
    }
}
