namespace AgentBudget.Architecture.Tests;

/// <summary>What a check found.</summary>
internal static class Findings
{
    /// <summary>Fails with every finding on a line of its own.</summary>
    public static void AreNone<TFinding>(IEnumerable<TFinding> findings)
    {
        TFinding[] found = [.. findings];
        if (found.Length > 0) Assert.Fail($"{found.Length} found:\n{string.Join('\n', found)}");
    }
}
