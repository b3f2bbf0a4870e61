using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets.Providers;

/// <summary>
/// How one provider reports usage: which key says what. Keys are compared without case, underscores and dashes, so that
/// <c>prompt_tokens</c> and <c>promptTokens</c> are one.
/// </summary>
internal sealed class Dialect
{
    private readonly Dictionary<string, (UsageField Field, string Path)> _fields = new(StringComparer.Ordinal);
    private readonly HashSet<string> _groups = new(StringComparer.Ordinal);

    /// <param name="name">The field of <see cref="ProviderUsage"/> that it is given in.</param>
    /// <param name="includesCache">The prompt's count includes what was read from caches and written to them.</param>
    /// <param name="includesReasoning">The answer's count includes thoughts.</param>
    /// <param name="tables">Keys by path, as the provider writes them.</param>
    public Dialect(
        string name,
        bool includesCache,
        bool includesReasoning,
        params IReadOnlyList<(string Path, UsageField Field)>[] tables)
    {
        Name = name;
        IncludesCache = includesCache;
        IncludesReasoning = includesReasoning;
        foreach ((string path, UsageField field) in tables.SelectMany(table => table))
        {
            string plain = Plain(path);
            _fields[plain] = (field, path);
            for (int dot = plain.IndexOf('.', StringComparison.Ordinal); dot > 0; dot = plain.IndexOf('.', dot + 1))
                _groups.Add(plain[..dot]);
        }
    }

    public string Name { get; }

    /// <summary>Every key that it knows, with its path, as the provider writes it.</summary>
    public IEnumerable<string> Paths => _fields.Values.Select(known => known.Path);

    public bool IncludesCache { get; }

    public bool IncludesReasoning { get; }

    /// <summary>A key without what writers differ in.</summary>
    public static string Plain(string key) =>
        key.Replace("_", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>What a path says, and how it is documented; false for one that is not known.</summary>
    public bool TryFind(string plainPath, out UsageField field, out string path)
    {
        bool isKnown = _fields.TryGetValue(plainPath, out (UsageField Field, string Path) found);
        (field, path) = found;
        return isKnown;
    }

    /// <summary>Whether known paths lie below this one.</summary>
    public bool IsGroup(string plainPath) => _groups.Contains(plainPath);
}
