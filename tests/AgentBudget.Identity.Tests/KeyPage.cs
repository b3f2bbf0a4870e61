using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentBudget.Identity.Tests;

/// <summary>A page that an issuer keeps its keys on: what it says can change, and it can be away.</summary>
internal sealed class KeyPage : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, port: 0);

    public KeyPage()
    {
        _listener.Start();
        _ = Task.Run(ServeAsync);
    }

    public string Url => $"http://{_listener.LocalEndpoint}/jwks";

    /// <summary>What it answers; null for an error.</summary>
    public string? Text { get; set; }

    /// <summary>How often it was asked.</summary>
    public int Asked { get; private set; }

    public void Dispose() => _listener.Dispose();

    private async Task ServeAsync()
    {
        byte[] buffer = new byte[16 * 1024];
        try
        {
            while (true)
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync();
                // A question is short and comes whole; a connection without one is none.
                if (await client.GetStream().ReadAsync(buffer) == 0)
                    continue;
                Asked++;
                string status = Text is null ? "503 Service Unavailable" : "200 OK";
                byte[] body = Encoding.UTF8.GetBytes(Text ?? "");
                string head = $"HTTP/1.1 {status}\r\ncontent-length: {body.Length}\r\nconnection: close\r\n\r\n";
                await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
                await client.GetStream().WriteAsync(body);
            }
        }
        catch (Exception fault) when (fault is SocketException or ObjectDisposedException or IOException)
        {
            // The test is over.
        }
    }
}
