namespace AgentBudget.Api.Edge;

/// <summary>What one request message may be.</summary>
internal static class MessageBounds
{
    /// <summary>Bytes of a request message, after inflation.</summary>
    internal const int MessageBytesMax = 256 * 1024;

    /// <summary>
    /// Bytes of the body of a request that holds one message in an envelope: base64, or JSON with its names and its
    /// white space. What is in it is bounded by itself.
    /// </summary>
    internal const long EnvelopeBytesMax = 4 * MessageBytesMax;

    /// <summary>How long after its headers a request message may take to arrive.</summary>
    internal static readonly TimeSpan ArrivalMax = TimeSpan.FromSeconds(30);
}
