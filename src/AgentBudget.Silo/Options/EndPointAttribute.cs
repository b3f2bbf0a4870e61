using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Silo.Options;

/// <summary>HOST:PORT, where the host is an IP address or localhost: nothing that a resolver could change.</summary>
internal sealed class EndPointAttribute(string key) : ValueAttribute(key)
{
    /// <summary>The end point, or null when the text is none. Port 0 is any that is free.</summary>
    public static IPEndPoint? Parse(string text)
    {
        int colon = text.LastIndexOf(':');
        string host = colon < 0 ? "" : text[..colon];
        if (host == "localhost") host = "127.0.0.1";
        bool isBracketed = host.StartsWith('[') && host.EndsWith(']');
        bool isAddress = IPAddress.TryParse(isBracketed ? host[1..^1] : host, out IPAddress? address)
            && isBracketed == (address.AddressFamily == AddressFamily.InterNetworkV6);
        return isAddress && ushort.TryParse(text.AsSpan(colon + 1), out ushort port)
            ? new IPEndPoint(address!, port)
            : null;
    }

    /// <inheritdoc/>
    protected override string? FaultOf(string value) => Parse(value) is null
        ? $"must be HOST:PORT with an IP address or localhost, such as 127.0.0.1:7070, not {value}."
        : null;
}
