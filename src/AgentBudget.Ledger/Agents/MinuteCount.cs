using AgentBudget.Ledger.Sessions;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Agents;

/// <summary>
/// What a breaker of an agent counts within a minute over all of the agent's sessions, and whether the breaker was told
/// of it. It is told again only after the count was within the limit in between. Changed by events only.
/// </summary>
internal sealed class MinuteCount
{
    private readonly MinuteRing _counted = new();
    private bool _isTold;

    public void Add(long count, long nowNanos, long limit)
    {
        if (_counted.SumAt(nowNanos) <= limit) _isTold = false;
        _counted.Add(count, nowNanos);
    }

    /// <summary>What the breaker trips by with so much more; 0 where it does not, or was told.</summary>
    public long TripsWith(long more, long nowNanos, long limit)
    {
        long counted = _counted.SumAt(nowNanos);
        bool isTold = _isTold && counted > limit;
        return !isTold && more > limit - counted ? counted + more : 0;
    }

    /// <summary>The breaker was told.</summary>
    public void Tell() => _isTold = true;

    public MinuteState ToState() =>
        new() { Step = _counted.Step, Counts = { _counted.Counts }, Told = _isTold };

    public static MinuteCount? Restore(MinuteState? state)
    {
        if (state is null) return null;
        MinuteCount count = new() { _isTold = state.Told };
        count._counted.Restore(state.Step, state.Counts);
        return count;
    }
}
