namespace AgentBudget.Ledger.Prices;

/// <summary>The models that have a price, to be asked for one by id and for any of a family.</summary>
internal sealed class ModelNames
{
    private readonly string[] _sorted;

    public ModelNames(IEnumerable<string> models)
    {
        _sorted = [.. models.Distinct(StringComparer.Ordinal)];
        Array.Sort(_sorted, StringComparer.Ordinal);
    }

    public bool Has(string model) => Array.BinarySearch(_sorted, model, StringComparer.Ordinal) >= 0;

    /// <summary>Whether there is a model of this id, or with a star at the end one whose id begins so.</summary>
    public bool HasAnyOf(string pattern)
    {
        if (!pattern.EndsWith('*')) return Has(pattern);
        string beginning = pattern[..^1];
        int place = Array.BinarySearch(_sorted, beginning, StringComparer.Ordinal);
        int first = place < 0 ? ~place : place;
        return first < _sorted.Length && _sorted[first].StartsWith(beginning, StringComparison.Ordinal);
    }
}
