using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Edge;

/// <summary>
/// What stands between a connection and what serves it: control frames wait for a budget that all connections share,
/// and a closed connection ends. One for all endpoints of a silo.
/// </summary>
internal sealed class ConnectionGuards(TimeProvider time, ILogger<ConnectionGuards> logger)
{
    private readonly ConnectionEnds _ends = new(time, logger);
    private readonly ControlBudget _controlFrames =
        new(time, ControlBudget.UnitsPerSecond, ControlBudget.UnitsKeptMax);

    /// <summary>Connections that have a place: being served, or closed and not let go of.</summary>
    internal int Open => _ends.Open;

    /// <summary>Puts the guards around what serves a connection.</summary>
    internal ConnectionDelegate Around(ConnectionDelegate serve) =>
        _ends.Around(PacedInput.Around(serve, _controlFrames, time));
}
