using System.Diagnostics;
using System.Net;
using AgentBudget.Bench.Http2;

namespace AgentBudget.Bench;

/// <summary>Runs workloads over a fixed set of connections, a thread each, and measures both sides.</summary>
internal sealed class LoadRunner : IDisposable
{
    // The server's CPU is read until it rests: what it still does for a round (folding for reports, snapshots) is
    // charged to that round and not to the next. Resting is at most 5 percent of a core; a server that never rests is
    // left after a while.
    private const long RestMicroseconds = 5_000;
    private static readonly TimeSpan RestInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RestPatience = TimeSpan.FromSeconds(5);

    private readonly IReadOnlyList<IPEndPoint> _addresses;
    private readonly int _streams;
    private readonly ServerCpu? _serverCpu;
    private LoadConnection[] _connections = [];

    /// <param name="addresses">Where; connections go to one after the other.</param>
    /// <param name="connections">How many.</param>
    /// <param name="streams">Calls in flight on each.</param>
    /// <param name="serverProcessId">Whose CPU time is read; null for none.</param>
    public LoadRunner(IReadOnlyList<IPEndPoint> addresses, int connections, int streams, int? serverProcessId)
    {
        _addresses = addresses;
        _streams = streams;
        Connections = connections;
        _serverCpu = serverProcessId is { } processId ? new ServerCpu(processId) : null;
    }

    /// <summary>The measured time.</summary>
    private readonly record struct Window(long StartTicks, long EndTicks);

    public int Connections { get; }

    public void Dispose()
    {
        foreach (var connection in _connections) connection.Dispose();
    }

    /// <summary>Every stream busy for so long.</summary>
    public Task<Measurement> RunBusyAsync(string name, TimeSpan time, Func<int, Workload> workloadOf) =>
        MeasureAsync(
            name,
            time,
            (connection, index, window, tally) => connection.RunBusy(workloadOf(index), window.EndTicks, tally));

    /// <summary>So many calls a second over all connections, for so long.</summary>
    public Task<Measurement> RunPacedAsync(
        string name, TimeSpan time, double callsPerSecond, Func<int, Workload> workloadOf) =>
        MeasureAsync(name, time, (connection, index, window, tally) =>
        {
            // Connections take turns within a millisecond, so that they do not all burst at once.
            long start = window.StartTicks + (Stopwatch.Frequency / 1000 * index / _connections.Length);
            connection.RunPaced(
                workloadOf(index), new Pace(start, window.EndTicks, callsPerSecond / _connections.Length), tally);
        });

    /// <summary>One connection with one stream, and so many items in flight on it.</summary>
    public async Task<Measurement> RunStreamAsync(
        string name, TimeSpan time, int items, Header[] headers, Workload workload)
    {
        using var connection = new ItemConnection(_addresses[0], headers, items);
        return await MeasureAsync(
            name, time, threads: 1, (_, window, tally) => connection.RunBusy(workload, window.EndTicks, tally));
    }

    // On connections of its own: one that rests answers no pings, and the server ends it.
    private Task<Measurement> MeasureAsync(
        string name, TimeSpan time, Action<LoadConnection, int, Window, Tally> run)
    {
        Dispose();
        _connections =
        [
            .. Enumerable.Range(0, Connections)
                .Select(index => new LoadConnection(_addresses[index % _addresses.Count], _streams)),
        ];
        return MeasureAsync(
            name,
            time,
            _connections.Length,
            (index, window, tally) => run(_connections[index], index, window, tally));
    }

    private async Task<Measurement> MeasureAsync(
        string name, TimeSpan time, int threads, Action<int, Window, Tally> run)
    {
        var total = new Tally();
        long serverBefore = _serverCpu?.ReadMicroseconds() ?? 0; // Every measurement ends at rest.
        var generatorBefore = GeneratorCpu();
        long start = Stopwatch.GetTimestamp();
        long end = start + (long)(time.TotalSeconds * Stopwatch.Frequency);
        foreach (var tally in RunThreads(threads, run, new Window(start, end))) total.Merge(tally);
        double elapsed = Math.Min(time.TotalSeconds, Stopwatch.GetElapsedTime(start).TotalSeconds);
        var generatorCpu = GeneratorCpu() - generatorBefore;
        long serverAfter = await RestAsync();
        return Measurement.Of(
            name, total, elapsed, _serverCpu is null ? null : serverAfter - serverBefore,
            generatorCpu.TotalMicroseconds);
    }

    private static Tally[] RunThreads(int count, Action<int, Window, Tally> run, Window window)
    {
        var tallies = new Tally[count];
        var threads = new Thread[count];
        var failures = new Exception?[count];
        for (int i = 0; i < threads.Length; i++)
        {
            int index = i;
            tallies[i] = new Tally();
            threads[i] = new Thread(() =>
            {
                try
                {
                    run(index, window, tallies[index]);
                }
                catch (Exception exception)
                {
                    failures[index] = exception;
                }
            });
            threads[i].Start();
        }
        foreach (var thread in threads) thread.Join();
        if (Array.Find(failures, failure => failure is not null) is { } first)
            throw new IOException($"a connection failed: {first.Message}", first);
        return tallies;
    }

    private async Task<long> RestAsync()
    {
        if (_serverCpu is null) return 0;
        long cpu = _serverCpu.ReadMicroseconds();
        var waited = Stopwatch.StartNew();
        while (waited.Elapsed < RestPatience)
        {
            await Task.Delay(RestInterval);
            long now = _serverCpu.ReadMicroseconds();
            if (now - cpu <= RestMicroseconds) return now;
            cpu = now;
        }
        return cpu;
    }

    private static TimeSpan GeneratorCpu()
    {
        using var process = Process.GetCurrentProcess();
        return process.TotalProcessorTime;
    }
}
