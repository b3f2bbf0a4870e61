using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;

namespace AgentBudget.Bench;

/// <summary>
/// What the end of an agent costs its siblings. They reserve and commit with every stream busy; beside them another
/// agent of their use case spends, is decommissioned with all its sessions and holds, and goes on asking. Three windows
/// of equal length, one after the other: before, the one that begins with the decommissioning, and after. Every round
/// ends another agent.
/// </summary>
internal sealed class DecommissionRun : IDisposable
{
    private const string Tenant = "bench-end";

    /// <summary>Sessions of an agent that is decommissioned: as many subagents as a large fan-out has.</summary>
    private const int SessionsOfEnded = 400;

    /// <summary>Its calls, enough that hundreds are in flight when it ends and too few to slow anybody down.</summary>
    private const double CallsPerSecondOfEnded = 1_000;
    private const int StreamsOfEnded = 50;

    // Ids of one workload on one connection: more than a minute of calls.
    private const ulong IdsPerWorkload = 1UL << 24;

    private static readonly TimeSpan SettleTime = TimeSpan.FromSeconds(60);

    private readonly BenchOptions _options;
    private readonly Silo _silo;
    private readonly LoadRunner _siblings;
    private readonly CallHeaders _headers;
    private readonly string _run;
    private readonly List<Round> _rounds = [];
    private BudgetSession[][] _sessions = [];
    private ulong _nextId;

    public DecommissionRun(BenchOptions options, Silo silo, ulong firstRequestId)
    {
        _options = options;
        _silo = silo;
        _run = $"bench-{firstRequestId:x}";
        _nextId = firstRequestId;
        _headers = new CallHeaders(silo.Grpc, silo.AdminKey);
        // The server does not rest between the windows, so its CPU is not read.
        _siblings = new LoadRunner(
            [IPEndPoint.Parse(silo.Grpc)], options.Connections, options.Streams, serverProcessId: null);
    }

    /// <summary>
    /// One agent's end: its siblings in the three windows, its own calls after it, and its holds of before.
    /// </summary>
    private sealed record Round(
        Measurement[] Siblings, double AnsweredMilliseconds, Measurement Afterwards, int Holds, Measurement Settled);

    /// <summary>
    /// Calls of siblings that were denied or failed, calls of ended agents that were not denied, and their commits that
    /// did not settle.
    /// </summary>
    public long BadCalls => _rounds.Sum(round =>
        round.Siblings.Sum(window => window.Denied + window.Failed)
        + (round.Afterwards.Calls - round.Afterwards.Denied)
        + (round.Holds - (round.Settled.Calls - round.Settled.Failed)));

    public void Dispose() => _siblings.Dispose();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var setUp = new SetUp(_silo, _run);
        string[] ended =
            [.. Enumerable.Range(1, _options.Rounds).Select(number => $"bench-ended-{number}")];
        await setUp.ApplyAsync(Tenant, [SetUp.Agent, .. ended], cancellationToken);
        var sessions = await setUp.OpenAsync(Tenant, SetUp.Agent, _options.Sessions, cancellationToken);
        _sessions =
        [
            .. Enumerable.Range(0, _options.Connections).Select(
                connection => sessions.Where((_, i) => i % _options.Connections == connection).ToArray()),
        ];
        for (int pass = 0; pass < 2; pass++)
            await SiblingsAsync("warm", TimeSpan.FromSeconds(_options.IsQuick ? 2 : 5));
        foreach (string agent in ended)
        {
            _rounds.Add(await RoundAsync(setUp, agent, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public string ToTable()
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"{"siblings' reserve+commit",-44} {"calls/s",10} {"p50 ms",8} {"p99 ms",8} {"× before",9} {"× p99",7}");
        for (int i = 0; i < _rounds[0].Siblings.Length; i++)
        {
            int window = i;
            double Of(Func<Measurement, double> value) =>
                BenchResult.Median(_rounds.Select(round => value(round.Siblings[window])));
            double Ratio(Func<Measurement, double> value) => BenchResult.Median(
                _rounds.Select(round => value(round.Siblings[window]) / value(round.Siblings[0])));
            text.Append(CultureInfo.InvariantCulture, $"{_rounds[0].Siblings[window].Workload,-44} ")
                .Append(CultureInfo.InvariantCulture, $"{Of(measured => measured.CallsPerSecond),10:N0} ")
                .Append(CultureInfo.InvariantCulture, $"{Of(measured => measured.P50Milliseconds),8:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{Of(measured => measured.P99Milliseconds),8:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{Ratio(measured => measured.CallsPerSecond),9:F2} ")
                .AppendLine(CultureInfo.InvariantCulture, $"{Ratio(measured => measured.P99Milliseconds),7:F2}");
        }

        double answered = BenchResult.Median(_rounds.Select(round => round.AnsweredMilliseconds));
        return text
            .Append(CultureInfo.InvariantCulture, $"{_rounds.Count} agents with {SessionsOfEnded} sessions each were ")
            .AppendLine(CultureInfo.InvariantCulture, $"decommissioned, each within {answered:F1} ms (median)")
            .Append(CultureInfo.InvariantCulture, $"their calls in the last window: {Sum(Calls)}, denied {Sum(Denied)}")
            .Append(CultureInfo.InvariantCulture, $"; commits of the {Sum(round => round.Holds)} calls that were in ")
            .AppendLine(CultureInfo.InvariantCulture, $"flight: {Sum(Settled)} settled")
            .AppendLine(CultureInfo.InvariantCulture, $"siblings' calls denied or failed: {Sum(Bad)}")
            .ToString();
    }

    private static long Calls(Round round) => round.Afterwards.Calls;

    private static long Denied(Round round) => round.Afterwards.Denied;

    private static long Settled(Round round) => round.Settled.Calls - round.Settled.Failed;

    private static long Bad(Round round) => round.Siblings.Sum(window => window.Denied + window.Failed);

    private long Sum(Func<Round, long> value) => _rounds.Sum(value);

    private async Task<Round> RoundAsync(SetUp setUp, string agent, CancellationToken cancellationToken)
    {
        var time = TimeSpan.FromSeconds(_options.Seconds);
        var sessions = await setUp.OpenAsync(Tenant, agent, SessionsOfEnded, cancellationToken);
        var open = new List<OpenHold>();
        using var load = new LoadRunner(
            [IPEndPoint.Parse(_silo.Grpc)], connections: 1, StreamsOfEnded, serverProcessId: null);
        // A measurement holds its thread until it is over.
        Task<Measurement> SpendAsync() => Task.Run(
            () => load.RunPacedAsync(
                agent, time, CallsPerSecondOfEnded,
                _ => new BudgetWorkload(CallSequence.Reserve, _headers, sessions, TakeIds(1), open)),
            cancellationToken);

        var spending = SpendAsync();
        var before = await SiblingsAsync("before", time);
        await spending;
        spending = SpendAsync();
        var ending = Task.Run(() => EndAsync(setUp, agent, cancellationToken), cancellationToken);
        var during = await SiblingsAsync("while an agent is decommissioned", time);
        double answeredMilliseconds = await ending;
        await spending;
        spending = SpendAsync();
        var after = await SiblingsAsync("after", time);
        var afterwards = await spending;

        int holds = open.Count;
        var settled = await load.RunBusyAsync(
            "commits", SettleTime, _ => new HoldsWorkload(HoldEnd.Commit, _headers, sessions, TakeIds(1), open));
        Console.Error.WriteLine(
            $"{agent}: {before.CallsPerSecond:N0}/s, {during.CallsPerSecond:N0}/s, {after.CallsPerSecond:N0}/s");
        return new Round([before, during, after], answeredMilliseconds, afterwards, holds, settled);
    }

    private static async Task<double> EndAsync(SetUp setUp, string agent, CancellationToken cancellationToken)
    {
        var watch = Stopwatch.StartNew();
        await setUp.DecommissionAsync(Tenant, agent, cancellationToken);
        return watch.Elapsed.TotalMilliseconds;
    }

    private Task<Measurement> SiblingsAsync(string name, TimeSpan time)
    {
        ulong firstId = TakeIds(_options.Connections);
        return _siblings.RunBusyAsync(name, time, connection => new BudgetWorkload(
            CallSequence.ReserveCommit,
            _headers,
            _sessions[connection],
            firstId + ((ulong)connection * IdsPerWorkload),
            open: []));
    }

    // Windows run side by side, and each takes ids of its own.
    private ulong TakeIds(int workloads) =>
        Interlocked.Add(ref _nextId, (ulong)workloads * IdsPerWorkload) - ((ulong)workloads * IdsPerWorkload);
}
