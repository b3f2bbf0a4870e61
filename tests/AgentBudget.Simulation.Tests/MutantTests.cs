using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Mutants;

namespace AgentBudget.Simulation.Tests;

/// <summary>A checker that cannot fail is a defect: every planted mutant must be found.</summary>
public sealed class MutantTests(ITestOutputHelper output)
{
    public static TheoryData<string> Names => [.. AllMutants.Table.Select(mutant => mutant.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_planted_mutant_is_found_within_2000_seeds(string name)
    {
        Func<Mutant> make = AllMutants.Table.Single(mutant => mutant.Name == name).Make;
        SimResult? finder = MutantHunt.Find(make, firstSeed: 1, AllMutants.SeedsMax);

        Assert.NotNull(finder);
        output.WriteLine($"{name}: seed {finder.Seed}: {finder.Failure}");
    }

    [Fact]
    public void There_are_at_least_20_mutants() => Assert.InRange(AllMutants.Table.Count, 20, int.MaxValue);
}
