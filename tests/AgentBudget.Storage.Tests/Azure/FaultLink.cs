using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>What happens to a call on its way.</summary>
internal enum LinkFault
{
    /// <summary>It arrives, and its answer comes back.</summary>
    None,

    /// <summary>It does not arrive, and is answered as busy (503).</summary>
    BusyUnsent,

    /// <summary>It arrives, and is answered as timed out (500).</summary>
    TimedOutSent,

    /// <summary>It does not arrive, and the connection breaks.</summary>
    BreakUnsent,

    /// <summary>It arrives, and the connection breaks.</summary>
    BreakSent,

    /// <summary>Half of its body arrives, and both connections break.</summary>
    Tear,

    /// <summary>It arrives twice, and the second answer comes back.</summary>
    Twice,

    /// <summary>It waits until it is let go, and then arrives; its answer comes back.</summary>
    Hold,
}

/// <summary>
/// A way to the service on which calls go wrong as a test wants it. Bytes are carried as they are; each call has
/// connections of its own.
/// </summary>
internal sealed class FaultLink : IAsyncDisposable
{
    private const int HeadLengthMax = 64 * 1024;

    private static readonly byte[] EndOfHead = "\r\n\r\n"u8.ToArray();

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ending = new();
    private readonly int _serverPort;
    private readonly Task _accepting;
    private TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _letGo = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public FaultLink(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What happens to a call, by its first line and its headers; on any thread.</summary>
    public Func<string, LinkFault> OnCall { get; set; } = _ => LinkFault.None;

    /// <summary>Whether a call appends a block.</summary>
    public static bool IsAppend(string head) => head.Contains("comp=appendblock", StringComparison.Ordinal);

    /// <summary>From now on appends go wrong.</summary>
    public void FailAppends(LinkFault fault) => OnCall = head => IsAppend(head) ? fault : LinkFault.None;

    /// <summary>From now on everything arrives.</summary>
    public void Mend() => OnCall = _ => LinkFault.None;

    /// <summary>Completes when a call waits.</summary>
    public Task HeldAsync(TimeSpan patience) => _held.Task.WaitAsync(patience);

    /// <summary>Lets go what waits.</summary>
    public void LetGo()
    {
        _letGo.TrySetResult();
        _held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _letGo = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        _listener.Stop();
        LetGo();
        await _accepting;
        _listener.Dispose();
        _ending.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = CarryAsync(await _listener.AcceptTcpClientAsync(_ending.Token));
        }
        catch (Exception end) when (end is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task CarryAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                byte[] call = await ReadCallAsync(stream);
                if (call.Length == 0) return;
                await AnswerAsync(stream, call);
                client.Client.Shutdown(SocketShutdown.Send);
            }
            catch (Exception end) when (end is IOException or SocketException or ObjectDisposedException
                or OperationCanceledException)
            {
                // Broken by one of its ends; whoever called finds out.
            }
        }
    }

    private async Task AnswerAsync(NetworkStream client, byte[] call)
    {
        string head = Encoding.ASCII.GetString(call, 0, call.AsSpan().IndexOf(EndOfHead));
        switch (OnCall(head))
        {
            case LinkFault.None:
                await client.WriteAsync(await SendAsync(call), _ending.Token);
                break;
            case LinkFault.BusyUnsent:
                await client.WriteAsync(Failure("503 Server Busy", "ServerBusy"), _ending.Token);
                break;
            case LinkFault.TimedOutSent:
                await SendAsync(call);
                await client.WriteAsync(Failure("500 Timed Out", "OperationTimedOut"), _ending.Token);
                break;
            case LinkFault.BreakUnsent:
                break;
            case LinkFault.BreakSent:
                await SendAsync(call);
                break;
            case LinkFault.Tear:
                await TearAsync(call);
                break;
            case LinkFault.Twice:
                await SendAsync(call);
                await client.WriteAsync(await SendAsync(call), _ending.Token);
                break;
            case LinkFault.Hold:
                Task letGo = _letGo.Task;
                _held.TrySetResult();
                await letGo;
                await client.WriteAsync(await SendAsync(call), _ending.Token);
                break;
        }
    }

    // The whole answer: the service closes the connection behind it.
    private async Task<byte[]> SendAsync(byte[] call)
    {
        using TcpClient server = new();
        await server.ConnectAsync(IPAddress.Loopback, _serverPort, _ending.Token);
        await server.GetStream().WriteAsync(call, _ending.Token);
        using MemoryStream answer = new();
        await server.GetStream().CopyToAsync(answer, _ending.Token);
        return answer.ToArray();
    }

    private async Task TearAsync(byte[] call)
    {
        using TcpClient server = new();
        await server.ConnectAsync(IPAddress.Loopback, _serverPort, _ending.Token);
        int head = call.AsSpan().IndexOf(EndOfHead) + EndOfHead.Length;
        int half = head + ((call.Length - head) / 2);
        await server.GetStream().WriteAsync(call.AsMemory(0, half), _ending.Token);
    }

    private static byte[] Failure(string status, string code) => Encoding.ASCII.GetBytes(
        $"HTTP/1.1 {status}\r\nx-ms-error-code: {code}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

    // Head and body, with the wish that the connection be closed behind the answer.
    private async Task<byte[]> ReadCallAsync(NetworkStream client)
    {
        using MemoryStream read = new();
        byte[] buffer = new byte[64 * 1024];
        int headLength = -1;
        long wanted = long.MaxValue;
        while (read.Length < wanted)
        {
            int count = await client.ReadAsync(buffer, _ending.Token);
            if (count == 0) return [];
            read.Write(buffer, 0, count);
            if (headLength >= 0) continue;
            headLength = read.GetBuffer().AsSpan(0, (int)read.Length).IndexOf(EndOfHead);
            if (headLength >= 0) wanted = headLength + EndOfHead.Length + BodyLength(read.GetBuffer(), headLength);
            else if (read.Length > HeadLengthMax) return [];
        }

        byte[] call = read.ToArray();
        return [.. call[..headLength], .. "\r\nConnection: close"u8, .. call[headLength..]];
    }

    private static long BodyLength(byte[] bytes, int headLength)
    {
        const string Name = "\r\ncontent-length:";
        string head = Encoding.ASCII.GetString(bytes, 0, headLength);
        int at = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (at < 0) return 0;
        string rest = head[(at + Name.Length)..];
        return long.Parse(rest.Split('\r')[0].Trim(), CultureInfo.InvariantCulture);
    }
}
