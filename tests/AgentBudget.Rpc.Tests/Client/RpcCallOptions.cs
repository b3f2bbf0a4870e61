namespace AgentBudget.Rpc.Tests;

/// <summary>What a caller adds to a call. Immutable, so that one instance serves many calls.</summary>
internal sealed class RpcCallOptions
{
    /// <summary>No deadline, no metadata.</summary>
    public static RpcCallOptions None { get; } = new();

    /// <summary>How long the call may take, sent to the server and kept here too. Null: as long as it takes.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Request headers: lower-case ASCII names, printable ASCII values, base64 for names that end in
    /// <c>-bin</c>.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>The token of <c>authorization: Bearer …</c>; null sends none.</summary>
    public string? BearerToken { get; init; }
}
