using AgentBudget.Reporting.Statistics;

namespace AgentBudget.Reporting.Anomalies;

/// <summary>What one run spent.</summary>
/// <param name="Name">Its root, "sessions/s17".</param>
/// <param name="Agent">The root's agent.</param>
/// <param name="UseCase">The root's use case.</param>
/// <param name="First">The quarter of an hour of its first spend, since the Unix epoch.</param>
/// <param name="Last">That of its last.</param>
/// <param name="Nanos">What it settled so far.</param>
/// <param name="Subagents">Sessions below the root that spent something or were refused it.</param>
/// <param name="HasSucceeded">Whether its root was ended with success.</param>
public sealed record RunSpend(
    string Name, string Agent, string UseCase, long First, long Last, long Nanos, int Subagents, bool HasSucceeded);

/// <summary>A run that stands out among those of its agent and use case before it.</summary>
/// <param name="Run">The run.</param>
/// <param name="IsOfSubagents">By how many subagents it has, and not by what it cost.</param>
/// <param name="Expected">The median of the runs before it: nanos, or subagents.</param>
/// <param name="Band">Up to here it would not have stood out.</param>
/// <param name="ScoreMilli">How far off it is, in thousandths of the ordinary spread.</param>
/// <param name="Before">The runs that this was told from.</param>
public sealed record RunAnomaly(
    RunSpend Run, bool IsOfSubagents, long Expected, long Band, long ScoreMilli, IReadOnlyList<RunSpend> Before);

/// <summary>
/// Tells runs whose cost or number of subagents is far above those of the same agent and use case that were over
/// before they began. A run is told by what it spent so far, so the rule is the same while it runs.
/// </summary>
public static class RunAnomalies
{
    /// <summary>Runs before the first that is judged.</summary>
    public const int RunsMin = 20;

    private const int RunsMax = 200; // What a run is compared with: the last ones.
    private const double ScoreMin = 5;
    private const double SpreadMin = 0.2;
    private const int SubagentsMin = 5; // Fewer above the median are not worth a word.

    /// <summary>The runs that stand out, by their beginning.</summary>
    /// <param name="runs">Runs, in any order.</param>
    /// <param name="fromQuarter">Those that begin before it are compared with and not judged.</param>
    /// <param name="floorNanos">An excess below it is not worth a word.</param>
    /// <param name="judged">Is told each run that could be judged.</param>
    public static IReadOnlyList<RunAnomaly> Find(
        IEnumerable<RunSpend> runs, long fromQuarter, long floorNanos, Action<RunSpend>? judged = null)
    {
        ArgumentNullException.ThrowIfNull(runs);
        var found = new List<RunAnomaly>();
        foreach (var group in runs.GroupBy(run => (run.Agent, run.UseCase)))
        {
            RunSpend[] byFirst = [.. group.OrderBy(run => run.First).ThenBy(run => run.Name, StringComparer.Ordinal)];
            RunSpend[] byLast = [.. group.OrderBy(run => run.Last).ThenBy(run => run.Name, StringComparer.Ordinal)];
            int over = 0;
            foreach (RunSpend run in byFirst)
            {
                while (over < byLast.Length && byLast[over].Last < run.First) over++;
                if (run.First < fromQuarter || over < RunsMin) continue;
                var before = new ArraySegment<RunSpend>(byLast, Math.Max(0, over - RunsMax), Math.Min(over, RunsMax));
                judged?.Invoke(run);
                if (OfCost(run, before, floorNanos) is { } ofCost) found.Add(ofCost);
                if (OfSubagents(run, before) is { } ofSubagents) found.Add(ofSubagents);
            }
        }

        return [.. found.OrderBy(anomaly => anomaly.Run.First)];
    }

    private static RunAnomaly? OfCost(RunSpend run, ArraySegment<RunSpend> before, long floorNanos)
    {
        List<double> logs = [.. before.Where(one => one.Nanos > 0).Select(one => Math.Log(one.Nanos))];
        if (run.Nanos <= 0 || logs.Count < RunsMin) return null;
        double median = Robust.Median(logs);
        double spread = Math.Max(SpreadMin, Robust.Spread(logs, median));
        double score = (Math.Log(run.Nanos) - median) / spread;
        long expected = (long)Math.Round(Math.Exp(median));
        if (score <= ScoreMin || run.Nanos - expected < floorNanos) return null;
        long band = (long)Math.Min(Math.Exp(median + (ScoreMin * spread)), run.Nanos);
        return new RunAnomaly(run, IsOfSubagents: false, expected, band, MilliOf(score), before);
    }

    private static RunAnomaly? OfSubagents(RunSpend run, ArraySegment<RunSpend> before)
    {
        List<double> logs = [.. before.Select(one => Math.Log(1 + one.Subagents))];
        double median = Robust.Median(logs);
        double spread = Math.Max(SpreadMin, Robust.Spread(logs, median));
        double score = (Math.Log(1 + run.Subagents) - median) / spread;
        long expected = (long)Math.Round(Math.Exp(median) - 1);
        if (score <= ScoreMin || run.Subagents - expected < SubagentsMin) return null;
        long band = (long)Math.Floor(Math.Exp(median + (ScoreMin * spread)) - 1);
        return new RunAnomaly(run, IsOfSubagents: true, expected, band, MilliOf(score), before);
    }

    private static long MilliOf(double score) => (long)Math.Round(score * 1000);
}
