using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Cluster.Tests.Network;

/// <summary>
/// Carries connections on: what comes in at one place goes out from another one. So a server on the machine's loopback
/// is a server on the wire, and on the loopback of a namespace.
/// </summary>
internal sealed class Relay : IAsyncDisposable
{
    private const int BufferLength = 64 * 1024;

    private readonly Socket _listener;
    private readonly Func<CancellationToken, Task<Socket>> _connect;
    private readonly CancellationTokenSource _ending = new();
    private readonly Task _accepting;

    private Relay(Socket listener, Func<CancellationToken, Task<Socket>> connect)
    {
        _listener = listener;
        _connect = connect;
        _accepting = AcceptAsync();
    }

    /// <summary>From an address inside to a port of the machine's loopback.</summary>
    public static Relay ToMachine(NetNamespace from, IPAddress address, int port) => new(
        from.Listen(new IPEndPoint(address, port)),
        async token =>
        {
            Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), token);
            return socket;
        });

    /// <summary>From the loopback inside to an address on the wire.</summary>
    public static Relay ToWire(NetNamespace inside, IPAddress address, int port) => new(
        inside.Listen(new IPEndPoint(IPAddress.Loopback, port)),
        token => inside.ConnectAsync(new IPEndPoint(address, port), token));

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = CarryAsync(await _listener.AcceptAsync(_ending.Token));
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task CarryAsync(Socket near)
    {
        using (near)
        {
            try
            {
                near.NoDelay = true;
                using Socket far = await _connect(_ending.Token);
                await Task.WhenAny(CopyAsync(near, far), CopyAsync(far, near));
            }
            catch (Exception end) when (end is SocketException or OperationCanceledException)
            {
                // Nobody is there; whoever called finds out.
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[BufferLength];
        try
        {
            while (await from.ReceiveAsync(buffer, _ending.Token) is > 0 and int read)
            {
                for (int sent = 0; sent < read;)
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), _ending.Token);
            }
        }
        catch (Exception end) when (end is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Broken by one of its ends.
        }
    }
}
