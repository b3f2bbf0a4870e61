using AgentBudget.Simulation.Core;

namespace AgentBudget.Simulation.Mutants;

/// <summary>Looks for a seed that finds a mutant.</summary>
internal static class MutantHunt
{
    /// <summary>The result of the first seed whose run fails; null when none does.</summary>
    public static SimResult? Find(Func<Mutant> make, ulong firstSeed, int seeds)
    {
        for (int i = 0; i < seeds; i++)
        {
            SimResult result = SimRun.Of(firstSeed + (ulong)i, make);
            if (result.Failure is not null) return result;
        }

        return null;
    }
}
