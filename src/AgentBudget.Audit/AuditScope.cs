namespace AgentBudget.Audit;

/// <summary>
/// Names, namespaces ("billing.*") and families of models ("gpt-*") that a session or an agent may use.
/// </summary>
internal sealed class AuditScope(IEnumerable<string> patterns)
{
    private readonly HashSet<string> _patterns = new(patterns, StringComparer.Ordinal);

    /// <summary>Whether a name is listed, or a pattern that it is of.</summary>
    public bool Allows(string name) =>
        _patterns.Contains(name) || Families.Any(
            family => IsOf(name, family) && (name != family || !family.EndsWith('.')));

    /// <summary>Whether everything that a pattern stands for is in the scope.</summary>
    public bool Covers(string pattern) => pattern is [.. string beginning, '*']
        ? Families.Any(family => IsOf(beginning, family))
        : Allows(pattern);

    private IEnumerable<string> Families =>
        _patterns.Where(pattern => pattern.EndsWith('*')).Select(pattern => pattern[..^1]);

    private static bool IsOf(string name, string family) => name.StartsWith(family, StringComparison.Ordinal);
}
