using AgentBudget.Ledger.Tenants;

namespace AgentBudget.Ledger.Agents;

/// <summary>Sessions that were suspended within one hour of log time, and whether a breaker was told of them.</summary>
internal readonly record struct SuspensionCount(long Hour, long Sessions, bool IsTold)
{
    private const long HourNanos = 3600 * LogTime.NanosPerSecond;

    /// <summary>What there was within the hour of a time.</summary>
    public static SuspensionCount Of(long nowNanos, long sessions, bool isTold) =>
        new(nowNanos / HourNanos, sessions, isTold);

    /// <summary>As it counts at a time: nothing, once its hour is over.</summary>
    public SuspensionCount At(long nowNanos) => nowNanos / HourNanos == Hour ? this : Of(nowNanos, 0, isTold: false);

    /// <summary>Whether a breaker trips by it that was not told.</summary>
    public bool IsBeyond(long limit) => Sessions > limit && !IsTold;
}
