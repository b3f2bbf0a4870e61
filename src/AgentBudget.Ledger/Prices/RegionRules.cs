using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Prices;

/// <summary>
/// Regional multipliers by the model that they name, so that a book of many prices does not hold each against each.
/// </summary>
internal sealed class RegionRules
{
    private readonly IReadOnlyList<RegionalMultiplier> _rules;
    private readonly Dictionary<string, List<int>> _placesByModel = new(StringComparer.Ordinal);
    private readonly List<int> _placesOfFamilies = [];

    public RegionRules(IReadOnlyList<RegionalMultiplier> rules)
    {
        _rules = rules;
        for (int place = 0; place < rules.Count; place++)
        {
            string models = rules[place].Models;
            if (models.EndsWith('*')) _placesOfFamilies.Add(place);
            else if (_placesByModel.TryGetValue(models, out List<int>? places)) places.Add(place);
            else _placesByModel.Add(models, [place]);
        }
    }

    /// <summary>Those of a price, in the catalog's order, of which the first of each region counts.</summary>
    public List<RegionalMultiplier> Of(PriceEntry entry)
    {
        List<int> places = [.. _placesOfFamilies.Where(place => entry.IsOf(_rules[place]))];
        foreach (int place in _placesByModel.GetValueOrDefault(entry.Model) ?? [])
        {
            if (entry.IsOf(_rules[place])) places.Add(place);
        }

        places.Sort();
        return [.. places.Select(place => _rules[place])];
    }
}
