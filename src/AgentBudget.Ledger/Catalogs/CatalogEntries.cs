using System.Collections;
using AgentBudget.Ledger.Prices;
using AgentBudget.Protocol.V1;
using Google.Protobuf;

namespace AgentBudget.Ledger.Catalogs;

/// <summary>
/// The entries of a catalog's lists by item, each list in its order: what a patch changes in place, in its turn, so
/// that it takes time with the patch and not with the catalog. An entry itself never changes; a whole catalog that was
/// made of them stays as it was.
/// </summary>
internal sealed class CatalogEntries
{
    private readonly Dictionary<CatalogList, EntryList> _lists = [];

    public CatalogEntries(Catalog catalog)
    {
        foreach (CatalogList list in CatalogList.All)
        {
            var entries = new EntryList();
            foreach (IMessage entry in list.EntriesOf(catalog)) entries.Put(list.ItemOf(entry), entry);
            _lists.Add(list, entries);
        }
    }

    /// <summary>The entry of an item; null where there is none.</summary>
    public IMessage? Find(string item) =>
        CatalogList.Of(item) is { } list ? _lists[list].Find(item) : null;

    public int CountOf(CatalogList list) => _lists[list].Count;

    /// <summary>The entries of a list, in order.</summary>
    public IEnumerable<IMessage> Of(CatalogList list) => _lists[list].All.Select(item => item.Entry);

    /// <summary>The price book of its tools, prices, regions and SKUs, after a former one.</summary>
    public PriceBook BookOf(long version, PriceBook? before) => new(
        version,
        [.. Of(CatalogList.Prices).Cast<Price>()],
        [.. Of(CatalogList.Skus).Cast<Sku>()],
        [.. Of(CatalogList.Tools).Cast<Tool>()],
        [.. Of(CatalogList.Regions).Cast<RegionalMultiplier>()],
        before);

    /// <summary>A list as it will be: what is put takes the place of its item, or comes last.</summary>
    public IEnumerable<IMessage> After(CatalogList list, CatalogEntries put, IReadOnlySet<string> removed)
    {
        EntryList present = _lists[list];
        EntryList changed = put._lists[list];
        foreach ((string item, IMessage entry) in present.All)
        {
            if (!removed.Contains(item)) yield return changed.Find(item) ?? entry;
        }

        foreach ((string item, IMessage entry) in changed.All)
        {
            if (present.Find(item) is null) yield return entry;
        }
    }

    /// <summary>Puts and removes what a patch says.</summary>
    public void Change(CatalogPatched patched)
    {
        foreach (CatalogList list in CatalogList.All)
        {
            foreach (IMessage entry in list.EntriesOf(patched.Put)) _lists[list].Put(list.ItemOf(entry), entry);
        }

        foreach (string item in patched.Removed)
        {
            if (CatalogList.Of(item) is { } list) _lists[list].Remove(item);
        }
    }

    /// <summary>Adds all entries to a catalog that has none.</summary>
    public void AddTo(Catalog catalog)
    {
        foreach (CatalogList list in CatalogList.All)
        {
            IList entries = list.EntriesOf(catalog);
            foreach (IMessage entry in Of(list)) entries.Add(entry);
        }
    }

    private sealed class EntryList
    {
        // Gaps that are left before the list is written anew: it stays within twice its entries.
        private const int GapsMin = 64;

        private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
        private readonly List<(string Item, IMessage? Entry)> _entries = [];

        public int Count => _places.Count;

        public IEnumerable<(string Item, IMessage Entry)> All
        {
            get
            {
                foreach ((string item, IMessage? entry) in _entries)
                {
                    if (entry is not null) yield return (item, entry);
                }
            }
        }

        public IMessage? Find(string item) => _places.TryGetValue(item, out int place) ? _entries[place].Entry : null;

        public void Put(string item, IMessage entry)
        {
            if (_places.TryAdd(item, _entries.Count)) _entries.Add((item, entry));
            else _entries[_places[item]] = (item, entry);
        }

        public void Remove(string item)
        {
            if (!_places.Remove(item, out int place)) return;
            _entries[place] = (item, null);
            if (_entries.Count <= (2 * _places.Count) + GapsMin) return;
            _entries.RemoveAll(static gap => gap.Entry is null);
            for (int next = 0; next < _entries.Count; next++) _places[_entries[next].Item] = next;
        }
    }
}
