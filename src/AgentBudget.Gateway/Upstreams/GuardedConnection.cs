using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Gateway.Upstreams;

/// <summary>
/// Connects to an upstream. The name is resolved here and the address that is connected to is the one that was checked,
/// so a name that changes its address in between leads nowhere else.
/// </summary>
internal static class GuardedConnection
{
    /// <summary>A handler that takes no redirect, no cookie, no proxy and no encoding on itself.</summary>
    public static SocketsHttpHandler MakeHandler(bool allowPrivate) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = TimeSpan.FromSeconds(15),
        PooledConnectionLifetime = TimeSpan.FromMinutes(10),
        EnableMultipleHttp2Connections = true,
        MaxResponseHeadersLength = 64,
        ConnectCallback = (context, cancellation) =>
            ConnectAsync(context.DnsEndPoint, allowPrivate, cancellation),
    };

    private static async ValueTask<Stream> ConnectAsync(
        DnsEndPoint where, bool allowPrivate, CancellationToken cancellation)
    {
        IPAddress[] addresses = IPAddress.TryParse(where.Host, out IPAddress? literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(where.Host, cancellation);
        if (!allowPrivate && Array.Find(addresses, address => !PublicAddress.Is(address)) is { } refused)
        {
            throw new HttpRequestException(
                HttpRequestError.ConnectionError,
                $"{where.Host} leads to {refused}, which is not public. Set allowPrivate on its upstream to allow it.");
        }

        Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, where.Port, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
