namespace AgentBudget.Ledger.Tenants;

/// <summary>What is due at a deadline, in the order in which deadlines of the same instant are handled.</summary>
internal enum DeadlineKind
{
    /// <summary>A budget's period ends.</summary>
    PeriodEnd,

    /// <summary>A budget's extension ends.</summary>
    ExtensionEnd,

    /// <summary>A hold's time runs out. Holds are queued apart, and have their turn here.</summary>
    HoldExpiry,

    /// <summary>Refusals that were only counted are told.</summary>
    Refusals,

    /// <summary>A session expires, or its grace ends.</summary>
    Session,

    /// <summary>A request for more was not answered in time.</summary>
    ExtensionRequest,

    /// <summary>Something terminal may be forgotten.</summary>
    Retention,
}

/// <summary>
/// One deadline; sits in at most one queue and knows its place there, so it is moved or removed at once. The expiries
/// of holds are not among them: <see cref="Reservations.ReservationTable"/> orders those itself.
/// </summary>
internal sealed class Deadline(DeadlineKind kind, object owner, long number, string name)
{
    internal int Place = NotQueued;
    internal const int NotQueued = -1;

    public DeadlineKind Kind { get; } = kind;

    public object Owner { get; } = owner;

    /// <summary>Orders deadlines of one instant and kind, the name those of one number.</summary>
    public long Number { get; set; } = number;

    public string Name { get; } = name;

    public long TimeNanos { get; internal set; }
}

/// <summary>Deadlines ordered by log time; any of them can be moved or removed.</summary>
internal sealed class DeadlineQueue
{
    private readonly PlacedHeap<Deadline, Order> _heap = new(default);

    /// <summary>The first deadline's time; <see cref="long.MaxValue"/> if there is none.</summary>
    public long NextNanos => _heap.Count == 0 ? long.MaxValue : _heap[0].TimeNanos;

    /// <summary>Only while there is one.</summary>
    public Deadline First => _heap[0];

    public bool IsEmpty => _heap.Count == 0;

    /// <summary>Queues the deadline at this time, or moves it there.</summary>
    public void Set(Deadline deadline, long timeNanos)
    {
        Remove(deadline);
        deadline.TimeNanos = timeNanos;
        _heap.Add(deadline);
    }

    /// <summary>Takes the deadline out, if it is queued.</summary>
    public void Remove(Deadline deadline)
    {
        int place = deadline.Place;
        if (place == Deadline.NotQueued) return;
        Invariant.Holds(ReferenceEquals(_heap[place], deadline));
        deadline.Place = Deadline.NotQueued;
        _heap.RemoveAt(place);
    }

    private readonly struct Order : IHeapOrder<Deadline>
    {
        public bool IsBefore(in Deadline item, in Deadline other)
        {
            if (item.TimeNanos != other.TimeNanos) return item.TimeNanos < other.TimeNanos;
            if (item.Kind != other.Kind) return item.Kind < other.Kind;
            if (item.Number != other.Number) return item.Number < other.Number;
            return string.CompareOrdinal(item.Name, other.Name) < 0;
        }

        public void Put(in Deadline item, int place) => item.Place = place;
    }
}
