using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Outbound;

/// <summary>
/// Connects to a server that somebody named. The name is resolved here and the address that is connected to is the one
/// that was checked, so a name that changes its address in between leads nowhere else.
/// </summary>
public static class GuardedConnection
{
    /// <summary>A handler that takes no redirect, no cookie, no proxy and no encoding on itself.</summary>
    /// <param name="allowPrivate">Whether an address may be one that is not public.</param>
    /// <param name="howToAllow">A sentence that says how to allow it.</param>
    public static SocketsHttpHandler MakeHandler(bool allowPrivate, string howToAllow) => new()
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
            ConnectAsync(context.DnsEndPoint, allowPrivate, howToAllow, cancellation),
    };

    private static async ValueTask<Stream> ConnectAsync(
        DnsEndPoint where, bool allowPrivate, string howToAllow, CancellationToken cancellation)
    {
        IPAddress[] addresses = IPAddress.TryParse(where.Host, out IPAddress? literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(where.Host, cancellation);
        if (!allowPrivate && Array.Find(addresses, address => !PublicAddress.Is(address)) is { } refused)
        {
            throw new AddressNotPublicException($"{where.Host} leads to {refused}, which is not public. {howToAllow}");
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

/// <summary>A name leads to an address that is not public. Its message names the address.</summary>
public sealed class AddressNotPublicException(string message)
    : HttpRequestException(HttpRequestError.ConnectionError, message);
