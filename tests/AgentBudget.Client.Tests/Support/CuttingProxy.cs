using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Client.Tests.Support;

/// <summary>A TCP proxy before a silo that cuts its connections when it is told, as a network does.</summary>
internal sealed class CuttingProxy : IAsyncDisposable
{
    private const int BufferBytes = 64 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Connection, bool> _open = new();
    private readonly ConcurrentBag<Task> _serving = [];
    private readonly int _targetPort;
    private readonly Task _accepting;
    private volatile bool _isDeaf;
    private int _cuts;

    public CuttingProxy(Uri target)
    {
        _targetPort = target.Port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Address => new($"http://{_listener.LocalEndpoint}");

    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>While it is deaf it takes bytes and passes none on: a network that swallows.</summary>
    public bool IsDeaf
    {
        get => _isDeaf;
        set => _isDeaf = value;
    }

    /// <summary>Resets every open connection, in the middle of whatever it carries.</summary>
    public void Cut()
    {
        foreach (Connection connection in _open.Keys)
        {
            if (!_open.TryRemove(connection, out _)) continue;
            Interlocked.Increment(ref _cuts);
            connection.Reset();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        await Task.WhenAll(_serving);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _serving.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token)));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The proxy ends.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using Connection connection = new(client);
        try
        {
            await connection.Server.ConnectAsync(IPAddress.Loopback, _targetPort, _stop.Token);
            _open[connection] = true;
            await Task.WhenAny(
                PassAsync(connection.Client, connection.Server), PassAsync(connection.Server, connection.Client));
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The silo is down: the client's connection ends.
        }

        _open.TryRemove(connection, out _);
    }

    private async Task PassAsync(Socket from, Socket to)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            int bytes;
            while ((bytes = await from.ReceiveAsync(buffer, _stop.Token)) > 0)
            {
                if (!_isDeaf) await to.SendAsync(buffer.AsMemory(0, bytes), _stop.Token);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException
            or ObjectDisposedException)
        {
            // One side has gone.
        }
    }

    private sealed class Connection(Socket client) : IDisposable
    {
        public Socket Client { get; } = client;

        public Socket Server { get; } = new(SocketType.Stream, ProtocolType.Tcp);

        public void Reset()
        {
            Client.LingerState = new LingerOption(enable: true, seconds: 0); // A reset, not a goodbye.
            Dispose();
        }

        public void Dispose()
        {
            Client.Dispose();
            Server.Dispose();
        }
    }
}
