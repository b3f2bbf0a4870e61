using System.Collections.Concurrent;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>Where a frame begins, or will.</summary>
internal readonly record struct SegmentPlace(string Segment, long Offset);

/// <summary>
/// Where frames begin in segments that this process read or wrote, by their first event, about two of them in each
/// stretch of a segment. A place stays right for ever, since nothing of a segment changes but its end; so whoever looks
/// for an event begins near it, also in the middle of a group, and only a segment that is new here is read from its
/// start. Thread-safe.
/// </summary>
internal sealed class SegmentPlaces
{
    /// <summary>Of two places that are closer to a third one is let go.</summary>
    public const int Stretch = 16 * 1024;

    private const int PlacesMax = 65_536; // Of all tenants; when there are more, all look for theirs once.

    private readonly ConcurrentDictionary<string, SortedList<long, SegmentPlace>> _tenants =
        new(StringComparer.Ordinal);

    private int _count;

    /// <summary>A frame that begins with that event is there, or will be.</summary>
    public void Add(string tenant, long firstEvent, SegmentPlace place)
    {
        if (Volatile.Read(ref _count) >= PlacesMax) Clear();
        SortedList<long, SegmentPlace> places = _tenants.GetOrAdd(tenant, static _ => []);
        lock (places)
        {
            int before = places.Count;
            places[firstEvent] = place;
            Thin(places, places.IndexOfKey(firstEvent));
            Interlocked.Add(ref _count, places.Count - before);
        }
    }

    /// <summary>
    /// The last place known that is not behind an event. It is certain to be of the event's segment if a frame begins
    /// there with that event, or if a later place of the same segment is known.
    /// </summary>
    public (SegmentPlace? Place, bool IsCertain) Find(string tenant, long fromEvent)
    {
        if (!_tenants.TryGetValue(tenant, out SortedList<long, SegmentPlace>? places)) return default;
        lock (places)
        {
            int next = FirstBehind(places, fromEvent);
            if (next == 0) return default;
            SegmentPlace found = places.GetValueAtIndex(next - 1);
            bool isCertain = places.GetKeyAtIndex(next - 1) == fromEvent
                || (next < places.Count && places.GetValueAtIndex(next).Segment == found.Segment);
            return (found, isCertain);
        }
    }

    private void Clear()
    {
        _tenants.Clear();
        Volatile.Write(ref _count, 0);
    }

    // The neighbour on each side is let go where the one behind it is near enough.
    private static void Thin(SortedList<long, SegmentPlace> places, int at)
    {
        if (AreNear(places, at, at + 2)) places.RemoveAt(at + 1);
        if (AreNear(places, at - 2, at)) places.RemoveAt(at - 1);
    }

    private static bool AreNear(SortedList<long, SegmentPlace> places, int first, int last) =>
        first >= 0 && last < places.Count
        && places.GetValueAtIndex(first).Segment == places.GetValueAtIndex(last).Segment
        && places.GetValueAtIndex(last).Offset - places.GetValueAtIndex(first).Offset <= Stretch;

    // The index of the first place behind an event.
    private static int FirstBehind(SortedList<long, SegmentPlace> places, long fromEvent)
    {
        int low = 0, high = places.Count;
        while (low < high)
        {
            int middle = low + ((high - low) / 2);
            if (places.GetKeyAtIndex(middle) <= fromEvent) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
