using System.Collections.Frozen;

namespace AgentBudget.Ledger.Agents;

/// <summary>
/// A set of tools or models: exact names, and for tools namespaces written <c>billing.*</c>, which cover every tool
/// below <c>billing.</c>.
/// </summary>
internal sealed class Scope
{
    private const string NamespaceSuffix = ".*";

    private readonly FrozenSet<string> _exact;
    private readonly string[] _namespaces;

    public Scope(IEnumerable<string> patterns)
    {
        var exact = new HashSet<string>(StringComparer.Ordinal);
        var namespaces = new List<string>();
        foreach (string pattern in patterns)
        {
            if (pattern.EndsWith(NamespaceSuffix, StringComparison.Ordinal)) namespaces.Add(pattern[..^1]);
            else exact.Add(pattern);
        }

        _exact = exact.ToFrozenSet(StringComparer.Ordinal);
        _namespaces = [.. namespaces];
    }

    /// <summary>
    /// Whether a name is in the set. Compared by ordinal: scope is never a matter of culture or case.
    /// </summary>
    public bool Allows(string name)
    {
        if (_exact.Contains(name)) return true;
        foreach (string prefix in _namespaces)
        {
            if (name.Length > prefix.Length && name.StartsWith(prefix, StringComparison.Ordinal)) return true;
        }

        return false;
    }

    /// <summary>Whether everything that a pattern covers is in the set.</summary>
    public bool Covers(string pattern)
    {
        if (!pattern.EndsWith(NamespaceSuffix, StringComparison.Ordinal)) return Allows(pattern);
        string prefix = pattern[..^1];
        foreach (string own in _namespaces)
        {
            if (prefix.StartsWith(own, StringComparison.Ordinal)) return true;
        }

        return false;
    }
}
