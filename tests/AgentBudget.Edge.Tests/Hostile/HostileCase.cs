namespace AgentBudget.Edge.Tests.Hostile;

/// <summary>Something hostile on a connection of its own.</summary>
/// <param name="Name">What it is.</param>
/// <param name="IsHttp2">Over HTTP/2, beginning with the preface; otherwise over HTTP/1.1.</param>
/// <param name="Bytes">Everything that is sent.</param>
/// <param name="Outcome">
/// What must come: <c>grpc 8 REASON</c>, <c>HTTP 415</c>, <c>HTTP 429 REASON</c>, <c>HTTP 200 grpc 8 REASON</c>,
/// <c>RST 1</c>, <c>GOAWAY 1</c> (the last two with the error of HTTP/2), or <c>closed</c>.
/// </param>
/// <param name="Closes">Whether the connection must be over then; otherwise it must serve a next call.</param>
internal sealed record HostileCase(string Name, bool IsHttp2, byte[] Bytes, string Outcome, bool Closes)
{
    /// <inheritdoc/>
    public override string ToString() => Name;
}
