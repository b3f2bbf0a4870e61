using AgentBudget.Rpc.Wire;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Rpc.Server;

/// <summary>What all calls of a server share.</summary>
internal sealed class ServerState(
    RpcServerOptions options, JsonMessages json, TimeProvider time, ILogger logger)
{
    private readonly long _arrivalTimestampTicks =
        (long)(options.MessageArrivalMax.TotalSeconds * time.TimestampFrequency);

    private volatile bool _isDraining;

    internal RpcServerOptions Options { get; } = options;

    internal JsonMessages Json { get; } = json;

    internal TimeProvider Time { get; } = time;

    internal ILogger Logger { get; } = logger;

    internal CallRegistry Watched { get; } = new();

    /// <summary>From now on new calls are refused and streams end.</summary>
    internal bool IsDraining
    {
        get => _isDraining;
        set => _isDraining = value;
    }

    internal long ArrivalDeadline() => Time.GetTimestamp() + _arrivalTimestampTicks;
}
