namespace AgentBudget.Gateway;

/// <summary>Whether there was room.</summary>
internal enum Room
{
    /// <summary>There was, and it is taken.</summary>
    Taken,

    /// <summary>Whoever asks has its share already; others find room.</summary>
    ShareIsFull,

    /// <summary>There is none for anybody.</summary>
    AllIsFull,
}

/// <summary>A bound that callers share: half of it is the most that one of them takes.</summary>
/// <param name="most">What all may take together.</param>
internal sealed class SharedBound(long most)
{
    private readonly long _shareMost = Math.Max(1, most / 2);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, long> _taken = new(StringComparer.Ordinal);
    private long _all;

    /// <summary>What is taken now.</summary>
    public long Taken
    {
        get
        {
            lock (_lock) return _all;
        }
    }

    /// <summary>Takes room for one caller; to be given back where it was taken.</summary>
    /// <param name="who">Who asks.</param>
    /// <param name="amount">How much; taken whole or not at all.</param>
    public Room TryTake(string who, long amount = 1)
    {
        lock (_lock)
        {
            if (amount > most - _all) return Room.AllIsFull;
            long own = _taken.GetValueOrDefault(who);
            if (amount > _shareMost - own) return Room.ShareIsFull;
            _taken[who] = own + amount;
            _all += amount;
            return Room.Taken;
        }
    }

    public void GiveBack(string who, long amount = 1)
    {
        if (amount == 0) return;
        lock (_lock)
        {
            long rest = _taken[who] - amount;
            if (rest == 0) _taken.Remove(who);
            else _taken[who] = rest;
            _all -= amount;
        }
    }
}

/// <summary>What a gateway takes on at most, of all callers together.</summary>
internal sealed record GatewayBounds
{
    /// <summary>Connections; one that calls is one call.</summary>
    public int Calls { get; init; } = 20_000;

    /// <summary>Bytes of bodies that are being worked on.</summary>
    public long BodyBytes { get; init; } = 512L * 1024 * 1024;

    /// <summary>Sessions that the gateway keeps open for callers that show a credential.</summary>
    public int Sessions { get; init; } = 10_000;

    /// <summary>Streams that are read to their end though nobody gets them any more.</summary>
    public int Drains { get; init; } = 1_000;

    /// <summary>
    /// Credentials in whose name Envoy asks: one for each configuration, with room for keys that are changed. One that
    /// is forgotten is proven again when it asks again.
    /// </summary>
    public int EnvoyCallers { get; init; } = 100;

    /// <summary>Programs that run at once, of one server of tools.</summary>
    public int Programs { get; init; } = 100;
}
