namespace AgentBudget.Gateway.Calls;

/// <summary>
/// Streams that are read to their end though nobody gets them any more, because their provider bills them whole and
/// tells at the end what that is. Bounded in number, in time and in bytes.
/// </summary>
internal sealed class Drains
{
    /// <summary>Streams that are drained at once; a further one is cut and estimated.</summary>
    public const int DrainsMax = 1_000;

    /// <summary>Bytes that are read of one; answers of text have less.</summary>
    public const long BytesMax = 16 * 1024 * 1024;

    /// <summary>How long one may still take.</summary>
    public static readonly TimeSpan TimeMax = TimeSpan.FromMinutes(2);

    private int _count;

    /// <summary>Takes a place for a stream.</summary>
    public bool TryBegin()
    {
        if (Interlocked.Increment(ref _count) <= DrainsMax) return true;
        End();
        return false;
    }

    public void End() => Interlocked.Decrement(ref _count);
}
