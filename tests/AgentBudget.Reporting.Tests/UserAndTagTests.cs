using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

/// <summary>Spend by user and by business tag, and sums beyond 64 bits.</summary>
public sealed class UserAndTagTests
{
    private static readonly DateTimeOffset Start = Ledgers.At("2026-11-01T10:00:00Z");

    [Fact]
    public void Spend_is_grouped_by_user_and_by_the_tags_of_session_and_call()
    {
        LedgerEvent[] ledger = Number(
            Ledgers.Catalog(1, Start, "UTC"),
            Opened("sessions/s2", "kim", ("customer", "Ä \"one\""), ("team", "red")),
            Opened("sessions/s3", "lee"),
            Held("sessions/s2", "kim"),
            Held("sessions/s2", "kim", ("customer", "two"), ("feature", "x")),
            Held("sessions/s3", "lee", ("customer", "two")),
            Settled("sessions/s2", "kim", reservation: 4, nanos: 1),
            Settled("sessions/s2", "kim", reservation: 5, nanos: 10, isFinal: false),
            Settled("sessions/s2", "kim", reservation: 5, nanos: 100),
            Settled("sessions/s3", "lee", reservation: 6, nanos: 1000),
            Cost("sessions/s3", "lee", 10_000, ("customer", "Ä \"one\"")),
            Refused("sessions/s2", "kim"));

        // Cut into two folds at every place: what was read before is in the file or waits for it.
        for (int cut = 1; cut < ledger.Length; cut++)
        {
            using var file = new ReportFile();
            using (Aggregator first = Aggregator.Open(file.Path)) first.Fold(Ledgers.Tenant, ledger[..cut]);
            using Aggregator second = Aggregator.Open(file.Path);
            second.Fold(Ledgers.Tenant, ledger[cut..]);

            Assert.Equal(["lee 11000", "kim 111"], Rows(second, "user"));
            Assert.Equal(["Ä \"one\" 10001", "two 1110"], Rows(second, "tag:customer"));
            Assert.Equal([" 11001", "x 110"], Rows(second, "tag:feature"));
            Assert.Equal(["lee  11000", "kim red 111"], Rows(second, "user", "tag:team"));
            Assert.Equal([" 11111"], Rows(second, "tag:nobody"));
        }
    }

    [Fact]
    public void A_hold_that_is_settled_late_and_a_dispute_that_is_confirmed_keep_the_tags_of_their_call()
    {
        using var file = new ReportFile();
        using Aggregator aggregator = Aggregator.Open(file.Path);
        LedgerEvent lie = Settled("sessions/s2", "kim", reservation: 3, nanos: 1000);
        (lie.ReservationSettled.Disputed, lie.ReservationSettled.OverrunNanos) = (true, 900);
        lie.ReservationSettled.Usage = new TokenUsage { InputTokens = 77 };
        LedgerEvent confirmed = Of("sessions/s2", "kim");
        confirmed.DisputeDecided = new DisputeDecided
        {
            Dispute = 4,
            Decision = DisputeDecision.Confirmed,
            CostNanos = 900,
            Model = "haiku",
            Usage = new TokenUsage { InputTokens = 77 },
        };
        aggregator.Fold(Ledgers.Tenant, Number(
            Ledgers.Catalog(1, Start, "UTC"),
            Opened("sessions/s2", "kim"),
            Held("sessions/s2", "kim", ("customer", "two")),
            lie));
        ChargebackRow before = Report(aggregator, "tag:customer").Total;
        aggregator.Fold(Ledgers.Tenant, Number(5, confirmed));

        Assert.Equal((100, 0L), (before.Cost.Nanos, before.Tokens.InputTokens));
        Assert.Equal(["two 1000"], Rows(aggregator, "tag:customer"));
        Assert.Equal(77, Report(aggregator).Total.Tokens.InputTokens);
    }

    [Fact]
    public void A_dismissed_dispute_leaves_the_money_that_was_held_and_no_tokens()
    {
        using var file = new ReportFile();
        using Aggregator aggregator = Aggregator.Open(file.Path);
        LedgerEvent lie = Settled("sessions/s2", "kim", reservation: 3, nanos: 1000);
        (lie.ReservationSettled.Disputed, lie.ReservationSettled.OverrunNanos) = (true, 900);
        lie.ReservationSettled.Usage = new TokenUsage { InputTokens = 77 };
        LedgerEvent dismissed = Of("sessions/s2", "kim");
        dismissed.DisputeDecided = new DisputeDecided { Dispute = 4, Decision = DisputeDecision.Dismissed };
        aggregator.Fold(Ledgers.Tenant, Number(
            Ledgers.Catalog(1, Start, "UTC"),
            Opened("sessions/s2", "kim"),
            Held("sessions/s2", "kim"),
            lie,
            dismissed));

        ChargebackRow total = Report(aggregator).Total;

        Assert.Equal(100, total.Cost.Nanos);
        Assert.Equal(new TokenUsage(), total.Tokens);
    }

    [Fact]
    public void Sums_beyond_64_bits_of_nanos_are_right_in_one_row_over_rows_and_in_runs()
    {
        using var file = new ReportFile();
        using Aggregator aggregator = Aggregator.Open(file.Path);
        const long huge = long.MaxValue - 7;
        LedgerEvent ended = Of("sessions/s2", "kim");
        ended.SessionEnded = new SessionEnded
        {
            Outcome = new Outcome { Status = Outcome.Types.Status.Success },
        };
        aggregator.Fold(Ledgers.Tenant, Number(
            Ledgers.Catalog(1, Start, "UTC"),
            Opened("sessions/s2", "kim"),
            Held("sessions/s2", "kim"),
            Held("sessions/s2", "kim"),
            Settled("sessions/s2", "kim", reservation: 3, huge),
            Settled("sessions/s2", "kim", reservation: 4, huge),
            Cost("sessions/s4", "kim", huge),
            ended));
        // A second write adds to the rows of the first.
        Report(aggregator);
        aggregator.Fold(Ledgers.Tenant, Number(9, Settled("sessions/s2", "kim", reservation: 9, huge)));

        Int128 three = (Int128)huge * 3;
        Assert.Equal([$"haiku {three}", $" {huge}"], Rows(aggregator, "model"));
        Assert.Equal(three + huge, Nanos(Report(aggregator).Total.Cost));
        GetUnitCostsResponse runs = aggregator.GetUnitCosts(Ledgers.Tenant, new GetUnitCostsRequest());
        Assert.Equal(three, Nanos(runs.Total.CostPerSuccessfulRun));
    }

    [Fact]
    public void Sums_of_tokens_beyond_64_bits_are_an_error_that_says_so_and_the_money_is_still_told_apart()
    {
        using var file = new ReportFile();
        using Aggregator aggregator = Aggregator.Open(file.Path);
        LedgerEvent[] settled = [.. Enumerable.Range(0, 2).Select(place =>
        {
            LedgerEvent one = Settled($"sessions/s{place + 2}", "kim", reservation: 90, nanos: 1);
            one.ReservationSettled.Usage = new TokenUsage { InputTokens = long.MaxValue };
            return one;
        })];
        aggregator.Fold(Ledgers.Tenant, Number([Ledgers.Catalog(1, Start, "UTC"), .. settled]));

        var fault = Assert.Throws<ReportException>(() => Report(aggregator));
        var request = new GetChargebackRequest { Filter = new ReportFilter { Session = "sessions/s2" } };

        Assert.Equal(ReportFault.AmountOverflow, fault.Fault);
        Assert.Equal(1, aggregator.GetChargeback(Ledgers.Tenant, request).Total.Cost.Nanos);
    }

    private static GetChargebackResponse Report(Aggregator aggregator, params string[] groupBy) =>
        aggregator.GetChargeback(Ledgers.Tenant, new GetChargebackRequest { GroupBy = { groupBy } });

    private static IEnumerable<string> Rows(Aggregator aggregator, params string[] groupBy) =>
        Report(aggregator, groupBy).Rows
            .Where(row => row.Cost.Units != 0 || row.Cost.Nanos != 0)
            .Select(row => $"{string.Join(' ', groupBy.Select(name => row.Keys[name]))} {Nanos(row.Cost)}");

    private static Int128 Nanos(Money money) => ((Int128)money.Units * 1_000_000_000) + money.Nanos;

    private static LedgerEvent[] Number(params LedgerEvent[] events) => Number(1, events);

    private static LedgerEvent[] Number(long first, params LedgerEvent[] events)
    {
        for (int place = 0; place < events.Length; place++) events[place].Sequence = first + place;
        return events;
    }

    private static LedgerEvent Of(string session, string user) => new()
    {
        Time = Timestamp.FromDateTimeOffset(Start),
        RequestId = "r",
        Spender = new Spender
        {
            Session = session,
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            BusinessUnit = "businessUnits/marketing",
            OnBehalfOf = user,
        },
    };

    private static LedgerEvent Opened(string session, string user, params (string Name, string Value)[] tags)
    {
        LedgerEvent opened = Of(session, user);
        opened.SessionOpened = new SessionOpened();
        foreach ((string name, string value) in tags) opened.SessionOpened.Tags[name] = value;
        return opened;
    }

    private static LedgerEvent Held(string session, string user, params (string Name, string Value)[] tags)
    {
        LedgerEvent held = Of(session, user);
        held.ReservationHeld = new ReservationHeld { Model = "haiku" };
        if (tags.Length == 0) return held;
        held.ReservationHeld.Tags = new Tags();
        foreach ((string name, string value) in tags) held.ReservationHeld.Tags.Values[name] = value;
        return held;
    }

    private static LedgerEvent Settled(
        string session, string user, long reservation, long nanos, bool isFinal = true)
    {
        LedgerEvent settled = Of(session, user);
        settled.ReservationSettled = new ReservationSettled
        {
            Reservation = reservation,
            CostNanos = nanos,
            Model = "haiku",
            Final = isFinal,
        };
        return settled;
    }

    private static LedgerEvent Cost(string session, string user, long nanos, params (string Name, string Value)[] tags)
    {
        LedgerEvent cost = Of(session, user);
        cost.CostRecorded = new CostRecorded { Sku = "search", CostNanos = nanos, QuantityMillionths = 1_000_000 };
        if (tags.Length == 0) return cost;
        cost.CostRecorded.Tags = new Tags();
        foreach ((string name, string value) in tags) cost.CostRecorded.Tags.Values[name] = value;
        return cost;
    }

    private static LedgerEvent Refused(string session, string user)
    {
        LedgerEvent refused = Of(session, user);
        refused.ReservationRefused = new ReservationRefused { Model = "haiku" };
        return refused;
    }
}
