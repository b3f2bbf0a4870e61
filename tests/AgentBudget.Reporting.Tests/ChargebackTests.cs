using System.Numerics;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

public sealed class ChargebackTests : IDisposable
{
    // Change it to look at another ledger; a failure names it.
    private const int Seed = 20261121;

    private readonly ReportFile _file = new();
    private readonly Aggregator _aggregator;

    public ChargebackTests() => _aggregator = Aggregator.Open(_file.Path);

    public void Dispose()
    {
        _aggregator.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void Combinations_of_groupings_and_filters_equal_the_naive_sum()
    {
        var random = new Random(Seed);
        var events = Ledgers.Random(Seed, 1_500);
        _aggregator.Fold(Ledgers.Tenant, events);
        string[] names = [.. Aggregator.Groupings.Order()];
        Assert.Equal(15, names.Length);
        // Every one, every pair, every three, and some of all the others.
        int[] masks =
        [
            .. Enumerable.Range(0, 1 << names.Length)
                .Where(mask => BitOperations.PopCount((uint)mask) <= 3 || random.Next(0, 32) == 0),
        ];
        foreach (int mask in masks)
        {
            var request = new GetChargebackRequest { Filter = RandomFilter(random), Period = RandomPeriod(random) };
            request.GroupBy.AddRange(names.Where((_, i) => (mask & (1 << i)) != 0));
            var answer = _aggregator.GetChargeback(Ledgers.Tenant, request);
            string told = $"seed {Seed}, {request}";
            Assert.True(
                NaiveChargeback.Lines(events, request, "Europe/Berlin").SequenceEqual(NaiveChargeback.Lines(answer)),
                told);
            Assert.Equal(events.Count, answer.Sequence);
        }
    }

    [Fact]
    public void Rows_come_with_the_most_cost_first()
    {
        _aggregator.Fold(Ledgers.Tenant, Ledgers.Random(Seed, 500));
        var rows = _aggregator.GetChargeback(Ledgers.Tenant, GroupedBy("session")).Rows;
        var costs = rows.Select(row => (row.Cost.Units * 1_000_000_000m) + row.Cost.Nanos).ToList();
        Assert.Equal(costs.OrderDescending(), costs);
        Assert.True(costs.Count > 30);
    }

    [Theory]
    [InlineData("2026-03-28T22:59:59Z", "2026-03-28")]
    [InlineData("2026-03-28T23:00:00Z", "2026-03-29")] // The day with 23 hours begins at +1 ...
    [InlineData("2026-03-29T21:59:59Z", "2026-03-29")] // ... and ends at +2.
    [InlineData("2026-03-29T22:00:00Z", "2026-03-30")]
    [InlineData("2026-10-24T22:00:00Z", "2026-10-25")] // The day with 25 hours begins at +2 ...
    [InlineData("2026-10-25T22:59:59Z", "2026-10-25")] // ... and ends at +1.
    [InlineData("2026-10-25T23:00:00Z", "2026-10-26")]
    public void Days_in_Berlin_follow_its_clock_changes(string time, string day)
    {
        Assert.Equal(day, DayOf("Europe/Berlin", time));
    }

    [Theory]
    [InlineData("Asia/Kolkata", "2026-05-01T18:29:59Z", "2026-05-01")]
    [InlineData("Asia/Kolkata", "2026-05-01T18:30:00Z", "2026-05-02")]
    [InlineData("Asia/Kathmandu", "2026-05-01T18:14:59Z", "2026-05-01")]
    [InlineData("Asia/Kathmandu", "2026-05-01T18:15:00Z", "2026-05-02")]
    public void A_day_may_begin_inside_an_hour_of_UTC(string timeZone, string time, string day)
    {
        Assert.Equal(day, DayOf(timeZone, time));
    }

    [Fact]
    public void A_period_is_widened_to_whole_quarters_of_an_hour()
    {
        var start = Ledgers.At("2026-11-21T10:15:00Z");
        _aggregator.Fold(
            Ledgers.Tenant,
            [
                Ledgers.Catalog(1, start, "UTC"),
                Ledgers.Settled(2, start.AddSeconds(-1), 1),
                Ledgers.Settled(3, start, 10),
                Ledgers.Settled(4, start.AddMinutes(14), 100),
                Ledgers.Settled(5, start.AddMinutes(15), 1_000),
            ]);
        Assert.Equal(110, TotalNanos("2026-11-21T10:20:00Z", "2026-11-21T10:21:00Z"));
        Assert.Equal(110, TotalNanos("2026-11-21T10:15:00Z", "2026-11-21T10:30:00Z"));
        Assert.Equal(1_110, TotalNanos("2026-11-21T10:15:00Z", "2026-11-21T10:30:00.000000001Z"));
        Assert.Equal(1_111, TotalNanos("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z"));
    }

    [Theory]
    [InlineData("Asia/Kathmandu", "2026-05-01T18:15:00Z", "2026-05-02T18:15:00Z")]
    [InlineData("Asia/Kolkata", "2026-05-01T18:30:00Z", "2026-05-02T18:30:00Z")]
    [InlineData("Pacific/Chatham", "2026-05-01T11:15:00Z", "2026-05-02T11:15:00Z")]
    [InlineData("Europe/Berlin", "2026-04-30T22:00:00Z", "2026-05-01T22:00:00Z")]
    public void A_day_of_any_time_zone_is_that_day(string timeZone, string midnight, string next)
    {
        var start = Ledgers.At(midnight);
        _aggregator.Fold(
            Ledgers.Tenant,
            [
                Ledgers.Catalog(1, start.AddHours(-2), timeZone),
                Ledgers.Settled(2, start.AddMinutes(-5), 3_000_000_000),
                Ledgers.Settled(3, start.AddMinutes(5), 5_000_000_000),
                Ledgers.Settled(4, start.AddDays(1), 7_000_000_000),
            ]);

        Assert.Equal(5_000_000_000, TotalNanos(midnight, next));
    }

    [Fact]
    public void A_sum_beyond_64_bits_of_nanos_is_right()
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        _aggregator.Fold(
            Ledgers.Tenant,
            [
                Ledgers.Catalog(1, time, "UTC"),
                Ledgers.Settled(2, time, long.MaxValue, "sessions/s1"),
                Ledgers.Settled(3, time, 1, "sessions/s2"),
            ]);
        Money total = _aggregator.GetChargeback(Ledgers.Tenant, new()).Total.Cost;
        Assert.Equal((9_223_372_036, 854_775_808), (total.Units, total.Nanos));
        var narrowed = new GetChargebackRequest { Filter = new ReportFilter { Session = "sessions/s1" } };
        Assert.Equal(long.MaxValue, Nanos(_aggregator.GetChargeback(Ledgers.Tenant, narrowed).Total.Cost));
    }

    [Fact]
    public void An_unknown_grouping_is_refused_by_name()
    {
        var exception = Assert.Throws<ReportException>(
            () => _aggregator.GetChargeback(Ledgers.Tenant, GroupedBy("customer; DROP TABLE spend")));
        Assert.Equal(ReportFault.UnknownGrouping, exception.Fault);
    }

    [Fact]
    public void A_tenant_without_a_ledger_has_an_empty_report()
    {
        var answer = _aggregator.GetChargeback("nobody", GroupedBy("agent"));
        Assert.Empty(answer.Rows);
        Assert.Equal(0, answer.Sequence);
        Assert.Equal(0, answer.Total.Calls);
    }

    [Fact]
    public void A_tenant_sees_nothing_of_another()
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        _aggregator.Fold(Ledgers.Tenant, [Ledgers.Catalog(1, time, "UTC"), Ledgers.Settled(2, time, 5)]);
        _aggregator.Fold("other", [Ledgers.Catalog(1, time, "UTC"), Ledgers.Settled(2, time, 7)]);
        Assert.Equal(5, Nanos(_aggregator.GetChargeback(Ledgers.Tenant, new()).Total.Cost));
        Assert.Equal(7, Nanos(_aggregator.GetChargeback("other", new()).Total.Cost));
    }

    private static GetChargebackRequest GroupedBy(string name)
    {
        var request = new GetChargebackRequest();
        request.GroupBy.Add(name);
        return request;
    }

    private static long Nanos(Money money) => (money.Units * 1_000_000_000) + money.Nanos;

    private static Timestamp Time(string text) => Timestamp.Parser.ParseJson($"\"{text}\"");

    private static ReportFilter RandomFilter(Random random) => new()
    {
        BusinessUnit = random.Next(0, 4) == 0 ? $"businessUnits/b{random.Next(0, 3)}" : "",
        UseCase = random.Next(0, 4) == 0 ? $"useCases/u{random.Next(0, 5)}" : "",
        Agent = random.Next(0, 6) == 0 ? $"agents/a{random.Next(0, 7)}" : "",
        Session = random.Next(0, 8) == 0 ? $"sessions/s{random.Next(0, 40)}" : "",
        Model = random.Next(0, 4) == 0 ? $"model-{random.Next(0, 3)}" : "",
        Run = random.Next(0, 6) == 0 ? $"sessions/s{random.Next(0, 40)}" : "",
        Bucket = (TokenBucket)(random.Next(0, 6) == 0 ? random.Next(1, 13) : 0),
    };

    private static ReportPeriod RandomPeriod(Random random)
    {
        var period = new ReportPeriod();
        var start = Ledgers.At("2026-10-20T00:00:00Z").AddSeconds(random.Next(0, 800_000));
        if (random.Next(0, 2) == 0) period.StartTime = Timestamp.FromDateTimeOffset(start);
        if (random.Next(0, 2) == 0)
            period.EndTime = Timestamp.FromDateTimeOffset(start.AddSeconds(random.Next(0, 800_000)));
        return period;
    }

    private string DayOf(string timeZone, string time)
    {
        var at = Ledgers.At(time);
        _aggregator.Fold(Ledgers.Tenant, [Ledgers.Catalog(1, at, timeZone), Ledgers.Settled(2, at, 1)]);
        return Assert.Single(_aggregator.GetChargeback(Ledgers.Tenant, GroupedBy("day")).Rows).Keys["day"];
    }

    private long TotalNanos(string start, string end)
    {
        var period = new ReportPeriod { StartTime = Time(start), EndTime = Time(end) };
        return Nanos(
            _aggregator.GetChargeback(Ledgers.Tenant, new GetChargebackRequest { Period = period }).Total.Cost);
    }
}
