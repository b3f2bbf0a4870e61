using System.Globalization;

namespace AgentBudget.Faults.Tests;

/// <summary>
/// Chance of a run: AGENTBUDGET_FAULT_SEED if it is set, else the clock's. Every verdict names it. What the machine
/// does in between is not repeated, but the amounts, the order of each client's calls and the moments of the faults
/// are.
/// </summary>
internal static class Seed
{
    public static int Value { get; } = Read();

    /// <summary>A number from the environment, bounded.</summary>
    public static int Number(string variable, int otherwise, int max) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } text
            ? Math.Clamp(int.Parse(text, CultureInfo.InvariantCulture), 1, max)
            : otherwise;

    private static int Read() => Number(
        "AGENTBUDGET_FAULT_SEED",
        (int)(TimeProvider.System.GetTimestamp() & int.MaxValue),
        int.MaxValue);
}
