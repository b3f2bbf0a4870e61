using AgentBudget.Gateway.Sessions;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Gateway.Calls;

/// <summary>What can end a call before its answer does.</summary>
/// <param name="Http">The caller, who may leave.</param>
/// <param name="Lease">The session, which may be over; null for a call that does not stream.</param>
/// <param name="Stop">Ends the upstream's part.</param>
/// <param name="MayDrain">The upstream bills the whole stream, so it is read on when nobody gets it.</param>
/// <param name="Gone">Cancelled when either is.</param>
internal sealed record CallEnd(
    HttpContext Http, SessionWatch.Lease? Lease, CancellationTokenSource Stop, bool MayDrain, CancellationToken Gone)
{
    /// <summary>The session may spend no longer.</summary>
    public bool IsOver => Lease is { Over.IsCancellationRequested: true };
}
