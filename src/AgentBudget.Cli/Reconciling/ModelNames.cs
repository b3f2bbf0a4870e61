using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Reconciling;

/// <summary>
/// Which model of the catalog a name of an export is: as it was said, else by id or alias, else, of a meter such as
/// "gpt 4o 0806 Inp glbl Tokens", the longest name that it begins with by its letters and digits. Another stays as it
/// is, and is found to be missing here.
/// </summary>
internal sealed class ModelNames
{
    private readonly Dictionary<string, string> _said;
    private readonly Dictionary<string, string> _known = new(StringComparer.Ordinal);
    private readonly List<(string Letters, string Model)> _letters = [];
    private readonly HashSet<string> _ofProvider = new(StringComparer.Ordinal);

    public ModelNames(Catalog catalog, string provider, IEnumerable<KeyValuePair<string, string>> said)
    {
        _said = new Dictionary<string, string>(said, StringComparer.Ordinal);
        foreach (Price price in catalog.Prices)
        {
            foreach (string name in price.Aliases.Prepend(price.Model))
            {
                _known[name] = price.Model;
                _letters.Add((LettersOf(name), price.Model));
                if (price.Provider.Equals(provider, StringComparison.OrdinalIgnoreCase)) _ofProvider.Add(name);
            }
        }

        _letters.Sort((one, other) => other.Letters.Length.CompareTo(one.Letters.Length));
    }

    public string Of(string name)
    {
        if (_said.TryGetValue(name, out string? model) || _known.TryGetValue(name, out model)) return model;
        string letters = LettersOf(name);
        return _letters.Find(known => known.Letters.Length > 0
            && letters.StartsWith(known.Letters, StringComparison.Ordinal)).Model ?? name;
    }

    public bool IsOfProvider(string model) => _ofProvider.Contains(model);

    private static string LettersOf(string name) =>
        new([.. name.Where(char.IsAsciiLetterOrDigit).Select(char.ToLowerInvariant)]);
}
