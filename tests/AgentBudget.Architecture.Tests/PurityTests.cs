namespace AgentBudget.Architecture.Tests;

/// <summary>The grains decide; time, ids and bytes are arguments.</summary>
public sealed class PurityTests
{
    [Fact]
    public void Ledger_names_no_clock_chance_thread_file_or_process()
    {
        using AssemblyFile grains = AssemblyFile.Open("AgentBudget.Ledger");
        Findings.AreNone(Purity.Violations(grains));
    }

    [Fact]
    public void Ledger_uses_nothing_but_the_runtime_library_and_protobuf()
    {
        using AssemblyFile grains = AssemblyFile.Open("AgentBudget.Ledger");
        IEnumerable<string> used = grains.Metadata.AssemblyReferences
            .Select(handle => grains.Metadata.GetString(grains.Metadata.GetAssemblyReference(handle).Name))
            .Where(name => !name.StartsWith("System.", StringComparison.Ordinal));
        Findings.AreNone(used.Except(["AgentBudget.Protocol", "Google.Protobuf"]));
    }

    [Fact]
    public void The_check_sees_an_impure_assembly()
    {
        using AssemblyFile impure = AssemblyFile.Open("AgentBudget.Architecture.Tests");
        IReadOnlyList<string> seen = Purity.Violations(impure);
        Assert.Contains("System.Environment.get_MachineName", seen);
        Assert.Contains("System.Guid.CreateVersion7", seen);
        Assert.Contains("System.IO.File.ReadAllText", seen);
        Assert.Contains("System.Threading.Interlocked.Increment", seen);
        Assert.Contains("System.TimeProvider.get_System", seen);
        Assert.Contains("System.Runtime.CompilerServices.IAsyncStateMachine", seen);
        Assert.DoesNotContain("System.Environment.get_CurrentManagedThreadId", seen);
    }

    /// <summary>Never called: it puts what the check must see into this assembly.</summary>
    internal static class Impure
    {
        private static int _count;

        public static async Task<string> Everything()
        {
            await Task.CompletedTask;
            Interlocked.Increment(ref _count);
            return $"{TimeProvider.System} {Environment.MachineName} {Guid.CreateVersion7()}";
        }

        public static IEnumerable<int> Iterator()
        {
            yield return _count;
        }
    }
}
