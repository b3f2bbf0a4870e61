using AgentBudget.Bench.Http2;

namespace AgentBudget.Bench;

/// <summary>A session that calls spend from.</summary>
internal sealed record BudgetSession(string Token);

/// <summary>A hold that a reserve-only round left open.</summary>
internal readonly record struct OpenHold(int Session, UInt128 Reservation);

/// <summary>
/// Headers that all calls of a run share; one object a header, so that it is sent as text once a connection.
/// </summary>
internal sealed class CallHeaders(string authority, string adminKey)
{
    private readonly Header _authority = new(":authority", authority, isIndexed: true);
    private readonly Header _contentType = new("content-type", "application/grpc", isIndexed: true);
    private readonly Header _te = new("te", "trailers", isIndexed: true);
    private readonly Header _authorization = new("authorization", "Bearer " + adminKey, isIndexed: true);

    /// <summary>Path of the method that does nothing.</summary>
    public Header NoOp { get; } = Path("grpc.health.v1.Health/Check");

    public Header Reserve { get; } = Path("agentbudget.v1.BudgetService/ReserveTokens");

    public Header Commit { get; } = Path("agentbudget.v1.BudgetService/CommitTokens");

    public Header Release { get; } = Path("agentbudget.v1.BudgetService/ReleaseTokens");

    public Header Spend { get; } = Path("agentbudget.v1.BudgetService/Spend");

    /// <summary>The headers of a method. Tenant and session are in the message's token.</summary>
    public Header[] Of(Header path) => [path, _authority, _contentType, _te, _authorization];

    private static Header Path(string method) => new(":path", "/" + method, isIndexed: true);
}
