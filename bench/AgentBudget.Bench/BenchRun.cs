using System.Net;
using AgentBudget.Bench.Http2;

namespace AgentBudget.Bench;

/// <summary>
/// The order of a run: warm up, alternating rounds, then the same work at half of the load that was reached.
/// </summary>
internal sealed class BenchRun : IDisposable
{
    /// <summary>Names of what is measured, as in the table and the JSON.</summary>
    public const string NoOp = "no-op";

    /// <summary>Suffix of the work measured at half load.</summary>
    public const string HalfLoad = " at half load";

    // Ids of one workload on one connection: more than a minute of calls, and fewer than its time counts ids up.
    private const ulong IdsPerWorkload = 1UL << 24;

    /// <summary>Suffix of the work through one Spend stream.</summary>
    public const string OneStream = ", Spend";

    /// <summary>Suffix of the work as calls on one connection, as full of streams as it may be.</summary>
    public const string OneConnection = ", one connection";

    private static readonly TimeSpan ReleaseTime = TimeSpan.FromSeconds(60);

    private readonly BenchOptions _options;
    private readonly Silo _silo;
    private readonly LoadRunner _runner;
    private readonly CallHeaders _headers;
    private readonly List<Scenario> _scenarios = [];
    private ulong _nextId;

    public BenchRun(BenchOptions options, Silo silo, ulong firstRequestId)
    {
        _options = options;
        _silo = silo;
        _nextId = firstRequestId;
        _headers = new CallHeaders(silo.Grpc, silo.AdminKey);
        _runner = new LoadRunner([IPEndPoint.Parse(silo.Grpc)], options.Connections, options.Streams, silo.ProcessId);
    }

    /// <summary>Work on a set of sessions, with the sessions of each connection.</summary>
    private sealed record Scenario(string Name, CallSequence Sequence, bool IsHot, BudgetSession[][] Sessions);

    public void Dispose() => _runner.Dispose();

    public async Task<BenchResult> RunAsync(CancellationToken cancellationToken)
    {
        await OpenSessionsAsync(cancellationToken);
        var time = TimeSpan.FromSeconds(_options.Seconds);
        await WarmUpAsync(TimeSpan.FromSeconds(_options.IsQuick ? 1 : 5));

        var rounds = new List<Measurement[]>();
        var connections = new List<Measurement[]>();
        var streams = new List<Measurement[]>();
        for (int i = 0; i < _options.Rounds; i++)
        {
            foreach (var scenario in _scenarios)
            {
                var noOp = await NoOpAsync(time);
                var work = await BusyAsync(scenario, time);
                rounds.Add([noOp, work]);
                Console.Error.WriteLine(
                    $"round {i + 1}: {scenario.Name} {work.CallsPerSecond:N0}/s, no-op {noOp.CallsPerSecond:N0}/s");
                cancellationToken.ThrowIfCancellationRequested();
                if (!scenario.IsHot) continue;
                var connection = await ConnectionAsync(scenario, time);
                connections.Add([work, connection]);
                streams.Add([connection, await StreamAsync(scenario, time)]);
            }
        }
        return new BenchResult(_options, rounds, [.. connections, .. streams], await HalfLoadAsync(rounds, time));
    }

    // Sessions are opened for the work that is wanted only.
    private async Task OpenSessionsAsync(CancellationToken cancellationToken)
    {
        using var setUp = new SetUp(_silo, $"bench-{_nextId:x}");
        await AddAsync("one hot use case", isHot: true, () => setUp.OpenAsync(
            "bench-hot", _options.Sessions, cancellationToken));
        await AddAsync($"{_options.Tenants} tenants", isHot: false, () => OpenInManyAsync(setUp, cancellationToken));
        if (_scenarios.Count == 0) throw new InvalidOperationException($"no work has '{_options.Only}' in its name");
    }

    private async Task AddAsync(string shape, bool isHot, Func<Task<BudgetSession[]>> openAsync)
    {
        (string Name, CallSequence Sequence)[] all =
            [($"reserve, {shape}", CallSequence.Reserve), ($"reserve+commit, {shape}", CallSequence.ReserveCommit)];
        var wanted = all.Where(work => work.Name.Contains(_options.Only, StringComparison.Ordinal)).ToArray();
        if (wanted.Length == 0) return;
        var shares = Share(await openAsync());
        foreach (var (name, sequence) in wanted) _scenarios.Add(new Scenario(name, sequence, isHot, shares));
    }

    private async Task<BudgetSession[]> OpenInManyAsync(SetUp setUp, CancellationToken cancellationToken)
    {
        var many = new List<BudgetSession>();
        for (int i = 0; i < _options.Tenants; i++)
        {
            int count = (_options.Sessions / _options.Tenants) + (i < _options.Sessions % _options.Tenants ? 1 : 0);
            many.AddRange(await setUp.OpenAsync($"bench-{i}", count, cancellationToken));
        }
        return [.. many];
    }

    private BudgetSession[][] Share(BudgetSession[] sessions) =>
    [
        .. Enumerable.Range(0, _runner.Connections)
            .Select(connection => sessions.Where((_, i) => i % _runner.Connections == connection).ToArray()),
    ];

    // Twice: the runtime compiles what is hot a second time, with what it saw in the first, and that takes CPU of its
    // own.
    private async Task WarmUpAsync(TimeSpan time)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            await NoOpAsync(time);
            foreach (var scenario in _scenarios) await BusyAsync(scenario, time);
            foreach (var scenario in _scenarios.Where(scenario => scenario.IsHot))
            {
                await ConnectionAsync(scenario, time);
                await StreamAsync(scenario, time);
            }
        }
    }

    private Task<Measurement> NoOpAsync(TimeSpan time) =>
        _runner.RunBusyAsync(NoOp, time, _ => new NoOpWorkload(_headers));

    private async Task<Measurement> BusyAsync(Scenario scenario, TimeSpan time)
    {
        var open = NewOpenHolds();
        var workloads = WorkloadsOf(scenario, open);
        var measurement = await _runner.RunBusyAsync(scenario.Name, time, connection => workloads[connection]);
        await ReleaseAsync(scenario, open);
        return measurement;
    }

    // The same work on a connection of its own.
    private async Task<Measurement> ConnectionAsync(Scenario scenario, TimeSpan time)
    {
        var open = NewOpenHolds();
        var workload = new BudgetWorkload(
            scenario.Sequence, _headers, scenario.Sessions[0], TakeIds(), open[0]);
        using var runner = new LoadRunner(
            [IPEndPoint.Parse(_silo.Grpc)], connections: 1, _options.Streams, _silo.ProcessId);
        var measurement = await runner.RunBusyAsync(scenario.Name + OneConnection, time, _ => workload);
        await ReleaseAsync(scenario, open);
        return measurement;
    }

    // The same work and sessions through one stream.
    private async Task<Measurement> StreamAsync(Scenario scenario, TimeSpan time)
    {
        var open = NewOpenHolds();
        var workload = new BudgetWorkload(
            scenario.Sequence, _headers, scenario.Sessions[0], TakeIds(), open[0]);
        var measurement = await _runner.RunStreamAsync(
            scenario.Name + OneStream, time, _options.Items, _headers.Of(_headers.Spend), workload);
        await ReleaseAsync(scenario, open);
        return measurement;
    }

    // On the hot use case only: it is where calls wait for one another.
    private async Task<List<Measurement>> HalfLoadAsync(List<Measurement[]> rounds, TimeSpan time)
    {
        var measurements = new List<Measurement>();
        for (int i = 0; i < _options.Rounds; i++)
        {
            foreach (var scenario in _scenarios.Where(scenario => scenario.IsHot))
            {
                double reached = BenchResult.Median(
                    rounds.Where(pair => pair[1].Workload == scenario.Name).Select(pair => pair[1].CallsPerSecond));
                var open = NewOpenHolds();
                var workloads = WorkloadsOf(scenario, open);
                measurements.Add(await _runner.RunPacedAsync(
                    scenario.Name + HalfLoad, time, reached / 2, connection => workloads[connection]));
                await ReleaseAsync(scenario, open);
            }
        }
        return measurements;
    }

    private async Task ReleaseAsync(Scenario scenario, List<OpenHold>[] open)
    {
        if (open.All(holds => holds.Count == 0)) return;
        int holds = open.Sum(list => list.Count);
        ulong firstId = TakeIds();
        var released = await _runner.RunBusyAsync(
            "release",
            ReleaseTime,
            connection => new HoldsWorkload(
                HoldEnd.Release,
                _headers,
                scenario.Sessions[connection],
                firstId + ((ulong)connection * IdsPerWorkload),
                open[connection]));
        if (released.Failed > 0 || released.Calls != holds)
            throw new IOException($"{holds} holds were to be released, {released.Calls - released.Failed} were");
    }

    private List<OpenHold>[] NewOpenHolds() =>
        [.. Enumerable.Range(0, _runner.Connections).Select(_ => new List<OpenHold>())];

    private Workload[] WorkloadsOf(Scenario scenario, List<OpenHold>[] open)
    {
        ulong firstId = TakeIds();
        return
        [
            .. Enumerable.Range(0, _runner.Connections).Select(connection => new BudgetWorkload(
                scenario.Sequence,
                _headers,
                scenario.Sessions[connection],
                firstId + ((ulong)connection * IdsPerWorkload),
                open[connection])),
        ];
    }

    private ulong TakeIds()
    {
        ulong first = _nextId;
        _nextId += (ulong)_runner.Connections * IdsPerWorkload;
        return first;
    }
}
