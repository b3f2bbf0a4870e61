using System.Globalization;
using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Tests;

/// <summary>Whole runs of the real host, one thread each, from seeds.</summary>
public sealed class SeedTests(ITestOutputHelper output)
{
    private const int SeedsFixed = 1000;
    private const int SeedsFresh = 100;

    [Fact]
    public void Fixed_seeds_hold_every_invariant_and_reach_every_fault_outcome_and_event()
    {
        var coverage = new Coverage();
        IReadOnlyList<string> failures = Run(firstSeed: 1, SeedsFixed, coverage);

        Assert.Empty(failures);
        Assert.Empty(Expected.Missing(coverage, SeedsFixed));
    }

    [Fact]
    public void Fresh_seeds_hold_every_invariant()
    {
        // A new day is a new stretch of seeds; the failing one is in the message and can be run by hand.
        ulong first = (ulong)TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() * SeedsFresh;
        output.WriteLine($"seeds {first} to {first + SeedsFresh - 1}");

        Assert.Empty(Run(first, SeedsFresh, new Coverage()));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(17)]
    [InlineData(268)]
    [InlineData(852)]
    [InlineData(1188)]
    [InlineData(3841)]
    public void The_same_seed_does_the_same_again_and_in_any_culture(ulong seed)
    {
        SimResult first = SimRun.Of(seed);
        foreach (string culture in (string[])["tr-TR", "de-DE", "ar-SA"])
        {
            SimResult again = InCulture(culture, () => SimRun.Of(seed));
            Assert.Equal(first.TraceHash, again.TraceHash);
            Assert.Equal(first.Events, again.Events);
        }
    }

    [Fact]
    public void Different_seeds_do_different_things()
    {
        ulong[] hashes = [.. Enumerable.Range(1, 20).Select(seed => SimRun.Of((ulong)seed).TraceHash)];
        Assert.Equal(hashes.Length, hashes.Distinct().Count());
    }

    private static T InCulture<T>(string name, Func<T> run)
    {
        CultureInfo before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(name);
        try
        {
            return run();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    private static List<string> Run(ulong firstSeed, int count, Coverage coverage)
    {
        var failures = new List<string>();
        Parallel.For(0, count, i =>
        {
            SimResult result = SimRun.Of(firstSeed + (ulong)i);
            lock (failures)
            {
                coverage.Add(result.Coverage);
                if (result.Failure is not null) failures.Add($"seed {result.Seed}: {result.Failure}");
            }
        });
        return failures;
    }
}
