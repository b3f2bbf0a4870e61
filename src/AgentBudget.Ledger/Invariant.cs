namespace AgentBudget.Ledger;

/// <summary>
/// Asserts that stay on in Release. A false one is a bug: the turn is not answered and its tenant is reloaded.
/// </summary>
public static class Invariant
{
    /// <summary>Throws <see cref="InvariantException"/> unless <paramref name="condition"/> holds.</summary>
    public static void Holds(
        bool condition,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string expression = "")
    {
        if (!condition) Throw(expression);
    }

    private static void Throw(string expression) => throw new InvariantException(expression);
}

/// <summary>An assert failed: the state or the journal is not what the rules allow.</summary>
public sealed class InvariantException(string expression) : Exception($"invariant does not hold: {expression}");
