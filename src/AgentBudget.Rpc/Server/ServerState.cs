using AgentBudget.Rpc.Wire;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc.Server;

/// <summary>What all calls of a server share.</summary>
internal sealed class ServerState(
    RpcServerOptions options, JsonMessages json, IRpcGuard? guard, TimeProvider time, ILogger logger)
{
    // With the sweep's own second, and one for the answer, a stream ends within 5 s of its caller's credential.
    private static readonly TimeSpan ReviewInterval = TimeSpan.FromSeconds(2);

    private readonly long _arrivalTimestampTicks =
        (long)(options.MessageArrivalMax.TotalSeconds * time.TimestampFrequency);

    private volatile bool _isDraining;

    internal RpcServerOptions Options { get; } = options;

    internal JsonMessages Json { get; } = json;

    internal IRpcGuard? Guard { get; } = guard;

    internal TimeProvider Time { get; } = time;

    internal ILogger Logger { get; } = logger;

    internal CallRegistry Watched { get; } = new();

    /// <summary>How calls of methods that are not served ended.</summary>
    internal CallCounts AnsweredUnknown { get; } = new();

    /// <summary>From now on new calls are refused and streams end.</summary>
    internal bool IsDraining
    {
        get => _isDraining;
        set => _isDraining = value;
    }

    internal long ArrivalDeadline() => Time.GetTimestamp() + _arrivalTimestampTicks;

    /// <summary>When the guard is asked again about a stream.</summary>
    internal long ReviewDue() =>
        Time.GetTimestamp() + (long)(ReviewInterval.TotalSeconds * Time.TimestampFrequency);
}
