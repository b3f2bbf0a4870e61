using System.Net;
using System.Net.Sockets;

namespace AgentBudget.Storage.Tests.Postgres;

/// <summary>
/// A way to the server on which answers get lost: what was asked arrives, what was answered does not, and then the
/// connection breaks.
/// </summary>
internal sealed class LossyLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<TcpClient> _clients = [];
    private readonly int _serverPort;
    private readonly Task _accepting;
    private volatile bool _losesAnswers;
    private TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LossyLink(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on answers are kept back.</summary>
    public void LoseAnswers()
    {
        _lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _losesAnswers = true;
    }

    /// <summary>Completes when an answer was kept back.</summary>
    public Task AnswerLostAsync(TimeSpan patience) => _lost.Task.WaitAsync(patience);

    /// <summary>Breaks every connection; those made later are whole.</summary>
    public void Break()
    {
        lock (_clients)
        {
            foreach (TcpClient client in _clients) client.Dispose();
            _clients.Clear();
        }

        _losesAnswers = false;
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        Break();
        await _accepting;
        _listener.Dispose();
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_ending.Token);
                TcpClient server = new();
                await server.ConnectAsync(IPAddress.Loopback, _serverPort, _ending.Token);
                lock (_clients) _clients.AddRange([client, server]);
                _ = CarryAsync(client, server, isAnswers: false);
                _ = CarryAsync(server, client, isAnswers: true);
            }
            catch (Exception end) when (end is OperationCanceledException or SocketException)
            {
                // Stopped, or the server is away: whoever connected finds out.
            }
        }
    }

    private async Task CarryAsync(TcpClient from, TcpClient to, bool isAnswers)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                int read = await from.GetStream().ReadAsync(buffer, _ending.Token);
                if (read == 0) break;
                if (isAnswers && _losesAnswers)
                {
                    _lost.TrySetResult();
                    continue;
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, read), _ending.Token);
            }
        }
        catch (Exception end) when (end is IOException or ObjectDisposedException or InvalidOperationException
            or OperationCanceledException)
        {
            // Broken by one of its ends.
        }

        to.Dispose();
    }
}
