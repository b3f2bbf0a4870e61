namespace AgentBudget.Bench.Http2;

/// <summary>How a call ended.</summary>
internal enum Verdict
{
    /// <summary>Answered as hoped for.</summary>
    Good,

    /// <summary>Decided, but denied.</summary>
    Denied,

    /// <summary>A status other than OK, or an answer that cannot be read.</summary>
    Failed,
}

/// <summary>What one connection asks, call after call. Used by that connection's thread only.</summary>
internal abstract class Workload
{
    /// <summary>Bytes of room that <see cref="WriteMessage"/> is given.</summary>
    public const int MessageBytesMax = 4096;

    /// <summary>Chooses the slot's next call; false when there is none left.</summary>
    public abstract bool TryNext(Slot slot);

    /// <summary>The call's headers behind method and scheme.</summary>
    public abstract ReadOnlySpan<Header> Headers(Slot slot);

    /// <summary>Writes the call's message and returns its length.</summary>
    public abstract int WriteMessage(Slot slot, Span<byte> destination);

    /// <summary>The call as an item of a Spend stream: the arm's field number, in request and response.</summary>
    public virtual int ItemField(Slot slot) => throw new NotSupportedException("this work is no item of a stream");

    /// <summary>Looks at an answer with status OK.</summary>
    public abstract Verdict Judge(Slot slot, ReadOnlySpan<byte> message);
}
