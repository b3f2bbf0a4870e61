namespace AgentBudget.Silo.Options;

/// <summary>HOST:PORT of a server, whose host may be a name.</summary>
internal sealed class HostPortAttribute(string key) : ValueAttribute(key)
{
    /// <summary>The host and the port, or null when the text is none.</summary>
    public static (string Host, int Port)? Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon].Trim('[', ']');
        bool isHost = Uri.CheckHostName(host) != UriHostNameType.Unknown;
        return isHost && ushort.TryParse(text.AsSpan(colon + 1), out ushort port) && port > 0 ? (host, port) : null;
    }

    /// <inheritdoc/>
    protected override string? FaultOf(string value) =>
        Parse(value) is null ? $"must be HOST:PORT, such as smtp.acme.test:587, not {value}." : null;
}
