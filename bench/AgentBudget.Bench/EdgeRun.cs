using System.Globalization;
using System.Net;
using System.Text;

namespace AgentBudget.Bench;

/// <summary>
/// What the protocol edge costs: the no-op by Kestrel alone and by the edge, in alternating rounds on one process.
/// </summary>
internal sealed class EdgeRun(BenchOptions options, EdgeServer server)
{
    private readonly List<Measurement> _bare = [];
    private readonly List<Measurement> _edge = [];

    /// <summary>Calls that were not answered with the right bytes.</summary>
    public long BadCalls => _bare.Concat(_edge).Sum(measurement => measurement.Denied + measurement.Failed);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var time = TimeSpan.FromSeconds(options.Seconds);
        for (int pass = 0; pass < 2; pass++)
        {
            await MeasureAsync("warm", server.Bare, time);
            await MeasureAsync("warm", server.Edge, time);
        }
        for (int i = 0; i < options.Rounds; i++)
        {
            // Each goes first as often as the other.
            bool isBareFirst = i % 2 == 0;
            if (isBareFirst) _bare.Add(await MeasureAsync("Kestrel alone", server.Bare, time));
            _edge.Add(await MeasureAsync("the edge", server.Edge, time));
            if (!isBareFirst) _bare.Add(await MeasureAsync("Kestrel alone", server.Bare, time));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public string ToTable()
    {
        var text = new StringBuilder();
        text.AppendLine($"{"no-op by",-44} {"calls/s",10} {"p50 ms",8} {"p99 ms",8} {"server µs",10} {"gen. µs",8}");
        foreach (var rounds in (List<Measurement>[])[_bare, _edge])
        {
            text.Append(CultureInfo.InvariantCulture, $"{rounds[0].Workload,-44} ")
                .Append(CultureInfo.InvariantCulture, $"{Median(rounds, round => round.CallsPerSecond),10:N0} ")
                .Append(CultureInfo.InvariantCulture, $"{Median(rounds, round => round.P50Milliseconds),8:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{Median(rounds, round => round.P99Milliseconds),8:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{Median(rounds, Cpu),10:F2} ")
                .AppendLine(CultureInfo.InvariantCulture, $"{Median(rounds, GeneratorCpu),8:F2}");
        }
        var pairs = _edge.Zip(_bare).ToList();
        double cpu = BenchResult.Median(pairs.Select(pair => Cpu(pair.First) / Cpu(pair.Second)));
        double calls = BenchResult.Median(
            pairs.Select(pair => pair.First.CallsPerSecond / pair.Second.CallsPerSecond));
        return text
            .Append(CultureInfo.InvariantCulture, $"the edge takes {cpu:F3} × the CPU of Kestrel alone for a call, ")
            .AppendLine(CultureInfo.InvariantCulture, $"and answers {calls:F3} × its calls a second")
            .ToString();
    }

    private static double Median(List<Measurement> rounds, Func<Measurement, double> value) =>
        BenchResult.Median(rounds.Select(value));

    private static double Cpu(Measurement measurement) => measurement.ServerCpuMicrosecondsPerCall!.Value;

    private static double GeneratorCpu(Measurement measurement) => measurement.GeneratorCpuMicrosecondsPerCall;

    // Connections of its own each time: one that rests would be ended by the server.
    private async Task<Measurement> MeasureAsync(string name, IPEndPoint address, TimeSpan time)
    {
        using var runner = new LoadRunner(address, options.Connections, options.Streams, server.ProcessId);
        var headers = new CallHeaders(address.ToString(), adminKey: "none");
        return await runner.RunBusyAsync(name, time, _ => new NoOpWorkload(headers));
    }
}
