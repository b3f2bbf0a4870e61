using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace AgentBudget.Cluster.Tests.Network;

/// <summary>
/// A network namespace of its own: an own loopback, and nothing else until something is moved into it. Processes are
/// started inside; sockets are made inside, and used from anywhere.
/// </summary>
internal sealed class NetNamespace : IAsyncDisposable
{
    private NetNamespace(string name) => Name = name;

    public string Name { get; }

    /// <summary>What a process is started by, to be inside.</summary>
    public IReadOnlyList<string> Launcher => ["ip", "netns", "exec", Name];

    public static async Task<NetNamespace> CreateAsync(string name)
    {
        await IpAsync("netns", "add", name);
        NetNamespace made = new(name);
        await IpAsync("-n", name, "link", "set", "lo", "up");
        return made;
    }

    /// <summary>Moves a device inside and gives it its only address.</summary>
    public async Task TakeAsync(string device, string address)
    {
        await IpAsync("link", "set", device, "netns", Name);
        await IpAsync("-n", Name, "addr", "add", address, "dev", device);
        await IpAsync("-n", Name, "link", "set", device, "up");
    }

    /// <summary>A listener inside.</summary>
    public Socket Listen(IPEndPoint at)
    {
        Socket socket = MakeSocket();
        socket.Bind(at);
        socket.Listen();
        return socket;
    }

    /// <summary>A connection from inside.</summary>
    public async Task<Socket> ConnectAsync(EndPoint to, CancellationToken cancellationToken)
    {
        Socket socket = MakeSocket();
        try
        {
            await socket.ConnectAsync(to, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Makes connections of HTTP from inside.</summary>
    public async ValueTask<Stream> ConnectAsync(
        SocketsHttpConnectionContext context, CancellationToken cancellationToken) =>
        new NetworkStream(await ConnectAsync(
            new IPEndPoint(IPAddress.Parse(context.DnsEndPoint.Host), context.DnsEndPoint.Port), cancellationToken),
            ownsSocket: true);

    public async ValueTask DisposeAsync() => await IpAsync("netns", "del", Name);

    // A socket belongs to the namespace of the thread that makes it; that thread is of no use to others then.
    private Socket MakeSocket()
    {
        Socket? made = null;
        Exception? fault = null;
        Thread thread = new(() =>
        {
            try
            {
                using SafeFileHandle inside = File.OpenHandle($"/var/run/netns/{Name}");
                NativeNetwork.Enter(inside);
                made = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            }
            catch (Exception exception)
            {
                fault = exception;
            }
        });
        thread.Start();
        thread.Join();
        return made ?? throw new InvalidOperationException($"no socket could be made in the namespace {Name}", fault);
    }

    private static async Task IpAsync(params string[] arguments)
    {
        ProcessStartInfo start = new("ip", arguments) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string said = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"ip {string.Join(' ', arguments)}: {said.Trim()}; needs root");
    }
}
