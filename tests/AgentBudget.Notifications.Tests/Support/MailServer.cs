using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentBudget.Notifications.Tests.Support;

/// <summary>A mail server of one connection that speaks as much of RFC 5321 as a sender needs.</summary>
internal sealed class MailServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly string _recipientAnswer;

    public MailServer(string recipientAnswer = "250 taken")
    {
        _recipientAnswer = recipientAnswer;
        _listener.Start();
        Message = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Who was named and what was sent, once the connection has ended.</summary>
    public Task<(List<string> Recipients, string Text)> Message { get; }

    public void Dispose() => _listener.Dispose();

    private async Task<(List<string> Recipients, string Text)> ServeAsync()
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync();
        using StreamReader reader = new(client.GetStream(), Encoding.UTF8);
        await using StreamWriter writer = new(client.GetStream()) { NewLine = "\r\n", AutoFlush = true };
        List<string> recipients = [];
        StringBuilder text = new();
        await writer.WriteLineAsync("220 mail.acme.test");
        while (await reader.ReadLineAsync() is { } line)
        {
            string verb = line.Split(' ', ':')[0].ToUpperInvariant();
            if (verb == "RCPT") recipients.Add(line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..].Split('>')[0]);
            if (verb == "DATA")
            {
                await writer.WriteLineAsync("354 go on");
                while (await reader.ReadLineAsync() is { } part && part != ".") text.AppendLine(part);
            }

            await writer.WriteLineAsync(verb switch
            {
                "RCPT" => _recipientAnswer,
                "QUIT" => "221 bye",
                _ => "250 ok",
            });
            if (verb == "QUIT") break;
        }

        return (recipients, text.ToString());
    }
}
