namespace AgentBudget.Grains.Tenants;

/// <summary>What is due at a deadline, in the order in which deadlines of the same instant are handled.</summary>
internal enum DeadlineKind
{
    /// <summary>A budget's period ends.</summary>
    PeriodEnd,

    /// <summary>A budget's extension ends.</summary>
    ExtensionEnd,

    /// <summary>A hold's time runs out.</summary>
    HoldExpiry,

    /// <summary>Refusals that were only counted are told.</summary>
    Refusals,

    /// <summary>A session expires, or its grace ends.</summary>
    Session,

    /// <summary>Something terminal may be forgotten.</summary>
    Retention,
}

/// <summary>
/// One deadline; sits in at most one queue and knows its place there, so it is moved or removed at once. What there are
/// most of, holds, are deadlines themselves and not owners of one: half as many objects that live long.
/// </summary>
internal class Deadline(DeadlineKind kind, object? owner, long number, string name)
{
    internal int Place = NotQueued;
    internal const int NotQueued = -1;

    public DeadlineKind Kind { get; } = kind;

    public object Owner => owner ?? this;

    /// <summary>Orders deadlines of one instant and kind.</summary>
    public long Number { get; set; } = number;

    public long TimeNanos { get; internal set; }

    internal bool IsBefore(Deadline other)
    {
        if (TimeNanos != other.TimeNanos) return TimeNanos < other.TimeNanos;
        if (Kind != other.Kind) return Kind < other.Kind;
        return Number != other.Number ? Number < other.Number : string.CompareOrdinal(name, other.Name) < 0;
    }

    private string Name => name;
}

/// <summary>
/// Deadlines ordered by log time: a binary heap whose entries can be moved and removed in logarithmic time.
/// </summary>
internal sealed class DeadlineQueue
{
    private Deadline[] _heap = new Deadline[16];
    private int _count;

    public int Count => _count;

    /// <summary>The first deadline's time; <see cref="long.MaxValue"/> if there is none.</summary>
    public long NextNanos => _count == 0 ? long.MaxValue : _heap[0].TimeNanos;

    public Deadline First => _heap[0];

    /// <summary>Queues the deadline at this time, or moves it there.</summary>
    public void Set(Deadline deadline, long timeNanos)
    {
        if (deadline.Place != Deadline.NotQueued) Remove(deadline);
        deadline.TimeNanos = timeNanos;
        if (_count == _heap.Length) Array.Resize(ref _heap, _heap.Length * 2);
        Rise(deadline, _count++);
    }

    /// <summary>Takes the deadline out, if it is queued.</summary>
    public void Remove(Deadline deadline)
    {
        int place = deadline.Place;
        if (place == Deadline.NotQueued) return;
        Invariant.Holds(ReferenceEquals(_heap[place], deadline));
        deadline.Place = Deadline.NotQueued;
        Deadline last = _heap[--_count];
        _heap[_count] = null!;
        if (ReferenceEquals(last, deadline)) return;
        Sink(last, place);
        if (last.Place == place) Rise(last, place);
    }

    private void Rise(Deadline deadline, int place)
    {
        while (place > 0)
        {
            int parent = (place - 1) / 2;
            if (!deadline.IsBefore(_heap[parent])) break;
            Put(_heap[parent], place);
            place = parent;
        }

        Put(deadline, place);
    }

    private void Sink(Deadline deadline, int place)
    {
        while (true)
        {
            int child = (2 * place) + 1;
            if (child >= _count) break;
            if (child + 1 < _count && _heap[child + 1].IsBefore(_heap[child])) child++;
            if (!_heap[child].IsBefore(deadline)) break;
            Put(_heap[child], place);
            place = child;
        }

        Put(deadline, place);
    }

    private void Put(Deadline deadline, int place)
    {
        _heap[place] = deadline;
        deadline.Place = place;
    }
}
