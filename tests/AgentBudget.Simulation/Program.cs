using System.Diagnostics;
using System.Globalization;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Mutants;

namespace AgentBudget.Simulation;

/// <summary>
/// <c>--seed N --count M</c> runs seeds N to N + M − 1; <c>--mutants</c> shows at which seed each planted mutant is
/// found; <c>--expect</c> fails as well when something was not reached often enough.
/// </summary>
internal static class Program
{
    private const int FailuresMax = 20; // More say nothing new.

    private static int Main(string[] arguments)
    {
        var options = Options.Parse(arguments);
        if (options is null)
        {
            Console.Error.WriteLine("usage: [--seed N] [--count M] [--expect] [--mutants]");
            return 64;
        }

        return options.Mutants ? FindMutants(options) : RunSeeds(options);
    }

    private static int RunSeeds(Options options)
    {
        var coverage = new Coverage();
        int failed = 0;
        long events = 0;
        long began = Stopwatch.GetTimestamp();
        Parallel.For(0, options.Count, i =>
        {
            if (Volatile.Read(ref failed) >= FailuresMax) return;
            SimResult result = SimRun.Of(options.Seed + (ulong)i);
            lock (coverage)
            {
                coverage.Add(result.Coverage);
                events += result.Events;
                if (options.Count == 1) Console.WriteLine($"trace {result.TraceHash:x16}");
                if (result.Failure is null) return;
                failed++;
                Console.WriteLine($"seed {result.Seed} FAILED {result.Failure}");
                if (options.Count > 1) return;
                foreach (string recorded in result.LastEvents) Console.WriteLine(recorded);
            }
        });

        double seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        foreach ((string group, string name, long times) in coverage.Rows)
            Console.WriteLine($"{group,-12} {name,-28} {times,12}");
        IReadOnlyList<string> missing = options.Expect ? Expected.Missing(coverage, options.Count) : [];
        foreach (string name in missing) Console.WriteLine($"NOT REACHED often enough: {name}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{options.Count} seeds, {failed} failed, {events} events, {seconds:0.0} s, "
            + $"{options.Count / seconds:0} seeds/s"));
        return failed == 0 && missing.Count == 0 ? 0 : 1;
    }

    private static int FindMutants(Options options)
    {
        int found = 0;
        foreach ((string name, Func<Mutant> make) in AllMutants.Table)
        {
            SimResult? finder = MutantHunt.Find(make, options.Seed, AllMutants.SeedsMax);
            if (finder is not null) found++;
            string where = finder is null
                ? $"not within {AllMutants.SeedsMax} seeds"
                : string.Create(CultureInfo.InvariantCulture, $"seed {finder.Seed,5}: {finder.Failure}");
            Console.WriteLine($"{name,-38} {where}");
        }

        Console.WriteLine($"{found} of {AllMutants.Table.Count} mutants found");
        return found == AllMutants.Table.Count ? 0 : 1;
    }

    private sealed record Options(ulong Seed, int Count, bool Expect, bool Mutants)
    {
        public static Options? Parse(string[] arguments)
        {
            var options = new Options(Seed: 1, Count: 1000, Expect: false, Mutants: false);
            for (int i = 0; i < arguments.Length; i++)
            {
                string value = i + 1 < arguments.Length ? arguments[i + 1] : "";
                switch (arguments[i])
                {
                    case "--seed" when ulong.TryParse(value, CultureInfo.InvariantCulture, out ulong seed):
                        options = options with { Seed = seed };
                        i++;
                        break;
                    case "--count" when int.TryParse(value, CultureInfo.InvariantCulture, out int count) && count > 0:
                        options = options with { Count = count };
                        i++;
                        break;
                    case "--expect":
                        options = options with { Expect = true };
                        break;
                    case "--mutants":
                        options = options with { Mutants = true };
                        break;
                    default:
                        return null;
                }
            }

            return options;
        }
    }
}
