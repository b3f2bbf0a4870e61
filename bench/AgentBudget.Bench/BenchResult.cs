using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace AgentBudget.Bench;

/// <summary>
/// What a run found: medians of the rounds, and ratios of each round to the no-op measured just before it, of a
/// stream to the same work as calls on one connection, of these to the calls on all connections.
/// </summary>
internal sealed class BenchResult
{
    private static readonly JsonSerializerOptions JsonOptions = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    private readonly BenchOptions _options;
    private readonly List<Line> _lines = [];

    public BenchResult(
        BenchOptions options, List<Measurement[]> rounds, List<Measurement[]> compared, List<Measurement> halfLoad)
    {
        _options = options;
        _lines.Add(LineOf([.. rounds.Select(pair => pair[0])], []));
        foreach (var group in rounds.GroupBy(pair => pair[1].Workload))
            _lines.Add(LineOf([.. group.Select(pair => pair[1])], [.. group.Select(pair => pair[0])]));
        foreach (var group in compared.GroupBy(pair => pair[1].Workload))
            _lines.Add(LineOf([.. group.Select(pair => pair[1])], [.. group.Select(pair => pair[0])]));
        foreach (var group in halfLoad.GroupBy(measurement => measurement.Workload)) _lines.Add(LineOf([.. group], []));
    }

    /// <summary>Calls that were denied or failed.</summary>
    public long BadCalls => _lines.Sum(line => line.Denied + line.Failed);

    /// <summary>
    /// One line of the table. Ratios are to what the line is compared with; null where there is nothing.
    /// </summary>
    internal sealed record Line(
        string Workload,
        double CallsPerSecond,
        double P50Milliseconds,
        double P99Milliseconds,
        double? ServerCpuMicrosecondsPerCall,
        double GeneratorCpuMicrosecondsPerCall,
        double? CallsRatio,
        double? CpuRatio,
        long Calls,
        long Denied,
        long Failed,
        int LastFailedStatus);

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        if (sorted.Length == 0) return 0;
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public string ToTable()
    {
        var text = new StringBuilder();
        text.AppendLine(
            $"{"work",-44} {"calls/s",10} {"p50 ms",8} {"p99 ms",8} {"server µs",10} {"gen. µs",8} "
            + $"{"× calls",8} {"× CPU",7}");
        foreach (var line in _lines)
        {
            text.Append(CultureInfo.InvariantCulture, $"{line.Workload,-44} {line.CallsPerSecond,10:N0} ")
                .Append(CultureInfo.InvariantCulture, $"{line.P50Milliseconds,8:F2} {line.P99Milliseconds,8:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{line.ServerCpuMicrosecondsPerCall,10:F2} ")
                .Append(CultureInfo.InvariantCulture, $"{line.GeneratorCpuMicrosecondsPerCall,8:F2} ")
                .AppendLine(CultureInfo.InvariantCulture, $"{line.CallsRatio,8:F2} {line.CpuRatio,7:F2}");
            if (line.Denied + line.Failed == 0) continue;
            text.Append(
                CultureInfo.InvariantCulture,
                $"  of {line.Calls} calls {line.Denied} denied, {line.Failed} failed, ")
                .AppendLine(CultureInfo.InvariantCulture, $"last with grpc-status {line.LastFailedStatus}");
        }
        return text.ToString();
    }

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Machine = new
            {
                Cores = Environment.ProcessorCount,
                Os = RuntimeInformation.OSDescription,
                Runtime = RuntimeInformation.FrameworkDescription,
            },
            _options.Rounds,
            _options.Seconds,
            _options.Connections,
            _options.Streams,
            _options.Items,
            _options.Sessions,
            _options.Tenants,
            Results = _lines,
        },
        JsonOptions);

    private static Line LineOf(Measurement[] rounds, Measurement[] bases)
    {
        double?[] cpuRatios =
        [
            .. rounds.Zip(
                bases, (round, other) => round.ServerCpuMicrosecondsPerCall / other.ServerCpuMicrosecondsPerCall),
        ];
        return new Line(
            rounds[0].Workload,
            Median(rounds.Select(round => round.CallsPerSecond)),
            Median(rounds.Select(round => round.P50Milliseconds)),
            Median(rounds.Select(round => round.P99Milliseconds)),
            MedianOrNull(rounds.Select(round => round.ServerCpuMicrosecondsPerCall)),
            Median(rounds.Select(round => round.GeneratorCpuMicrosecondsPerCall)),
            bases.Length == 0
                ? null
                : Median(rounds.Zip(bases, (round, other) => round.CallsPerSecond / other.CallsPerSecond)),
            MedianOrNull(cpuRatios),
            rounds.Sum(round => round.Calls),
            rounds.Sum(round => round.Denied),
            rounds.Sum(round => round.Failed),
            rounds.Select(round => round.LastFailedStatus).LastOrDefault(status => status != 0));
    }

    private static double? MedianOrNull(IEnumerable<double?> values)
    {
        double[] known = [.. values.OfType<double>()];
        return known.Length == 0 ? null : Median(known);
    }
}
