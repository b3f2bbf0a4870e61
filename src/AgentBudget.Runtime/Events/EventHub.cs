using AgentBudget.Protocol.V1;

namespace AgentBudget.Runtime.Events;

/// <summary>
/// A tenant's durable events as they become so: a bounded ring of recent batches, and a signal for those who wait. One
/// writer, any number of readers: publishing never waits for them. The ring keeps what a reader close behind has still
/// to read and lets go of the rest, because events that live long cost the garbage collector most; a reader that falls
/// behind the ring goes to the journal.
/// </summary>
public sealed class EventHub
{
    /// <summary>Events that are kept though every reader has them: a retry of what was just answered finds its answer.
    /// </summary>
    internal const int EventsKeptMin = 64;

    private const int BatchesMax = 1024; // A power of two; a reader a few hundred commits behind is still live.
    private readonly Batch?[] _ring = new Batch?[BatchesMax];
    private readonly Lock _readersGate = new();
    private readonly int _eventsMax;
    private volatile EventReader[] _readers = [];
    private TaskCompletionSource? _signal;
    private long _durableSequence;
    private long _published; // Batches ever published; batch n is in slot n % BatchesMax.
    private long _kept; // The oldest batch that was not let go.
    private int _events;
    private volatile bool _isCompleted;

    /// <param name="eventsMax">
    /// Events that the ring keeps for readers; the newest batch is kept whatever its size.
    /// </param>
    public EventHub(int eventsMax) => _eventsMax = eventsMax;

    /// <summary>Sequence of the last durable event.</summary>
    public long DurableSequence => Volatile.Read(ref _durableSequence);

    /// <summary>Writer: the journal was loaded and ends here. What the ring has stays, it was durable too.</summary>
    public void Loaded(long durableSequence)
    {
        if (durableSequence != DurableSequence) Clear();
        Volatile.Write(ref _durableSequence, durableSequence);
        Wake();
    }

    /// <summary>Writer: the next events are durable.</summary>
    public void Publish(LedgerEvent[] events)
    {
        if (_published - _kept == BatchesMax) LetGo();
        Volatile.Write(ref _ring[_published % BatchesMax], new Batch(_published, events));
        _published++;
        _events += events.Length;
        LetGoOfWhatIsRead();
        Volatile.Write(ref _durableSequence, events[^1].Sequence);
        Wake();
    }

    /// <summary>Writer: gives the ring's memory back.</summary>
    public void Clear()
    {
        while (_kept < _published) LetGo();
    }

    /// <summary>No more events will come; those who wait are let go.</summary>
    public void Complete()
    {
        _isCompleted = true;
        Wake();
    }

    /// <summary>
    /// Recent events from <paramref name="fromSequence"/> on; false when they are not in the ring, be it that they are
    /// older or not there yet.
    /// </summary>
    public bool TryRead(long fromSequence, out ReadOnlyMemory<LedgerEvent> events)
    {
        events = default;
        if (fromSequence > DurableSequence) return false;
        long high = Volatile.Read(ref _published) - 1;
        long low = Math.Max(0, high - BatchesMax + 1);
        while (low <= high)
        {
            long middle = high - ((high - low) / 2);
            Batch? batch = Volatile.Read(ref _ring[middle % BatchesMax]);
            if (batch is null || batch.Number != middle || batch.First + batch.Events.Length <= fromSequence)
            {
                low = middle + 1;
            }
            else if (batch.First > fromSequence)
            {
                high = middle - 1;
            }
            else
            {
                events = batch.Events.AsMemory((int)(fromSequence - batch.First));
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Announces a reader, for whom the ring keeps what it has still to read. Disposed when it is done.
    /// </summary>
    public EventReader AddReader(long nextSequence)
    {
        var reader = new EventReader(this, nextSequence);
        lock (_readersGate) _readers = [.. _readers, reader];
        return reader;
    }

    internal void Remove(EventReader reader)
    {
        lock (_readersGate) _readers = [.. _readers.Where(other => !ReferenceEquals(other, reader))];
    }

    /// <summary>Completes once there are durable events after this one; false when none will come.</summary>
    public async ValueTask<bool> WaitAsync(long afterSequence, CancellationToken cancellationToken)
    {
        while (true)
        {
            TaskCompletionSource signal = ArmSignal();
            if (DurableSequence > afterSequence) return true;
            if (_isCompleted) return false;
            await signal.Task.WaitAsync(cancellationToken);
        }
    }

    private TaskCompletionSource ArmSignal()
    {
        TaskCompletionSource? signal = Volatile.Read(ref _signal);
        if (signal is not null) return signal;
        var fresh = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Interlocked.CompareExchange(ref _signal, fresh, null) ?? fresh;
    }

    // The exchange is a full fence: whoever armed the signal too late for it sees the new sequence.
    private void Wake() => Interlocked.Exchange(ref _signal, null)?.TrySetResult();

    private void LetGoOfWhatIsRead()
    {
        // Who reads from before the ring reads the journal, and would keep the ring full for nothing.
        long oldest = _ring[_kept % BatchesMax]!.First;
        long unread = long.MaxValue;
        foreach (EventReader reader in _readers)
        {
            long next = reader.NextSequence;
            if (next >= oldest) unread = Math.Min(unread, next);
        }

        while (_kept < _published - 1)
        {
            Batch batch = _ring[_kept % BatchesMax]!;
            bool isRead = batch.First + batch.Events.Length <= unread
                && _events - batch.Events.Length >= EventsKeptMin;
            if (!isRead && _events <= _eventsMax) return;
            LetGo();
        }
    }

    private void LetGo()
    {
        _events -= _ring[_kept % BatchesMax]!.Events.Length;
        Volatile.Write(ref _ring[_kept % BatchesMax], null);
        _kept++;
    }

    private sealed record Batch(long Number, LedgerEvent[] Events)
    {
        public long First { get; } = Events[0].Sequence;
    }
}
