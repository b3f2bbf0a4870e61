using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Reporting.Tests;

public sealed class UnitCostTests : IDisposable
{
    // Change it to look at another ledger; a failure names it.
    private const int Seed = 20261122;

    private readonly ReportFile _file = new();
    private Aggregator _aggregator;

    public UnitCostTests() => _aggregator = Aggregator.Open(_file.Path);

    public void Dispose()
    {
        _aggregator.Dispose();
        _file.Dispose();
    }

    [Fact]
    public void Unit_costs_equal_the_naive_recomputation_over_the_ledger()
    {
        var random = new Random(Seed);
        List<LedgerEvent> events = RunLedgers.Random(Seed, 1_200);
        _aggregator.Fold(Ledgers.Tenant, events);
        string[] names = [.. Aggregator.UnitCostGroupings.Order()];
        Assert.Equal(["agent", "business_unit", "use_case"], names);
        int rows = 0;
        for (int mask = 0; mask < 1 << names.Length; mask++)
        {
            for (int round = 0; round < 6; round++)
            {
                var request = new GetUnitCostsRequest { Filter = RandomFilter(random), Period = RandomPeriod(random) };
                request.GroupBy.AddRange(names.Where((_, i) => (mask & (1 << i)) != 0));
                GetUnitCostsResponse answer = _aggregator.GetUnitCosts(Ledgers.Tenant, request);
                AssertEqualsNaive(events, request, answer);
                Assert.Equal(events.Count, answer.Sequence);
                rows += answer.Rows.Count;
            }
        }

        Assert.True(rows > 50, $"seed {Seed} has {rows} rows");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_restart_neither_loses_nor_doubles_a_run(bool isCrash)
    {
        var random = new Random(Seed);
        List<LedgerEvent> events = RunLedgers.Random(Seed, 900);
        int restarts = 0;
        while (_aggregator.Position(Ledgers.Tenant) < events.Count)
        {
            int position = (int)_aggregator.Position(Ledgers.Tenant);
            _aggregator.Fold(
                Ledgers.Tenant, events.GetRange(position, Math.Min(random.Next(1, 40), events.Count - position)));
            int fate = random.Next(0, 4);
            if (fate == 0) Get(); // Writes what is pending.
            if (fate != 1) continue;
            if (isCrash) _aggregator.Abandon();
            else _aggregator.Dispose();
            restarts++;
            _aggregator = Aggregator.Open(_file.Path);
        }

        Assert.True(restarts > 3, $"seed {Seed} restarts only {restarts} times");
        AssertEqualsNaive(events, new GetUnitCostsRequest(), Get());
    }

    [Fact]
    public void The_cost_of_a_run_is_all_that_its_sessions_settled_before_its_end_and_after()
    {
        var ledger = new RunLedgers();
        ledger.Catalog();
        string run = ledger.Open(1);
        ledger.Settle(run, 1);
        ledger.Settle(run, 20, isBelow: true);
        ledger.Record(run, 300);
        ledger.End(run, RunLedgers.Success(), isBelow: true);
        ledger.End(run, RunLedgers.Success());
        ledger.Advance(TimeSpan.FromDays(3));
        ledger.Settle(run, 4_000);
        ledger.Settle(ledger.Open(2), 50_000); // One that never ends.
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        UnitCostRow row = Assert.Single(Get("use_case").Rows);

        Assert.Equal("useCases/u0", row.Keys["use_case"]);
        Assert.Equal((4_321, 1, 1), (row.Cost.Nanos, row.Runs, row.SuccessfulRuns));
    }

    [Theory]
    [InlineData(5, 2, 2)]
    [InlineData(7, 2, 4)]
    [InlineData(8, 3, 3)]
    [InlineData(1, 3, 0)]
    public void The_unit_cost_is_cost_by_successful_runs_and_rounds_half_to_even(
        long costNanos, int successes, int expectedNanos)
    {
        var ledger = new RunLedgers();
        ledger.Catalog();
        for (int number = 0; number < successes; number++) ledger.End(ledger.Open(number), RunLedgers.Success());
        string failed = ledger.Open(successes);
        ledger.Settle(failed, costNanos);
        ledger.End(failed, new Outcome { Status = Outcome.Types.Status.Failure });
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        UnitCostRow row = Get().Total;

        Assert.Equal((successes + 1, successes), (row.Runs, row.SuccessfulRuns));
        Assert.Equal(expectedNanos, row.CostPerSuccessfulRun.Nanos);
    }

    [Fact]
    public void The_unit_cost_is_cost_by_outcome_delta_which_is_value_less_baseline()
    {
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "quotes", 120));
        EndWith(ledger, 1, 1_100, ("quotes", 131));
        EndWith(ledger, 2, 1_100, ("quotes", 121.5), ("calls", 4));
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        UnitCostRow row = Get().Total;

        Assert.Equal(["calls", "quotes"], row.Outcomes.Select(outcome => outcome.Metric));
        Assert.Equal((4, 1, 550), (row.Outcomes[0].Delta, row.Outcomes[0].Runs, row.Outcomes[0].CostPerUnit.Nanos));
        Assert.Equal((12.5, 2, 176), (row.Outcomes[1].Delta, row.Outcomes[1].Runs, row.Outcomes[1].CostPerUnit.Nanos));
    }

    [Fact]
    public void Where_nothing_succeeded_or_was_gained_there_is_no_unit_cost()
    {
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "same", 0.3), ("u0", "less", 9));
        string run = ledger.Open(1);
        ledger.Settle(run, 1_000);
        Outcome outcome = RunLedgers.Success(("same", 0.1), ("less", 8));
        outcome.Status = Outcome.Types.Status.Failure;
        ledger.End(run, outcome);
        EndWith(ledger, 2, 0, ("same", 0.5), ("less", 9)); // 0.1 − 0.3 + 0.5 − 0.3 is nothing, as decimals.
        ledger.End(ledger.Open(3, "u1"), outcome: null);
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        GetUnitCostsResponse answer = Get("use_case");
        UnitCostRow first = answer.Rows.Single(row => row.Keys["use_case"] == "useCases/u0");
        UnitCostRow second = answer.Rows.Single(row => row.Keys["use_case"] == "useCases/u1");

        Assert.All(first.Outcomes, found => Assert.Null(found.CostPerUnit));
        Assert.Equal([-1, 0], first.Outcomes.Select(found => found.Delta));
        Assert.Null(second.CostPerSuccessfulRun);
        Assert.Empty(second.Outcomes);
        Assert.Equal((0, 0, 0), (Empty().Cost.Nanos, Empty().Runs, Empty().Outcomes.Count));
    }

    [Fact]
    public void A_baseline_is_that_of_the_catalog_in_force_when_the_run_ended()
    {
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "quotes", 100));
        EndWith(ledger, 1, 1, ("quotes", 101));
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);
        _aggregator.Dispose();
        _aggregator = Aggregator.Open(_file.Path);
        int before = ledger.Events.Count;
        EndWith(ledger, 2, 1, ("quotes", 102));
        ledger.Catalog(("u0", "quotes", 10));
        EndWith(ledger, 3, 1, ("quotes", 13));
        _aggregator.Fold(Ledgers.Tenant, ledger.Events.GetRange(before, ledger.Events.Count - before));

        Assert.Equal(1 + 2 + 3, Assert.Single(Get().Total.Outcomes).Delta);
    }

    [Fact]
    public void A_fold_that_failed_goes_back_to_the_baselines_that_are_written()
    {
        var ledger = new RunLedgers();
        ledger.Catalog(("u0", "quotes", 100));
        string run = ledger.Open(1);
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);
        Get();
        int before = ledger.Events.Count;
        ledger.End(run, RunLedgers.Success(("quotes", 101)));
        ledger.Catalog(("u0", "quotes", 7));
        ledger.Settle(run, long.MaxValue);
        ledger.Settle(run, long.MaxValue);
        List<LedgerEvent> rest = ledger.Events[before..];
        foreach (LedgerEvent settled in rest[2..])
            settled.ReservationSettled.Usage = new TokenUsage { InputTokens = long.MaxValue };

        Assert.Throws<OverflowException>(() => _aggregator.Fold(Ledgers.Tenant, rest));
        Assert.Equal(before, _aggregator.Position(Ledgers.Tenant));
        _aggregator.Fold(Ledgers.Tenant, rest[..2]);

        Assert.Equal(1, Assert.Single(Get().Total.Outcomes).Delta);
    }

    [Fact]
    public void A_reset_tenant_has_no_runs_until_it_is_folded_again()
    {
        List<LedgerEvent> events = RunLedgers.Random(Seed, 300);
        _aggregator.Fold(Ledgers.Tenant, events);
        Get();
        _aggregator.Reset(Ledgers.Tenant);
        Assert.Equal(0, Get().Total.Runs);
        _aggregator.Fold(Ledgers.Tenant, events);
        AssertEqualsNaive(events, new GetUnitCostsRequest(), Get());
    }

    [Theory]
    [InlineData(double.NaN, 0)]
    [InlineData(double.PositiveInfinity, 1e12)]
    [InlineData(-1e300, -1e12)]
    [InlineData(1e-300, 0)]
    [InlineData(0.0000015, 0.000002)]
    public void Every_number_that_an_older_ledger_holds_is_folded(double value, double delta)
    {
        var ledger = new RunLedgers();
        ledger.Catalog();
        EndWith(ledger, 1, 1, ("odd", value));
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        Assert.Equal(delta, Assert.Single(Get().Total.Outcomes).Delta);
    }

    [Fact]
    public void A_unit_cost_beyond_64_bits_of_nanos_is_right()
    {
        var ledger = new RunLedgers();
        ledger.Catalog();
        EndWith(ledger, 1, long.MaxValue, ("odd", 0.5));
        _aggregator.Fold(Ledgers.Tenant, ledger.Events);

        Money unit = Assert.Single(Get().Total.Outcomes).CostPerUnit;
        Assert.Equal((18_446_744_073, 709_551_614), (unit.Units, unit.Nanos));
    }

    [Fact]
    public void A_grouping_of_other_reports_is_refused_by_name() => Assert.Equal(
        ReportFault.UnknownGrouping,
        Assert.Throws<ReportException>(() => Get("model")).Fault);

    private static void EndWith(
        RunLedgers ledger, int number, long costNanos, params (string Metric, double Value)[] metrics)
    {
        string run = ledger.Open(number);
        ledger.Settle(run, costNanos);
        ledger.End(run, RunLedgers.Success(metrics));
    }

    private static void AssertEqualsNaive(
        List<LedgerEvent> events, GetUnitCostsRequest request, GetUnitCostsResponse answer) =>
        Assert.True(
            NaiveUnitCosts.Lines(events, request).SequenceEqual(NaiveUnitCosts.Lines(answer)),
            $"seed {Seed}, {request}");

    private static ReportFilter RandomFilter(Random random) => new()
    {
        BusinessUnit = random.Next(0, 5) == 0 ? $"businessUnits/b{random.Next(0, 3)}" : "",
        UseCase = random.Next(0, 5) == 0 ? $"useCases/u{random.Next(0, 5)}" : "",
        Agent = random.Next(0, 6) == 0 ? $"agents/a{random.Next(0, 4)}" : "",
        Session = random.Next(0, 9) == 0 ? $"sessions/s{random.Next(0, 40)}" : "",
    };

    private static ReportPeriod RandomPeriod(Random random)
    {
        var period = new ReportPeriod();
        DateTimeOffset start = Ledgers.At("2026-10-20T00:00:00Z").AddSeconds(random.Next(0, 500_000));
        if (random.Next(0, 2) == 0) period.StartTime = Timestamp.FromDateTimeOffset(start);
        if (random.Next(0, 2) == 0)
            period.EndTime = Timestamp.FromDateTimeOffset(start.AddSeconds(random.Next(0, 500_000)));
        return period;
    }

    private GetUnitCostsResponse Get(params string[] groupBy)
    {
        var request = new GetUnitCostsRequest();
        request.GroupBy.Add(groupBy);
        return _aggregator.GetUnitCosts(Ledgers.Tenant, request);
    }

    private UnitCostRow Empty() => _aggregator.GetUnitCosts("nobody", new GetUnitCostsRequest()).Total;
}
