namespace AgentBudget.Runtime.Events;

/// <summary>Where one reader of a hub is. The reader moves it on, the hub's writer looks at it.</summary>
public sealed class EventReader(EventHub hub, long nextSequence) : IDisposable
{
    private long _nextSequence = nextSequence;

    /// <summary>The first event that it has not yet done with.</summary>
    public long NextSequence
    {
        get => Volatile.Read(ref _nextSequence);
        set => Volatile.Write(ref _nextSequence, value);
    }

    /// <summary>The ring keeps nothing for it any more.</summary>
    public void Dispose() => hub.Remove(this);
}
