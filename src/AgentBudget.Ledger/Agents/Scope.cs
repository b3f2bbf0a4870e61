namespace AgentBudget.Ledger.Agents;

/// <summary>
/// A set of tools or models: exact names, and with a star at its end what begins like it: for tools a namespace such as
/// <c>billing.*</c>, for models a family such as <c>claude-opus-*</c>.
/// </summary>
internal sealed class Scope
{
    private const char Star = '*';

    // In order: a catalog can have 100,000 agents with a handful of names each, so a set is as small as its names.
    private readonly string[] _exact;
    private readonly string[] _prefixes;

    public Scope(IReadOnlyCollection<string> patterns)
    {
        _exact = [.. patterns.Where(pattern => !pattern.EndsWith(Star))];
        Array.Sort(_exact, StringComparer.Ordinal);
        _prefixes = [.. patterns.Where(pattern => pattern.EndsWith(Star)).Select(pattern => pattern[..^1])];
    }

    /// <summary>
    /// Whether a name is in the set. Compared by ordinal: scope is never a matter of culture or case.
    /// </summary>
    public bool Allows(string name)
    {
        if (Array.BinarySearch(_exact, name, StringComparer.Ordinal) >= 0) return true;
        foreach (string prefix in _prefixes)
        {
            // A namespace is not one of its own tools; the shortest model of a family is one of it.
            bool isLongEnough = name.Length > prefix.Length || !prefix.EndsWith('.');
            if (isLongEnough && name.StartsWith(prefix, StringComparison.Ordinal)) return true;
        }

        return false;
    }

    /// <summary>Whether everything that a pattern covers is in the set.</summary>
    public bool Covers(string pattern)
    {
        if (!pattern.EndsWith(Star)) return Allows(pattern);
        string prefix = pattern[..^1];
        foreach (string own in _prefixes)
        {
            if (prefix.StartsWith(own, StringComparison.Ordinal)) return true;
        }

        return false;
    }
}
