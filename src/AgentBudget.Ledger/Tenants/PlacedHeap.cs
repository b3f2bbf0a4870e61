namespace AgentBudget.Ledger.Tenants;

/// <summary>How the items of a <see cref="PlacedHeap{TItem,TOrder}"/> are ordered, and told where they are.</summary>
internal interface IHeapOrder<TItem>
{
    /// <summary>Whether the first comes before the second. No two items are equal.</summary>
    bool IsBefore(in TItem item, in TItem other);

    /// <summary>The item is in this place from now on, which is where it is removed from.</summary>
    void Put(in TItem item, int place);
}

/// <summary>
/// A binary heap whose items know their place in it, so that each is removed in logarithmic time.
/// </summary>
internal sealed class PlacedHeap<TItem, TOrder>(TOrder order)
    where TOrder : struct, IHeapOrder<TItem>
{
    private const int FirstCapacity = 16;

    private TItem[] _items = new TItem[FirstCapacity];

    public int Count { get; private set; }

    /// <summary>The item in a place below <see cref="Count"/>; the first of all is in place 0.</summary>
    public ref readonly TItem this[int place] => ref _items[place];

    public void Add(in TItem item)
    {
        if (Count == _items.Length) Array.Resize(ref _items, _items.Length * 2);
        Rise(item, Count++);
    }

    public void RemoveAt(int place)
    {
        TItem last = _items[--Count];
        _items[Count] = default!;
        if (place == Count) return;
        if (place > 0 && order.IsBefore(last, _items[ParentOf(place)])) Rise(last, place);
        else Sink(last, place);
    }

    /// <summary>Gives back the memory that many items took; only while there are none.</summary>
    public void Trim()
    {
        Invariant.Holds(Count == 0);
        if (_items.Length > FirstCapacity) _items = new TItem[FirstCapacity];
    }

    private static int ParentOf(int place) => (place - 1) / 2;

    private void Rise(TItem item, int place)
    {
        while (place > 0)
        {
            int parent = ParentOf(place);
            if (!order.IsBefore(item, _items[parent])) break;
            Put(_items[parent], place);
            place = parent;
        }

        Put(item, place);
    }

    private void Sink(TItem item, int place)
    {
        while (true)
        {
            int child = (2 * place) + 1;
            if (child >= Count) break;
            if (child + 1 < Count && order.IsBefore(_items[child + 1], _items[child])) child++;
            if (!order.IsBefore(_items[child], item)) break;
            Put(_items[child], place);
            place = child;
        }

        Put(item, place);
    }

    private void Put(in TItem item, int place)
    {
        order.Put(item, place);
        _items[place] = item;
    }
}
