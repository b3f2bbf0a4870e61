using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Tests;

public sealed class AggregatorTests : IDisposable
{
    private const int Seed = 7;

    private readonly ReportFile _file = new();

    public void Dispose() => _file.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_restart_neither_loses_nor_doubles(bool isCrash)
    {
        var random = new Random(Seed);
        var events = Ledgers.Random(Seed, 3_000);
        int crashes = 0;
        var aggregator = Aggregator.Open(_file.Path);
        while (aggregator.Position(Ledgers.Tenant) < events.Count)
        {
            int position = (int)aggregator.Position(Ledgers.Tenant);
            aggregator.Fold(
                Ledgers.Tenant, events.GetRange(position, Math.Min(random.Next(1, 100), events.Count - position)));
            int fate = random.Next(0, 4);
            if (fate == 0) aggregator.GetChargeback(Ledgers.Tenant, new()); // Writes what is pending.
            if (fate != 1) continue;
            if (isCrash) aggregator.Abandon();
            else aggregator.Dispose();
            crashes++;
            aggregator = Aggregator.Open(_file.Path);
            Assert.Null(aggregator.RebuildReason);
        }
        Assert.True(crashes > 5, $"seed {Seed} restarts only {crashes} times");
        AssertEqualsNaive(aggregator, events);
        aggregator.Dispose();
    }

    [Fact]
    public void Folding_from_scratch_equals_folding_step_by_step()
    {
        var events = Ledgers.Random(Seed, 2_000);
        List<string> stepByStep;
        using (var aggregator = Aggregator.Open(_file.Path))
        {
            foreach (var ledgerEvent in events) aggregator.Fold(Ledgers.Tenant, [ledgerEvent]);
            stepByStep = Lines(aggregator);
        }
        File.Delete(_file.Path);
        using var rebuilt = Aggregator.Open(_file.Path);
        Assert.Null(rebuilt.RebuildReason);
        Assert.Equal(0, rebuilt.Position(Ledgers.Tenant));
        rebuilt.Fold(Ledgers.Tenant, events);
        Assert.Equal(stepByStep, Lines(rebuilt));
    }

    [Fact]
    public void More_than_may_be_pending_is_written_on_the_way()
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        var events = new List<LedgerEvent> { Ledgers.Catalog(1, time, "UTC") };
        for (int i = 2; i <= Aggregator.PendingSumsMax + 10; i++)
            events.Add(Ledgers.Settled(i, time, 1, $"sessions/s{i}"));
        using (var aggregator = Aggregator.Open(_file.Path))
        {
            aggregator.Fold(Ledgers.Tenant, events);
            aggregator.Fold(Ledgers.Tenant, [Ledgers.Settled(events.Count + 1, time, 1)]);
            aggregator.Abandon();
        }
        using var reopened = Aggregator.Open(_file.Path);
        Assert.Equal(events.Count, reopened.Position(Ledgers.Tenant));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1)]
    public void A_gap_or_a_repetition_is_refused_without_effect(long sequence)
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        using var aggregator = Aggregator.Open(_file.Path);
        aggregator.Fold(Ledgers.Tenant, [Ledgers.Catalog(1, time, "UTC")]);
        Assert.Throws<InvalidOperationException>(
            () => aggregator.Fold(Ledgers.Tenant, [Ledgers.Settled(sequence, time, 5)]));
        Assert.Throws<InvalidOperationException>(
            () => aggregator.Fold(Ledgers.Tenant, [Ledgers.Settled(2, time, 5), Ledgers.Settled(4, time, 5)]));
        Assert.Equal(1, aggregator.Position(Ledgers.Tenant));
        Assert.Equal(0, aggregator.GetChargeback(Ledgers.Tenant, new()).Total.Sessions);
    }

    [Fact]
    public void A_fold_that_overflows_goes_back_to_what_is_written()
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        using var aggregator = Aggregator.Open(_file.Path);
        aggregator.Fold(Ledgers.Tenant, [Ledgers.Catalog(1, time, "UTC"), Ledgers.Settled(2, time, 5)]);
        aggregator.GetChargeback(Ledgers.Tenant, new());
        LedgerEvent[] tooMany = [Ledgers.Settled(3, time, 1), Ledgers.Settled(4, time, 1)];
        foreach (LedgerEvent settled in tooMany)
            settled.ReservationSettled.Usage = new TokenUsage { InputTokens = long.MaxValue };
        Assert.Throws<OverflowException>(() => aggregator.Fold(Ledgers.Tenant, tooMany));
        Assert.Equal(2, aggregator.Position(Ledgers.Tenant));
        Assert.Equal(5, aggregator.GetChargeback(Ledgers.Tenant, new()).Total.Cost.Nanos);
    }

    [Fact]
    public void A_file_of_another_format_is_made_anew()
    {
        var time = Ledgers.At("2026-11-21T10:00:00Z");
        using (var aggregator = Aggregator.Open(_file.Path))
            aggregator.Fold(Ledgers.Tenant, [Ledgers.Catalog(1, time, "UTC")]);
        using (var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={_file.Path};Pooling=False"))
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        }
        using var reopened = Aggregator.Open(_file.Path);
        Assert.Contains("format 99", reopened.RebuildReason, StringComparison.Ordinal);
        Assert.Equal(0, reopened.Position(Ledgers.Tenant));
    }

    [Fact]
    public void A_file_that_is_no_database_is_made_anew()
    {
        File.WriteAllText(_file.Path, new string('x', 10_000));
        using var aggregator = Aggregator.Open(_file.Path);
        Assert.Contains("damaged", aggregator.RebuildReason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reset_tenant_is_folded_again_from_the_first_event()
    {
        var events = Ledgers.Random(Seed, 500);
        using var aggregator = Aggregator.Open(_file.Path);
        aggregator.Fold(Ledgers.Tenant, events);
        aggregator.GetChargeback(Ledgers.Tenant, new());
        aggregator.Reset(Ledgers.Tenant);
        Assert.Equal(0, aggregator.Position(Ledgers.Tenant));
        aggregator.Fold(Ledgers.Tenant, events.GetRange(0, 400));
        AssertEqualsNaive(aggregator, events.GetRange(0, 400));
    }

    private static List<string> Lines(Aggregator aggregator)
    {
        var request = new GetChargebackRequest { GroupBy = { "session", "model", "hour" } };
        return NaiveChargeback.Lines(aggregator.GetChargeback(Ledgers.Tenant, request));
    }

    private static void AssertEqualsNaive(Aggregator aggregator, List<LedgerEvent> events)
    {
        var request = new GetChargebackRequest { GroupBy = { "session", "model", "hour" } };
        Assert.Equal(NaiveChargeback.Lines(events, request, "Europe/Berlin"), Lines(aggregator));
    }
}
