namespace AgentBudget.Bench.Tests;

public sealed class LoadTests : IAsyncLifetime
{
    private const int Connections = 2;
    private const int Streams = 50;
    private static readonly TimeSpan Time = TimeSpan.FromMilliseconds(300);

    private FakeBudgetServer _server = null!;
    private LoadRunner _runner = null!;
    private CallHeaders _headers = null!;
    private BudgetSession[] _sessions = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await FakeBudgetServer.StartAsync();
        _runner = new LoadRunner([_server.Address], Connections, Streams, Environment.ProcessId);
        _headers = new CallHeaders(_server.Address.ToString(), "abk_test");
        // Tokens as long as real ones, so that flow control has something to control.
        _sessions = [.. Enumerable.Range(0, 7).Select(i => new BudgetSession(new string('t', 900) + i))];
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _runner.Dispose();
    }

    [Fact]
    public async Task A_no_op_is_answered_on_every_stream()
    {
        var measurement = await _runner.RunBusyAsync("no-op", Time, _ => new NoOpWorkload(_headers));
        Assert.True(measurement.Calls >= Connections * Streams, $"{measurement.Calls} calls");
        Assert.Equal(0, measurement.Failed);
        Assert.InRange(measurement.P50Milliseconds, 0.001, measurement.P99Milliseconds);
        Assert.True(measurement.ServerCpuMicrosecondsPerCall >= 0);
    }

    [Fact]
    public async Task Every_reserve_has_its_own_id_and_is_committed_by_its_session()
    {
        var measurement = await RunAsync(CallSequence.ReserveCommit, []);
        AssertAllGood(measurement);
        Assert.Equal(measurement.Calls, _server.RequestIds.Count);
        Assert.InRange(_server.Open.Count, 0, Connections * Streams);
    }

    [Theory]
    [InlineData(nameof(HoldEnd.Release))]
    [InlineData(nameof(HoldEnd.Commit))]
    public async Task What_a_reserve_round_leaves_open_is_ended(string how)
    {
        var end = Enum.Parse<HoldEnd>(how);
        List<OpenHold>[] open = [[], []];
        var measurement = await RunAsync(CallSequence.Reserve, open);
        AssertAllGood(measurement);
        Assert.Equal(measurement.Calls, _server.Open.Count);
        Assert.Equal(measurement.Calls, open.Sum(holds => holds.Count));
        var ended = await _runner.RunBusyAsync(
            "end",
            TimeSpan.FromMinutes(1),
            connection => new HoldsWorkload(
                end, _headers, _sessions, (ulong)(connection + 5) << 40, open[connection]));
        AssertAllGood(ended);
        Assert.Equal(measurement.Calls, ended.Calls);
        Assert.Empty(_server.Open);
    }

    [Fact]
    public async Task A_denial_is_counted_and_not_committed()
    {
        _server.IsDenying = true;
        var measurement = await RunAsync(CallSequence.ReserveCommit, []);
        Assert.Equal(measurement.Calls, measurement.Denied);
        Assert.Empty(_server.Faults);
    }

    [Fact]
    public async Task An_error_is_counted_with_its_status()
    {
        _server.IsFailing = true;
        var measurement = await RunAsync(CallSequence.Reserve, [[], []]);
        Assert.Equal(measurement.Calls, measurement.Failed);
        Assert.Equal(14, measurement.LastFailedStatus);
    }

    [Fact]
    public async Task A_stream_keeps_its_items_apart_whatever_order_they_are_answered_in()
    {
        var measurement = await StreamAsync(CallSequence.ReserveCommit);
        AssertAllGood(measurement);
        Assert.True(measurement.Calls >= Connections * Streams, $"{measurement.Calls} calls");
        Assert.Equal(measurement.Calls, _server.RequestIds.Count);
        Assert.InRange(_server.Open.Count, 0, Connections * Streams);
    }

    [Fact]
    public async Task A_failed_item_is_counted_with_its_status()
    {
        _server.IsFailing = true;
        var measurement = await StreamAsync(CallSequence.Reserve);
        Assert.Equal(measurement.Calls, measurement.Failed);
        Assert.Equal(14, measurement.LastFailedStatus);
    }

    [Fact]
    public async Task A_paced_run_makes_no_more_calls_than_its_rate()
    {
        const double CallsPerSecond = 1000;
        var measurement = await _runner.RunPacedAsync(
            "paced", Time, CallsPerSecond, connection => WorkloadOf(CallSequence.ReserveCommit, connection, []));
        AssertAllGood(measurement);
        Assert.InRange(measurement.Calls, 1, (long)(CallsPerSecond * Time.TotalSeconds) + Connections);
    }

    private Task<Measurement> RunAsync(CallSequence sequence, List<OpenHold>[] open) => _runner.RunBusyAsync(
        "work", Time, connection => WorkloadOf(sequence, connection, open));

    private Task<Measurement> StreamAsync(CallSequence sequence) => _runner.RunStreamAsync(
        "stream", Time, Connections * Streams, _headers.Of(_headers.Spend), WorkloadOf(sequence, 0, []));

    private BudgetWorkload WorkloadOf(CallSequence sequence, int connection, List<OpenHold>[] open) => new(
        sequence, _headers, _sessions, (ulong)connection << 40, open.Length > 0 ? open[connection] : []);

    private void AssertAllGood(Measurement measurement)
    {
        Assert.True(measurement.Calls > 0);
        Assert.Equal(0, measurement.Failed);
        Assert.Equal(0, measurement.Denied);
        Assert.Empty(_server.Faults);
        Assert.All(_server.RequestIds, pair => Assert.Equal(1, pair.Value));
    }
}
