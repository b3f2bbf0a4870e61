namespace AgentBudget.Audit;

/// <summary>Names and namespaces ("billing.*") that a session or an agent may use.</summary>
internal sealed class AuditScope(IEnumerable<string> patterns)
{
    private readonly HashSet<string> _patterns = new(patterns, StringComparer.Ordinal);

    /// <summary>Whether a name is listed, or a namespace that it is in.</summary>
    public bool Allows(string name) => _patterns.Contains(name) || IsInNamespace(name);

    /// <summary>Whether everything that a pattern stands for is in the scope.</summary>
    public bool Covers(string pattern) => _patterns.Contains(pattern) || IsInNamespace(pattern);

    // billing.invoices.read is in billing.invoices.* and in billing.*; so is the namespace billing.invoices.* itself.
    private bool IsInNamespace(string name)
    {
        for (int dot = name.LastIndexOf('.'); dot > 0; dot = name.LastIndexOf('.', dot - 1))
        {
            if (dot < name.Length - 1 && _patterns.Contains(string.Concat(name.AsSpan(0, dot), ".*"))) return true;
        }

        return false;
    }
}
