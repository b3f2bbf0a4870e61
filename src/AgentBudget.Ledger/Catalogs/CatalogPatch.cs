using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>A patch as it meets the catalog in force: what the catalog will be, without making it.</summary>
internal sealed class CatalogPatch
{
    private readonly CatalogModel _before;
    private readonly CatalogEntries _put;
    private readonly SortedSet<string> _removed = new(StringComparer.Ordinal);
    private ModelNames? _models;

    public CatalogPatch(CatalogModel before, Catalog put, IReadOnlyList<string> remove, List<Fault> faults)
    {
        _before = before;
        _put = new CatalogEntries(put);
        Put = put;
        for (int index = 0; index < remove.Count; index++) Remove(remove[index], $"remove[{index}]", faults);
    }

    /// <summary>The entries to put.</summary>
    public Catalog Put { get; }

    /// <summary>The items that go, by name; of a model without a time all its prices.</summary>
    public IReadOnlySet<string> Removed => _removed;

    public string Currency => _before.Currency;

    /// <summary>The models that will have a price.</summary>
    public ModelNames Models => _models ??= Touches(CatalogList.Prices)
        ? new ModelNames(After(CatalogList.Prices).Select(price => ((Price)price).Model))
        : _before.Book.Models;

    /// <summary>Whether there will be an item.</summary>
    public bool Has(string item) =>
        _put.Find(item) is not null || (!_removed.Contains(item) && _before.Entries.Find(item) is not null);

    /// <summary>Tags that there will be.</summary>
    public int Tags => Put.Tags.Keys.Union(_before.Head.Tags.Keys, StringComparer.Ordinal)
        .Count(tag => !_removed.Contains(CatalogList.TagPrefix + tag));

    /// <summary>Whether something of a list is put or removed.</summary>
    public bool Touches(CatalogList list) => _put.CountOf(list) > 0 || Removes(list);

    /// <summary>Whether something of a list is removed.</summary>
    public bool Removes(CatalogList list) =>
        _removed.Any(item => item.StartsWith(list.Prefix, StringComparison.Ordinal));

    /// <summary>A list as it will be.</summary>
    public IEnumerable<IMessage> After(CatalogList list) => _before.Entries.After(list, _put, _removed);

    /// <summary>Entries of a list that stay as they are.</summary>
    public IEnumerable<IMessage> Staying(CatalogList list) =>
        _before.Entries.Of(list).Where(entry => IsStaying(list.ItemOf(entry)));

    /// <summary>Use cases that stay and name what is removed, looked at one by one without a copy.</summary>
    public IEnumerable<UseCase> UseCasesThatNameRemoved()
    {
        HashSet<string> units = RemovedOf(CatalogList.BusinessUnits);
        bool areModels = Removes(CatalogList.Prices);
        if (units.Count == 0 && !areModels) yield break;
        foreach (UseCase useCase in _before.Entries.Of(CatalogList.UseCases).Cast<UseCase>())
        {
            bool isNaming = units.Contains(useCase.BusinessUnit)
                || (areModels && useCase.Downgrade.Any(pair => !Models.Has(pair.Key) || !Models.Has(pair.Value)));
            if (isNaming && IsStaying(CatalogList.UseCases.ItemOf(useCase))) yield return useCase;
        }
    }

    /// <summary>The same of agents.</summary>
    public IEnumerable<Agent> AgentsThatNameRemoved()
    {
        HashSet<string> units = RemovedOf(CatalogList.BusinessUnits);
        HashSet<string> useCases = RemovedOf(CatalogList.UseCases);
        HashSet<string> agents = RemovedOf(CatalogList.Agents);
        bool areModels = Removes(CatalogList.Prices);
        if (units.Count + useCases.Count + agents.Count == 0 && !areModels) yield break;
        foreach (Agent agent in _before.Entries.Of(CatalogList.Agents).Cast<Agent>())
        {
            bool isNaming = units.Contains(agent.BusinessUnit)
                || HasAny(agent.UseCases, useCases)
                || HasAny(agent.Delegates?.Agents ?? [], agents)
                || HasAny(agent.Delegates?.UseCases ?? [], useCases)
                || (areModels && agent.Models.Any(model => !Models.HasAnyOf(model)));
            if (isNaming && IsStaying(CatalogList.Agents.ItemOf(agent))) yield return agent;
        }

        static bool HasAny(RepeatedField<string> named, HashSet<string> removed) =>
            removed.Count > 0 && named.Any(removed.Contains);
    }

    /// <summary>How many entries a list will have.</summary>
    public int CountAfter(CatalogList list) =>
        _before.Entries.CountOf(list)
        - _removed.Count(item => item.StartsWith(list.Prefix, StringComparison.Ordinal))
        + _put.Of(list).Count(entry => _before.Entries.Find(list.ItemOf(entry)) is null);

    /// <summary>The entries that are new or different; others are no part of the patch.</summary>
    public Catalog Changed()
    {
        var changed = new Catalog();
        foreach ((string tag, TagRule rule) in Put.Tags)
        {
            if (IsChange(CatalogList.TagPrefix + tag, rule)) changed.Tags.Add(tag, rule);
        }

        foreach (CatalogList list in CatalogList.All)
        {
            foreach (IMessage entry in list.EntriesOf(Put))
            {
                if (IsChange(list.ItemOf(entry), entry)) list.EntriesOf(changed).Add(entry);
            }
        }

        return changed;
    }

    private HashSet<string> RemovedOf(CatalogList list) =>
    [
        .. _removed.Where(item => item.StartsWith(list.Prefix, StringComparison.Ordinal))
            .Select(item => item[list.Prefix.Length..]),
    ];

    private bool IsStaying(string item) => !_removed.Contains(item) && _put.Find(item) is null;

    private bool IsChange(string item, IMessage entry) =>
        _before.Find(item) is not { } before || !SameMessage.Are(before, entry);

    private void Remove(string item, string path, List<Fault> faults)
    {
        string[] items = ItemsOf(item);
        if (items.Length == 0)
            faults.Add(new Fault(path, $"'{item}' is not in the catalog: items are named as changes name them"));
        foreach (string one in items)
        {
            bool isPut = _put.Find(one) is not null
                || (one.StartsWith(CatalogList.TagPrefix, StringComparison.Ordinal)
                    && Put.Tags.ContainsKey(one[CatalogList.TagPrefix.Length..]));
            if (isPut) faults.Add(new Fault(path, $"'{one}' is put by the same patch: say one of both"));
            else if (!_removed.Add(one)) faults.Add(new Fault(path, $"'{one}' is removed twice"));
        }
    }

    private string[] ItemsOf(string item)
    {
        if (_before.Find(item) is not null) return [item];
        if (!item.StartsWith(CatalogList.PricePrefix, StringComparison.Ordinal)) return [];
        string model = item[CatalogList.PricePrefix.Length..];
        return
        [
            .. _before.Entries.Of(CatalogList.Prices)
                .Where(price => ((Price)price).Model == model)
                .Select(CatalogList.Prices.ItemOf),
        ];
    }
}
