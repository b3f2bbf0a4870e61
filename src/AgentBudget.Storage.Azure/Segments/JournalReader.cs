using AgentBudget.Storage.Azure.Tables;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Azure.Segments;

/// <summary>
/// Reads journals. Whoever asks for an event begins at the last place known before it; where none is known in the
/// event's segment, that is looked for by its name and read from its start.
/// </summary>
internal sealed class JournalReader(SegmentBlobs segments, TenantTable tenants, SegmentPlaces places)
{
    private const int ReadBytesMin = SegmentPlaces.Stretch; // One event is not far behind a place.
    private const int ReadBytesMax = 1024 * 1024;

    /// <summary>Where the journal ends.</summary>
    public async Task<JournalHead> ReadHeadAsync(string tenant, CancellationToken cancellationToken)
    {
        TenantRow? row = await tenants.FindAsync(tenant, cancellationToken);
        return row?.Segment is null
            ? JournalHead.Empty
            : (await segments.ReadLastAsync(row.Key, row.Segment, cancellationToken)).Head;
    }

    /// <summary>Groups in order, from the one that contains the event.</summary>
    public async Task<IReadOnlyList<StoredGroup>> ReadGroupsAsync(
        string tenant, long fromEvent, int bytesMax, CancellationToken cancellationToken)
    {
        string key = KeyText.Of(tenant);
        Page page = new(fromEvent, bytesMax);
        if (await FindAsync(tenant, key, fromEvent, cancellationToken) is not { } place) return page.Groups;
        while (true)
        {
            place = await ReadSegmentAsync(tenant, place, page, cancellationToken);
            if (page.IsFull) break;
            SegmentEnd end = await segments.ReadEndAsync(place.Segment, cancellationToken)
                ?? throw SegmentBlobs.Lost(place.Segment);
            if (place.Offset < end.Length) continue; // It grew meanwhile.
            if (!end.IsSealed) break;
            string next = SegmentName.After(key, end.Head);
            if (await segments.ReadEndAsync(next, cancellationToken) is null) break;
            place = new SegmentPlace(next, 0);
        }

        return page.Groups;
    }

    private async Task<SegmentPlace?> FindAsync(
        string tenant, string key, long fromEvent, CancellationToken cancellationToken)
    {
        (SegmentPlace? known, bool isCertain) = places.Find(tenant, fromEvent);
        if (isCertain) return known;
        if (await segments.FindAsync(key, fromEvent, cancellationToken) is not { } segment) return null;
        if (known?.Segment == segment) return known;
        SegmentPlace start = new(segment, 0);
        places.Add(tenant, SegmentName.FirstEventOf(segment), start);
        return start;
    }

    // Until the page is full or the segment ends; answers the place of the next frame.
    private async Task<SegmentPlace> ReadSegmentAsync(
        string tenant, SegmentPlace place, Page page, CancellationToken cancellationToken)
    {
        long wanted = Math.Clamp(page.BytesLeft, ReadBytesMin, ReadBytesMax);
        while (true)
        {
            ReadOnlyMemory<byte> read =
                await segments.ReadAsync(place.Segment, place.Offset, wanted, cancellationToken);
            int taken = 0;
            while (Frame.LengthOf(read.Span[taken..]) is { } length && length <= read.Length - taken)
            {
                StoredGroup group = Frame.Read(read.Span.Slice(taken, (int)length)) ?? throw Damaged(tenant, page);
                if (page.TryAdd(group))
                {
                    taken += (int)length;
                    places.Add(tenant, group.LastEvent + 1, place with { Offset = place.Offset + taken });
                }

                if (page.IsFull) return place with { Offset = place.Offset + taken };
            }

            if (read.Length < wanted && taken < read.Length) throw Damaged(tenant, page);
            place = place with { Offset = place.Offset + taken };
            if (read.Length < wanted) return place;

            // Whoever has far to go takes longer steps; a frame that is longer than a step is read by itself.
            wanted = Math.Max(
                Math.Min(2 * wanted, ReadBytesMax), Frame.LengthOf(read.Span[taken..]).GetValueOrDefault());
        }
    }

    private static JournalDamagedException Damaged(string tenant, Page page) =>
        new(tenant, page.NextSequence, "its frame is cut off or is none");

    /// <summary>What is given out, and what was passed over before it.</summary>
    private sealed class Page(long fromEvent, int bytesMax)
    {
        private readonly List<StoredGroup> _groups = [];

        public IReadOnlyList<StoredGroup> Groups => _groups;

        public long BytesLeft { get; private set; } = bytesMax;

        public bool IsFull { get; private set; }

        /// <summary>The number of the group behind the last one that was seen.</summary>
        public long NextSequence { get; private set; } = 1;

        /// <summary>Takes a group or passes it over; false when it does not fit.</summary>
        public bool TryAdd(StoredGroup group)
        {
            NextSequence = group.Sequence + 1;
            if (group.LastEvent < fromEvent) return true;
            bool fits = _groups.Count == 0 || group.Body.Length <= BytesLeft;
            IsFull = !fits || group.Body.Length >= BytesLeft;
            if (!fits) return false;
            BytesLeft -= group.Body.Length;
            _groups.Add(group);
            return true;
        }
    }
}
